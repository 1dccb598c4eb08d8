package damaged

import (
	"bytes"
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestWhatIsDamaged(t *testing.T) {
	used := []string{"/m:1"}
	for what, tc := range map[string]struct {
		file snapshot.PEMFile
		want int
	}{
		"whole":                        {snapshot.PEMFile{Size: 900, Certificates: 1, UsedBy: used}, 0},
		"damaged":                      {snapshot.PEMFile{Size: 900, Damage: "illegal base64", Line: 3, Offset: 80, UsedBy: used}, 1},
		"damaged, and nobody loads it": {snapshot.PEMFile{Size: 900, Damage: "illegal base64"}, 0},
		"line ends of Windows":         {snapshot.PEMFile{Size: 900, Certificates: 1, CRLF: true, UsedBy: used}, 0},
		"a mark that hides it":         {snapshot.PEMFile{Size: 900, BOM: true, UsedBy: used}, 1},
		"a mark before a comment":      {snapshot.PEMFile{Size: 900, BOM: true, Certificates: 1, UsedBy: used}, 0},
		"empty":                        {snapshot.PEMFile{UsedBy: used}, 1},
		"missing":                      {snapshot.PEMFile{Error: "no such file or directory", UsedBy: used}, 0},
		"other blocks":                 {snapshot.PEMFile{Size: 900, Foreign: 1, UsedBy: used}, 0},
	} {
		tc.file.Path = "/x.crt"
		if got := detect(&snapshot.Snapshot{PKI: &snapshot.PKI{Files: []snapshot.PEMFile{tc.file}}}); len(got) != tc.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
	embedded := snapshot.Certificate{Path: "/etc/kubernetes/scheduler.conf#users/system:kube-scheduler", Error: "it is not base64"}
	if got := detect(&snapshot.Snapshot{PKI: &snapshot.PKI{Certificates: []snapshot.Certificate{embedded}}}); len(got) != 1 {
		t.Errorf("embedded: %+v", got)
	}
}

const authority = "/etc/kubernetes/pki/ca.crt"

// restored breaks the cluster's authority, and what else change does, and
// returns what the remedy says of it.
func restored(t *testing.T, change func(m *faulttest.Machine)) (*faulttest.Machine, op.Plan, error) {
	t.Helper()
	m := faulttest.New(t)
	f, err := m.ReadFile(authority)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Poke(authority, bytes.Replace(f.Data, []byte("M"), []byte("#"), 1)); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(m)
	}
	s := m.Snapshot()
	for _, x := range detect(s) {
		if x.Subject.Name == authority {
			plan, err := Fault.Remedy(s, x)
			return m, plan, err
		}
	}
	t.Fatalf("it is not found: %+v", detect(s))
	return nil, nil, nil
}

// An authority is written from a kubeconfig, byte by byte as it was.
func TestAuthority(t *testing.T) {
	healthy, err := faulttest.New(t).ReadFile(authority)
	if err != nil {
		t.Fatal(err)
	}
	m, plan, err := restored(t, nil)
	if err != nil || len(plan) < 3 {
		t.Fatalf("%v, %v", plan, err)
	}
	w := plan[0].(op.WriteFile)
	if w.Path != authority || string(w.Data) != string(healthy.Data) || w.Mode != healthy.Mode {
		t.Errorf("%+v", w)
	}
	m.Repair(Fault)
	if got := detect(m.Snapshot()); len(got) > 0 {
		t.Errorf("after the remedy: %+v", got)
	}
}

// A copy that is another authority's is no copy.
func TestNoCopy(t *testing.T) {
	etcd := func(m *faulttest.Machine, from, to string) {
		f, err := m.ReadFile(from)
		if err == nil {
			err = m.Poke(to, f.Data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for what, change := range map[string]func(m *faulttest.Machine){
		"its key is another's": func(m *faulttest.Machine) { etcd(m, "/etc/kubernetes/pki/etcd/ca.key", "/etc/kubernetes/pki/ca.key") },
		"what is shown is another's": func(m *faulttest.Machine) {
			etcd(m, "/etc/kubernetes/pki/etcd/server.crt", "/etc/kubernetes/pki/apiserver-kubelet-client.crt")
		},
		"nobody embeds it": func(m *faulttest.Machine) {
			for _, name := range []string{"admin", "super-admin", "controller-manager", "scheduler", "kubelet"} {
				if err := m.RemoveFile("/etc/kubernetes/" + name + ".conf"); err != nil {
					t.Fatal(err)
				}
			}
			if err := m.RemoveFile("/root/.kube/config"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		if _, plan, err := restored(t, change); err == nil {
			t.Errorf("%s: %v", what, plan)
		}
	}
}

// A kubeconfig whose copy of the authority is damaged is made anew.
func TestEmbeddedAuthority(t *testing.T) {
	for _, name := range []string{"/etc/kubernetes/scheduler.conf", "/etc/kubernetes/admin.conf"} {
		m := faulttest.New(t)
		f, err := m.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		before, after, ok := bytes.Cut(f.Data, []byte("certificate-authority-data: "))
		if !ok {
			t.Fatalf("%s: %s", name, f.Data)
		}
		damaged := bytes.Join([][]byte{before, []byte("certificate-authority-data: "), []byte("Q0FSRA"), after}, nil)
		if err := m.Poke(name, damaged); err != nil {
			t.Fatal(err)
		}
		s := m.Snapshot()
		got := detect(s)
		if len(got) != 1 || !strings.HasPrefix(got[0].Subject.Name, name+"#clusters/") {
			t.Fatalf("%s: %+v", name, got)
		}
		if plan, err := Fault.Remedy(s, got[0]); err != nil || plan[0].(op.IssueKubeconfig).Path != name {
			t.Fatalf("%s: %v, %v", name, plan, err)
		}
		m.Repair(Fault)
		if got := detect(m.Snapshot()); len(got) > 0 {
			t.Errorf("%s: after the remedy %+v", name, got)
		}
		s.Kubeconfigs.Files = nil
		if plan, err := Fault.Remedy(s, got[0]); err == nil {
			t.Errorf("%s: of a file that is not known: %v", name, plan)
		}
	}
}
