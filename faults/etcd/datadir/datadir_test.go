package datadir

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func etcd(flags ...snapshot.Flag) snapshot.Manifest {
	for i := range flags {
		flags[i].Line = i + 1
	}
	return snapshot.Manifest{Text: snapshot.Text{Path: "/m/etcd.yaml"}, Containers: []snapshot.ManifestContainer{{Command: "etcd", Name: "etcd", Flags: flags}}}
}

func TestWhereItsDataLies(t *testing.T) {
	volume := func(path string) []snapshot.Field {
		return []snapshot.Field{
			{Path: "metadata.annotations.kubeadm.kubernetes.io/x", Value: "1"}, {Path: "spec.containers[0].name", Value: "etcd"},
			{Path: "spec.containers[0].volumeMounts[0].mountPath", Value: "/var/lib/etcd"}, {Path: "spec.containers[0].volumeMounts[0].name", Value: "data"},
			{Path: "spec.volumes[0].name", Value: "data"}, {Path: "spec.volumes[0].hostPath.path", Value: path},
		}
	}
	with := func(f []snapshot.Field, more ...snapshot.Field) []snapshot.Field { return append(f, more...) }
	left := &snapshot.Etcd{DataDir: "/srv/etcd", Store: &snapshot.EtcdStore{Others: []string{"/var/lib/etcd"}}}
	for what, tc := range map[string]struct {
		dir    string
		fields []snapshot.Field
		etcd   *snapshot.Etcd
		want   int
	}{
		"as kubeadm":                     {"/var/lib/etcd", volume("/var/lib/etcd"), nil, 0},
		"below the volume":               {"/var/lib/etcd/data", volume("/var/lib/etcd"), nil, 0},
		"in the container":               {"/var/lib/etcd-new", volume("/var/lib/etcd"), nil, 1},
		"another folder of the node":     {"/var/lib/etcd", volume("/srv/etcd"), nil, 0},
		"another, and the old one stays": {"/var/lib/etcd", volume("/srv/etcd"), left, 1},
		"the mount is ill written":       {"/var/lib/etcd-new", volume("/var/lib/etcd"), nil, 0},
		"mounts are not known":           {"/var/lib/etcd", nil, nil, 0},
		"another's folder": {"/var/lib/etcd", with(volume("/var/lib/etcd"), snapshot.Field{Path: "spec.securityContext.runAsUser", Value: "7"}),
			&snapshot.Etcd{Store: &snapshot.EtcdStore{DirMode: 0o700}}, 1},
		"its own folder": {"/var/lib/etcd", with(volume("/var/lib/etcd"), snapshot.Field{Path: "spec.securityContext.runAsUser", Value: "7"}),
			&snapshot.Etcd{Store: &snapshot.EtcdStore{DirMode: 0o700, DirUID: 7}}, 0},
	} {
		m := etcd(snapshot.Flag{Name: flag, Value: tc.dir})
		m.Fields = tc.fields
		if what == "the mount is ill written" {
			m.Problems = []snapshot.FieldProblem{{Kind: "unknown-field", Path: "spec.containers[0].volumeMount", Nearest: "volumeMounts"}}
		}
		if got := detect(&snapshot.Snapshot{PKI: &snapshot.PKI{}, Etcd: tc.etcd, Static: &snapshot.Static{Manifests: []snapshot.Manifest{m}}}); len(got) != tc.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

// What etcd has written in its container is gone with it: no undo of a file
// brings it back.
func TestDataOfTheContainerIsKept(t *testing.T) {
	const text = "    - etcd\n    - --data-dir=/data\n"
	m := etcd(snapshot.Flag{}, snapshot.Flag{Name: flag, Value: "/data", Type: "string"})
	m.Content, m.SHA256 = text, op.File{Data: []byte(text)}.Sum()
	m.Fields = []snapshot.Field{
		{Path: "metadata.annotations.kubeadm.kubernetes.io/x", Value: "1"}, {Path: "spec.containers[0].name", Value: "etcd"},
		{Path: "spec.containers[0].volumeMounts[0].mountPath", Value: "/var/lib/etcd"}, {Path: "spec.containers[0].volumeMounts[0].name", Value: "data"},
		{Path: "spec.volumes[0].name", Value: "data"}, {Path: "spec.volumes[0].hostPath.path", Value: "/var/lib/etcd"},
	}
	for reachable, want := range map[bool]string{true: "etcd-snapshot", false: "write-file"} {
		e := &snapshot.Etcd{Reachable: reachable, Status: &snapshot.EtcdStatus{Revision: 7}}
		s := &snapshot.Snapshot{Node: "n", Etcd: e, Static: &snapshot.Static{Manifests: []snapshot.Manifest{m}}}
		plan, err := remedy(s, detect(s)[0])
		if err != nil || plan[0].Kind() != want {
			t.Errorf("it answers: %v: %v, %v", reachable, plan, err)
		}
	}
}
