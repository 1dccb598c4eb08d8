package mode

import (
	"reflect"
	"strconv"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		const key = "/etc/kubernetes/pki/apiserver.key"
		f, err := m.ReadFile(key)
		if err != nil {
			t.Fatal(err)
		}
		f.Mode = 0o644
		if err := m.WriteFile(key, f); err != nil {
			t.Fatal(err)
		}
	}))
}

func TestReaders(t *testing.T) {
	pod := func(uid string) *snapshot.Static {
		m := snapshot.Manifest{Containers: []snapshot.ManifestContainer{{Command: "etcd"}}}
		m.Path = "/m/etcd.yaml"
		if uid != "" {
			m.Fields = []snapshot.Field{{Path: "spec.securityContext.runAsUser", Value: uid, Line: 4}, {Path: "spec.securityContext.fsGroup", Value: "77", Line: 5}}
		}
		return &snapshot.Static{Manifests: []snapshot.Manifest{m}}
	}
	for what, tc := range map[string]struct {
		uid  string
		file snapshot.PEMFile
		want int
	}{
		"root reads all":            {"", snapshot.PEMFile{Mode: 0o600}, 0},
		"another's key":             {"77", snapshot.PEMFile{Mode: 0o600}, 1},
		"its own key":               {"77", snapshot.PEMFile{Mode: 0o600, UID: 77}, 0},
		"its own, not to be read":   {"77", snapshot.PEMFile{Mode: 0o200, UID: 77}, 1},
		"its group's":               {"76", snapshot.PEMFile{Mode: 0o640, GID: 77}, 0},
		"everybody's certificate":   {"77", snapshot.PEMFile{Mode: 0o644}, 0},
		"a key for everybody":       {"", snapshot.PEMFile{Mode: 0o644, Keys: 1}, 1},
		"a public key":              {"", snapshot.PEMFile{Path: "/pub", Mode: 0o644, Keys: 1}, 0},
		"a key that nobody uses":    {"", snapshot.PEMFile{Mode: 0o644, Keys: 1, Size: -1}, 0},
		"a key of root and a group": {"", snapshot.PEMFile{Mode: 0o640, Keys: 1}, 0},
		"nothing is the user's":     {"75", snapshot.PEMFile{Mode: 0o600}, 0},
	} {
		own := snapshot.PEMFile{Mode: 0o600, UsedBy: []string{"/m/etcd.yaml:2"}}
		if uid, err := strconv.ParseUint(tc.uid, 10, 32); err == nil && uid != 75 {
			own.UID = uint32(uid)
		}
		f := tc.file
		if f.Size >= 0 {
			f.UsedBy = []string{"/m/etcd.yaml:3"}
		}
		keys := []snapshot.Key{{Path: "/pub", Public: true}, {Path: ""}}
		s := &snapshot.Snapshot{Static: pod(tc.uid), PKI: &snapshot.PKI{Files: []snapshot.PEMFile{f, own}, Keys: keys}}
		if got := detect(s); len(got) != tc.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

// TestClosed has a key closed to others, and never to the one who reads it.
func TestClosed(t *testing.T) {
	m := snapshot.Manifest{Text: snapshot.Text{Path: "/m/etcd.yaml"}, Containers: []snapshot.ManifestContainer{{Command: "etcd"}},
		Fields: []snapshot.Field{{Path: "spec.securityContext.runAsUser", Value: "76"}, {Path: "spec.securityContext.fsGroup", Value: "77"}}}
	own := snapshot.PEMFile{Path: "/own", Mode: 0o600, UID: 76, UsedBy: []string{"/m/etcd.yaml:2"}}
	for what, tc := range map[string]struct {
		file snapshot.PEMFile
		want op.Plan
	}{
		"its own":                 {snapshot.PEMFile{Mode: 0o644, UID: 76}, op.Plan{op.Chmod{Path: "/k", Old: 0o644, New: 0o640}}},
		"its group's":             {snapshot.PEMFile{Mode: 0o644, GID: 77}, op.Plan{op.Chmod{Path: "/k", Old: 0o644, New: 0o640}}},
		"read as one of all only": {snapshot.PEMFile{Mode: 0o604}, nil},
	} {
		f := tc.file
		f.Path, f.Keys, f.UsedBy = "/k", 1, []string{"/m/etcd.yaml:3"}
		s := &snapshot.Snapshot{Static: &snapshot.Static{Manifests: []snapshot.Manifest{m}}, PKI: &snapshot.PKI{Files: []snapshot.PEMFile{f, own}, Keys: []snapshot.Key{{Path: "/k"}}}}
		if got, err := remedy(s, detect(s)[0]); !reflect.DeepEqual(got, tc.want) || (err == nil) != (tc.want != nil) {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
}
