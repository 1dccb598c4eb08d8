package reserved

import (
	"fmt"
	"slices"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/fault/kubelet"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4)) }

// set is a kubelet with settings, each KEY, VALUE, SOURCE.
func set(words ...string) *snapshot.Kubelet {
	k := &snapshot.Kubelet{Version: "v1.37.2", ConfigPath: "/c", Effective: map[string]snapshot.Effective{}}
	for i := 0; i+2 < len(words); i += 3 {
		k.Effective[words[i]] = snapshot.Effective{Origin: snapshot.Origin{Value: words[i+1], Source: words[i+2], Line: i + 1}}
	}
	return k
}

func with(k *snapshot.Kubelet) *snapshot.Snapshot {
	return &snapshot.Snapshot{Kubelet: k, Host: &snapshot.Host{CPUs: 2, MemTotal: 4 << 30, MemFree: 3 << 30}}
}

func TestWhoIsAccused(t *testing.T) {
	for name, tc := range map[string]struct {
		s    *snapshot.Snapshot
		want int
	}{
		"nothing":                       {with(set()), 0},
		"a usual part":                  {with(set("systemReserved.memory", "1Gi", "/c", "kubeReserved.memory", "1Gi", "/c", "kubeReserved.cpu", "200m", "/c")), 0},
		"usual thresholds":              {with(set("evictionHard.memory.available", "500Mi", "/c", "evictionHard.nodefs.available", "10%", "/c", "evictionHard.imagefs.available", "15%", "/c")), 0},
		"high thresholds":               {with(set("evictionHard.memory.available", "25%", "/c", "evictionSoft.nodefs.available", "40%", "/c")), 0},
		"an amount of a disk":           {with(set("evictionHard.nodefs.available", "20Gi", "/c")), 0},
		"more than there is":            {with(set("systemReserved.memory", "8Gi", "/c")), 1},
		"all together":                  {with(set("systemReserved.memory", "2Gi", "/c", "kubeReserved.memory", "2Gi", "/c")), 1},
		"all CPUs":                      {with(set("kubeReserved.cpu", "2", "/c")), 1},
		"evicts at once":                {with(set("evictionHard.memory.available", "3Gi", "/c")), 1},
		"a disk that is never so empty": {with(set("evictionHard.nodefs.available", "90%", "/c")), 1},
	} {
		if got := detect(tc.s); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A kubelet that runs and has little room is not started before the API has
// heard of more, or tells nothing.
func TestAdmitted(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*snapshot.Snapshot)
		want   []string
	}{
		"it runs":              {func(*snapshot.Snapshot) {}, []string{"reload-units", "unit stop", "node-room map[memory:4Gi]", "unit start"}},
		"it does not":          {func(s *snapshot.Snapshot) { s.Kubelet.Running = false }, []string{"reload-units", "unit restart"}},
		"nobody can be told":   {func(s *snapshot.Snapshot) { s.Cluster.Source = "etcd-file" }, []string{"reload-units", "unit restart"}},
		"etcd was turned away": {func(s *snapshot.Snapshot) { s.Processes.List = s.Processes.List[:1] }, []string{"reload-units", "unit stop", "restart kube-apiserver", "unit start"}},
		"another node serves too": {func(s *snapshot.Snapshot) {
			s.Processes.List, s.Cluster.Nodes = s.Processes.List[:1], append(s.Cluster.Nodes, snapshot.Node{Name: "m", ControlPlane: true})
		}, []string{"reload-units", "unit stop", "node-room map[memory:4Gi]", "unit start"}},
		"etcd is elsewhere": {func(s *snapshot.Snapshot) {
			s.Processes.List, s.Static.Manifests = s.Processes.List[:1], s.Static.Manifests[:1]
		}, []string{"reload-units", "unit stop", "node-room map[memory:4Gi]", "unit start"}},
		"none of the two runs": {func(s *snapshot.Snapshot) { s.Processes.List, s.Cluster = nil, nil }, []string{"reload-units", "unit restart"}},
		"the API knows enough": {func(s *snapshot.Snapshot) { s.Cluster.Nodes[0].Allocatable["memory"] = "4Gi" }, []string{"reload-units", "unit restart"}},
	} {
		s := with(set())
		s.Node, s.Kubelet.Running = "n", true
		s.Cluster = &snapshot.Cluster{Source: "api", Nodes: []snapshot.Node{{Name: "n", Capacity: map[string]string{"memory": "4Gi", "cpu": "2"}, Allocatable: map[string]string{"memory": "20Mi", "cpu": "2"}}}}
		s.Static, s.Processes = &snapshot.Static{}, &snapshot.Processes{}
		for _, c := range []string{"kube-apiserver", "etcd"} {
			s.Static.Manifests = append(s.Static.Manifests, snapshot.Manifest{Containers: []snapshot.ManifestContainer{{Name: c, Command: c}}})
			s.Processes.List = append(s.Processes.List, snapshot.Process{Name: c, Args: []string{c}})
		}
		tt.change(s)
		var got []string
		for _, o := range admitted(s, kubelet.Restart()) {
			switch o := o.(type) {
			case op.Unit:
				got = append(got, "unit "+o.Verb)
			case op.RestartStatic:
				got = append(got, "restart "+o.Container)
			case op.NodeRoom:
				got = append(got, fmt.Sprint("node-room ", o.Room))
			default:
				got = append(got, o.Kind())
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}
