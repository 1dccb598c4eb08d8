package neighbour

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestCases(t *testing.T) {
	s := faulttest.New(t).Snapshot()
	var podMAC, pod string
	for _, ns := range s.Network.Namespaces {
		for _, l := range ns.Links {
			if !ns.Host && l.MAC != "" && len(l.Addresses) > 0 && l.Name == "eth0" {
				podMAC, pod = l.MAC, l.Addresses[0][:len(l.Addresses[0])-3]
			}
		}
	}
	reached := snapshot.Neighbour{Link: "eth0", Address: "172.20.0.3", MAC: "02:42:ac:14:00:03", State: "reachable"}
	for name, tc := range map[string]struct {
		n    snapshot.Neighbour
		want int
	}{
		"a pod":                       {snapshot.Neighbour{Link: "cni0", Address: pod, MAC: "02:00:00:00:00:01", State: "permanent"}, 1},
		"the gateway is this node":    {snapshot.Neighbour{Link: "eth0", Address: "172.20.0.1", MAC: "02:42:ac:14:00:02", State: "permanent"}, 1},
		"the gateway is another node": {snapshot.Neighbour{Link: "eth0", Address: "172.20.0.1", MAC: "02:42:ac:14:00:03", State: "permanent"}, 1},
		"a pod, rightly":              {snapshot.Neighbour{Link: "cni0", Address: pod, MAC: podMAC, State: "permanent"}, 0},
		"a pod that is gone":          {snapshot.Neighbour{Link: "cni0", Address: "10.244.0.99", MAC: "02:00:00:00:00:01", State: "permanent"}, 0},
		"a pod, not by hand":          {snapshot.Neighbour{Link: "cni0", Address: pod, MAC: "02:00:00:00:00:01", State: "stale"}, 0},
		"the gateway, nothing known":  {snapshot.Neighbour{Link: "eth0", Address: "172.20.0.1", MAC: "02:00:00:00:00:01", State: "permanent"}, 0},
		"a stranger":                  {snapshot.Neighbour{Link: "eth0", Address: "172.20.9.9", MAC: "02:42:ac:14:00:03", State: "permanent"}, 0},
		"a tunnel's":                  {snapshot.Neighbour{Link: "flannel.1", Address: "10.244.1.0", MAC: "02:42:ac:14:00:02", State: "permanent"}, 0},
	} {
		s := faulttest.New(t).Snapshot()
		h := s.Network.Host()
		h.Links = append(h.Links, snapshot.Link{Name: "flannel.1", Kind: "vxlan", Up: true})
		h.Neighbours = &snapshot.Neighbours{List: []snapshot.Neighbour{reached, tc.n}}
		if got := detect(s); len(got) != tc.want {
			t.Errorf("%s: %d findings, want %d: %+v", name, len(got), tc.want, got)
		}
	}
}
