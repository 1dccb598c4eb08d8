package manifest

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

const scheduler = `apiVersion: v1
kind: Pod
spec:
  containers:
  - name: kube-scheduler
    command:
    - kube-scheduler   # the program
    - --leader-elect=true
    - "--kubeconfig=/etc/kubernetes/scheduler.conf"
    - --v
    - "4"
    - --profiling
`

// part is the scheduler with those flags.
func part(content string, flags ...snapshot.Flag) Part {
	t := snapshot.Text{Path: "/m/kube-scheduler.yaml", Mode: 0o600, Content: content, SHA256: op.File{Data: []byte(content)}.Sum()}
	c := snapshot.ManifestContainer{Name: "kube-scheduler", Command: "kube-scheduler", Program: "kube-scheduler", Line: 5, Flags: flags}
	return Part{snapshot.Manifest{Text: t, Name: "kube-scheduler", Containers: []snapshot.ManifestContainer{c}}, c}
}

var flags = []snapshot.Flag{
	{Name: "leader-elect", Value: "true", Line: 8, Type: "bool"}, {Name: "kubeconfig", Value: "/etc/kubernetes/scheduler.conf", Line: 9, Type: "string"},
	{Name: "v", Value: "4", Line: 10, Type: "Level"}, {Name: "profiling", Value: "true", Line: 12, Type: "bool"},
}

func TestDraft(t *testing.T) {
	p := part(scheduler, flags...)
	for name, tc := range map[string]struct {
		draft     *Draft
		gone, has string // lines; with neither, the draft fails
	}{
		"set":                     {p.Change().Set(p, "leader-elect", "false"), "    - --leader-elect=true\n", "    - --leader-elect=false\n"},
		"set in quotes":           {p.Change().Set(p, "kubeconfig", "/x"), "scheduler.conf", "    - \"--kubeconfig=/x\"\n"},
		"set of two words":        {p.Change().Set(p, "v", "2"), "    - --v\n    - \"4\"\n", "    - --v=2\n    - --profiling\n"},
		"add":                     {p.Change().Set(p, "bind-address", "127.0.0.1"), "", "# the program\n    - --bind-address=127.0.0.1\n    - --leader-elect"},
		"drop":                    {p.Change().Drop(flags[0]), "leader-elect", "# the program\n    - \"--kube"},
		"drop of two words":       {p.Change().Drop(flags[2]), "- --v\n    - \"4\"", "conf\"\n    - --profiling\n"},
		"drop does not take more": {p.Change().Drop(flags[3]), "--profiling", "    - \"4\"\n"},
		"two at once":             {p.Change().Drop(flags[0]).Set(p, "v", "3"), "leader-elect", "    - --v=3\n"},
		"one twice":               {p.Change().Drop(flags[0]).Drop(flags[0]), "", ""},
		"nothing":                 {p.Change(), "", ""},
		"no flag there":           {p.Change().Drop(snapshot.Flag{Name: "x", Line: 6, Type: "bool"}), "", ""},
		"another flag there":      {p.Change().Drop(snapshot.Flag{Name: "x", Line: 8, Type: "bool"}), "", ""},
	} {
		plan, err := tc.draft.Plan("why")
		if (err != nil) != (tc.gone+tc.has == "") {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			continue
		}
		w := plan[0].(op.WriteFile)
		got := string(w.Data)
		if tc.gone != "" && strings.Contains(got, tc.gone) || !strings.Contains(got, tc.has) || w.Pin != p.File.SHA256 || w.Mode != 0o600 {
			t.Errorf("%s: %+v\n%s", name, w, got)
		}
	}
}

func TestDraftOfFlowStyle(t *testing.T) {
	p := part("spec:\n  containers:\n  - command: [kube-scheduler, --leader-elect=true]\n", snapshot.Flag{Name: "leader-elect", Value: "true", Line: 3, Type: "bool"})
	if _, err := p.Change().Set(p, "leader-elect", "false").Plan("why"); err == nil {
		t.Error("a line of several flags was changed")
	}
	if _, err := p.Change().Set(p, "v", "2").Plan("why"); err == nil {
		t.Error("a flag was added to a command of one line")
	}
}

func TestMendIsBounded(t *testing.T) {
	if _, err := Mend(strings.Repeat("a: b\n", 100000)+"\t", "etcd", ""); err == nil {
		t.Error("a text without end was mended")
	}
}

func TestKubeadm(t *testing.T) {
	s := &snapshot.Snapshot{
		Static: &snapshot.Static{Manifests: []snapshot.Manifest{{Name: "kube-apiserver", Fields: []snapshot.Field{
			{Path: "metadata.annotations.kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint", Value: "10.0.0.5:7443"}}}}},
		Cluster: &snapshot.Cluster{Settings: map[string]string{"serviceSubnet": "10.9.0.0/16"}},
	}
	for name, want := range map[string]string{
		"secure-port": "7443", "advertise-address": "10.0.0.5", "service-cluster-ip-range": "10.9.0.0/16",
		"service-account-issuer": "https://kubernetes.default.svc.cluster.local", "etcd-cafile": "/etc/kubernetes/pki/etcd/ca.crt", "v": "",
	} {
		if got, ok := Kubeadm(s, "kube-apiserver", name); got != want || ok != (want != "") {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got, ok := Kubeadm(s, "kube-controller-manager", "cluster-cidr"); ok {
		t.Errorf("a pod range that nobody told: %q", got)
	}
	if _, ok := Kubeadm(&snapshot.Snapshot{Static: &snapshot.Static{}}, "kube-scheduler", "leader-elect"); ok {
		t.Error("a control plane that kubeadm did not make")
	}
}
