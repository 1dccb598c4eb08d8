package missing

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

const noFile = "open /etc/kubernetes/pki/ca.crt: no such file or directory"

func TestWhatIsMissing(t *testing.T) {
	api := snapshot.Manifest{Text: snapshot.Text{Path: "/m/kube-apiserver.yaml"}, Fields: []snapshot.Field{{Path: "metadata.annotations.kubeadm.kubernetes.io/x", Value: "1"}},
		Containers: []snapshot.ManifestContainer{{Command: "kube-apiserver", Flags: []snapshot.Flag{{Name: "client-ca-file", Value: "/etc/kubernetes/pki/cluster.crt", Line: 5}}}}}
	there := snapshot.PEMFile{Path: "/etc/kubernetes/pki/ca.crt"}
	for what, tc := range map[string]struct {
		files []snapshot.PEMFile
		want  int
	}{
		"there":                               {[]snapshot.PEMFile{{Path: "/x", UsedBy: []string{"/a:1"}}}, 0},
		"missing":                             {[]snapshot.PEMFile{{Path: "/x", Error: noFile, UsedBy: []string{"/a:1"}}}, 1},
		"missing, and nobody wants it":        {[]snapshot.PEMFile{{Path: "/x", Error: noFile}}, 0},
		"not to be read":                      {[]snapshot.PEMFile{{Path: "/x", Error: "read /x: input/output error", UsedBy: []string{"/a:1"}}}, 0},
		"the flag names another than kubeadm": {[]snapshot.PEMFile{there, {Path: "/etc/kubernetes/pki/cluster.crt", Error: noFile, UsedBy: []string{"/m/kube-apiserver.yaml:5"}}}, 0},
		"neither is there":                    {[]snapshot.PEMFile{{Path: "/etc/kubernetes/pki/cluster.crt", Error: noFile, UsedBy: []string{"/m/kube-apiserver.yaml:5"}}}, 1},
	} {
		s := &snapshot.Snapshot{Static: &snapshot.Static{Manifests: []snapshot.Manifest{api}}, PKI: &snapshot.PKI{Files: tc.files}}
		if got := detect(s); len(got) != tc.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

func TestAnAuthorityIsForAPerson(t *testing.T) {
	s := &snapshot.Snapshot{PKI: &snapshot.PKI{
		Files: []snapshot.PEMFile{{Path: "/ca", Error: noFile, UsedBy: []string{"/a:1"}}},
		Edges: []snapshot.Edge{{Client: "kubelet", Server: "kube-apiserver", Checks: snapshot.EdgeClient, Cert: "/c", CA: "/ca", Error: noFile}},
	}}
	if plan, err := remedy(s, detect(s)[0]); err == nil {
		t.Errorf("planned %v", plan)
	}
}
