package foreignkeys

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func fill(e *snapshot.Etcd) {
	e.Store = &snapshot.EtcdStore{ForeignKeys: 4000, Foreign: []string{"metrics/1"}}
	e.Prefixes = append(e.Prefixes, snapshot.EtcdPrefix{Prefix: "metrics/", Keys: 4000, Bytes: e.Quota / 4})
}

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) { fill(m.World.Etcd) }))
}

func TestAFewKeysAreNoHarm(t *testing.T) {
	other := snapshot.ManifestContainer{Command: "kube-apiserver", Flags: []snapshot.Flag{{Name: "etcd-prefix", Value: "/k8s"}}}
	for what, tc := range map[string]struct {
		change func(*snapshot.Snapshot)
		want   int
	}{
		"a quarter of the quota": {func(*snapshot.Snapshot) {}, 1},
		"a few keys":             {func(s *snapshot.Snapshot) { s.Etcd.Prefixes[0].Bytes = 100 }, 0},
		"very many small ones":   {func(s *snapshot.Snapshot) { s.Etcd.Prefixes[0].Bytes, s.Etcd.Store.ForeignKeys = 100, 1e6 }, 1},
		"none":                   {func(s *snapshot.Snapshot) { s.Etcd.Store.ForeignKeys = 0 }, 0},
		"the store was not read": {func(s *snapshot.Snapshot) { s.Etcd.Store = nil }, 0},
		"another prefix": {func(s *snapshot.Snapshot) {
			s.Static = &snapshot.Static{Manifests: []snapshot.Manifest{{Containers: []snapshot.ManifestContainer{other}}}}
		}, 0},
	} {
		s := &snapshot.Snapshot{Etcd: &snapshot.Etcd{Quota: 2 << 30, DBPath: "/db"}}
		fill(s.Etcd)
		tc.change(s)
		if got := detect(s); len(got) != tc.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
}
