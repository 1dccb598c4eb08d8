package drift

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/internal/baseline"
	"github.com/klustered/klustered/internal/baseline/git"
	"github.com/klustered/klustered/op"
)

// capture keeps a baseline of the simulated node on it.
func capture(t *testing.T, m *faulttest.Machine) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "baseline")
	files, err := baseline.Node(m.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := git.Init(dir); err != nil {
		t.Fatal(err)
	}
	if _, _, err := git.Record(dir, files, git.Person{Name: "operator"}, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), "all is well"); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(dir, func(name string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return m.WriteFile(baseline.Dir+strings.TrimPrefix(name, dir), op.File{Data: data, Mode: 0o600})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func edit(t *testing.T, m *faulttest.Machine, name, from, to string) {
	t.Helper()
	f, err := m.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(f.Data), from) {
		t.Fatalf("%s has no %q", name, from)
	}
	f.Data = []byte(strings.Replace(string(f.Data), from, to, 1))
	if err := m.WriteFile(name, f); err != nil {
		t.Fatal(err)
	}
}

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		capture(t, m)
		edit(t, m, "/var/lib/kubelet/config.yaml", "kind: KubeletConfiguration", "kind: KubeletConfiguration\nmaxPods: 3")
	}))
}

// TestCaptured holds that a node is as its baseline until something changes,
// also after a boot.
func TestCaptured(t *testing.T) {
	m := faulttest.New(t)
	capture(t, m)
	for range 2 {
		s := m.Snapshot()
		if s.Baseline == nil || s.Baseline.Files == 0 {
			t.Fatalf("nothing was compared: %+v", s.Baseline)
		}
		if got := Fault.Detect(s); len(got) > 0 {
			t.Fatalf("nothing has changed, and it says %+v", got)
		}
		m.Reboot()
	}
}

// TestKinds holds what is said and planned of each kind of drift.
func TestKinds(t *testing.T) {
	m := faulttest.New(t)
	capture(t, m)
	const manifests = "/etc/kubernetes/manifests/"
	edit(t, m, manifests+"kube-apiserver.yaml", "    - --", "    - --profiling=false\n    - --")
	if err := m.RemoveFile(manifests + "kube-scheduler.yaml"); err != nil {
		t.Fatal(err)
	}
	f, err := m.ReadFile(manifests + "etcd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.WriteFile(manifests+"other.yaml", f); err != nil {
		t.Fatal(err)
	}
	f.Mode = 0o666
	if err := m.WriteFile(manifests+"etcd.yaml", f); err != nil {
		t.Fatal(err)
	}
	s := m.Snapshot()
	said := map[string]string{}
	for _, x := range Fault.Detect(s) {
		plan, err := Fault.Remedy(s, x)
		text := x.Facts[0].Got + " | " + x.Facts[0].Want
		for _, o := range plan {
			text += " | " + o.String()
		}
		if err != nil {
			text += " | " + err.Error()
		}
		said[strings.TrimPrefix(x.Subject.Name, manifests)] = text
	}
	for name, want := range map[string][]string{
		"kube-apiserver.yaml": {"- --profiling=false | - --", "all is well", "replace /etc/kubernetes/manifests/kube-apiserver.yaml"},
		"kube-scheduler.yaml": {"not there | the file", "create /etc/kubernetes/manifests/kube-scheduler.yaml"},
		"etcd.yaml":           {"mode 0666", "mode 0600", "set the mode"},
		"other.yaml":          {"a file | none", "cannot tell whether"},
	} {
		for _, w := range want {
			if !strings.Contains(said[name], w) {
				t.Errorf("%s: %q is not in %q", name, w, said[name])
			}
		}
	}
	if len(said) != 4 {
		t.Errorf("it says of %d: %v", len(said), said)
	}
}

// TestUnread holds that what was not read is not called gone.
func TestUnread(t *testing.T) {
	m := faulttest.New(t)
	capture(t, m)
	s := m.Snapshot()
	s.CNI = nil
	b, err := baseline.Read(git.Disk{}, filepath.Join(m.Root, baseline.Dir), "")
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.Compare(s, func(string) bool { return false })
	if err != nil || len(got.Drifts) > 0 || len(got.Unread) == 0 {
		t.Errorf("drifts %+v, unread %v, %v", got.Drifts, got.Unread, err)
	}
	s.Node = "another"
	if got, err := b.Compare(s, func(string) bool { return false }); got != nil || err != nil {
		t.Errorf("of a node that is not kept: %+v, %v", got, err)
	}
}
