package staticpath

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3)) }

func with(own, elsewhere string) *snapshot.Snapshot {
	m := func(name string) []snapshot.Manifest {
		switch name {
		case "":
			return nil
		case "agent":
			return []snapshot.Manifest{{Text: snapshot.Text{Path: "/m/agent.yaml"}, Name: name, Containers: []snapshot.ManifestContainer{{Command: name}}}}
		}
		return []snapshot.Manifest{{Text: snapshot.Text{Path: "/m/" + name + ".yaml"}, Name: name, Containers: []snapshot.ManifestContainer{{Command: name, FlagTable: &snapshot.FlagTable{Name: name}}}}}
	}
	return &snapshot.Snapshot{Kubelet: &snapshot.Kubelet{StaticPodPath: "/x", ConfigPath: "/c", Effective: map[string]snapshot.Effective{key: {Origin: snapshot.Origin{Value: "/x", Source: "/c", Line: 3}}}},
		Static: &snapshot.Static{Dir: "/x", Manifests: m(own), Elsewhere: m(elsewhere)}}
}

func TestWhoIsAccused(t *testing.T) {
	for name, tc := range map[string]struct {
		s    *snapshot.Snapshot
		want int
	}{
		"a control plane":                        {with("etcd", ""), 0},
		"a worker":                               {with("", ""), 0},
		"a worker with an agent":                 {with("agent", ""), 0},
		"its own folder, and remains of another": {with("etcd", "etcd"), 0},
		"another's pods lie about":               {with("", "agent"), 0},
		"moved":                                  {with("", "etcd"), 1},
		"moved, with an agent":                   {with("agent", "etcd"), 1},
	} {
		if got := detect(tc.s); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
