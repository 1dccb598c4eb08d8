package volume

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

// Where etcd's data lies is a matter of whoever made the cluster: another folder
// makes an empty cluster of it.
func TestDataIsLeftAlone(t *testing.T) {
	for what, is := range map[string]string{"a disk that is not mounted": "missing", "a certificate that is gone": "directory"} {
		m := snapshot.Manifest{Text: snapshot.Text{Path: "/m/etcd.yaml"}, Containers: []snapshot.ManifestContainer{{Name: "etcd", Command: "etcd", Program: "etcd"}},
			Volumes: []snapshot.ManifestVolume{{Name: "etcd-data", Path: "/data/etcd", Type: "Directory", Is: is, Line: 9}},
			Fields: []snapshot.Field{{Path: "metadata.annotations.kubeadm.kubernetes.io/x", Value: "1"}, {Path: "spec.volumes[0].name", Value: "etcd-data"},
				{Path: "spec.volumes[0].hostPath.path", Value: "/data/etcd", Line: 9}, {Path: "spec.volumes[0].hostPath.type", Value: "Directory", Line: 10}},
		}
		named := snapshot.NamedFile{Manifest: m.Path, Component: "etcd", Flag: "cert-file", Path: "/etc/kubernetes/pki/etcd/server.crt", Host: "/etc/kubernetes/pki/etcd/server.crt", Is: "missing"}
		s := &snapshot.Snapshot{Processes: &snapshot.Processes{}, Static: &snapshot.Static{Manifests: []snapshot.Manifest{m}, Named: []snapshot.NamedFile{named}}}
		got := detect(s)
		if len(got) > 0 != (is == "missing") {
			t.Errorf("%s: %+v", what, got)
		}
		for _, f := range got {
			if plan, err := remedy(s, f); err == nil {
				t.Errorf("%s: planned %v", what, plan)
			}
		}
	}
}
