package linkdown

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4, 5, 6)) }

func TestCases(t *testing.T) {
	for name, tc := range map[string]struct {
		add  snapshot.Link // to the host, or in the place of one of that name
		want int
	}{
		"the uplink":                {snapshot.Link{Name: "eth0", Kind: "device", Addresses: []string{"172.20.0.2/16"}}, 1},
		"the bridge":                {snapshot.Link{Name: "cni0", Kind: "bridge"}, 1},
		"loopback":                  {snapshot.Link{Name: "lo", Kind: "device"}, 1},
		"a tunnel":                  {snapshot.Link{Name: "flannel.1", Kind: "vxlan", Addresses: []string{"10.244.0.0/32"}}, 1},
		"a tunnel that nobody uses": {snapshot.Link{Name: "tunl0", Kind: "ipip"}, 0},
		"a bridge without pods":     {snapshot.Link{Name: "docker0", Kind: "bridge", Addresses: []string{"172.17.0.1/16"}}, 0},
		"a second card":             {snapshot.Link{Name: "eth1", Kind: "device"}, 0},
		"a dummy of kube-proxy":     {snapshot.Link{Name: "kube-ipvs0", Kind: "dummy", Addresses: []string{"10.96.0.1/32"}}, 0},
		"no carrier, but not down":  {snapshot.Link{Name: "cni0", Kind: "bridge", Up: true}, 0},
	} {
		s := faulttest.New(t).Snapshot()
		h := s.Network.Host()
		found := false
		for i := range h.Links {
			if h.Links[i].Name == tc.add.Name {
				h.Links[i], found = tc.add, true
			}
		}
		if !found {
			h.Links = append(h.Links, tc.add)
		}
		if got := detect(s); len(got) != tc.want {
			t.Errorf("%s: %d findings, want %d: %+v", name, len(got), tc.want, got)
		}
	}
}
