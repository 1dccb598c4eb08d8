package nodename

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2)) }

func with(used, cert string, known ...string) *snapshot.Snapshot {
	s := &snapshot.Snapshot{Kubelet: &snapshot.Kubelet{Names: []snapshot.NameSource{{Source: "hostname", Name: used, Path: "/proc/sys/kernel/hostname", Used: true}, {Source: "certificate", Name: cert, Path: "/c"}}}, Cluster: &snapshot.Cluster{}}
	for _, n := range known {
		s.Cluster.Nodes = append(s.Cluster.Nodes, snapshot.Node{Name: n})
	}
	return s
}

func cloudy(s *snapshot.Snapshot) *snapshot.Snapshot {
	s.Kubelet.Effective = map[string]snapshot.Effective{"--cloud-provider": {Origin: snapshot.Origin{Value: "aws"}}}
	return s
}

func stored(s *snapshot.Snapshot) *snapshot.Snapshot {
	s.Kubelet.Names[0].Source = "/etc/hostname"
	return s
}

func TestWhoIsAccused(t *testing.T) {
	for name, tc := range map[string]struct {
		s    *snapshot.Snapshot
		want int
	}{
		"the same":                   {with("n", "n", "n"), 0},
		"no certificate":             {with("n", "", "n"), 0},
		"registered so all the same": {with("m", "n", "m"), 0},
		"a cloud's name":             {cloudy(with("m", "n", "n")), 0},
		"files of another root":      {stored(with("m", "n", "n")), 0},
		"another name":               {with("m", "n", "n"), 1},
		"a domain more":              {with("n.example", "n", "n"), 1},
	} {
		if got := detect(tc.s); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
