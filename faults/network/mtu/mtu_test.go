package mtu

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

// small makes the host's end of a pod's pair smaller than the pod's.
func small(m *faulttest.Machine) {
	for i := range m.World.Network.Namespaces[0].Links {
		if l := &m.World.Network.Namespaces[0].Links[i]; l.Name == "veth5f4" {
			l.MTU = 900
		}
	}
}

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Broken(small)) }

func TestTunnels(t *testing.T) {
	for name, tc := range map[string]struct {
		link snapshot.Link
		want int
	}{
		"too large for the interface below": {snapshot.Link{Name: "flannel.1", Kind: "vxlan", Up: true, MTU: 1500, Addresses: []string{"10.244.0.0/32"}, Data: &snapshot.LinkData{Lower: "eth0"}}, 1},
		"fits":                              {snapshot.Link{Name: "flannel.1", Kind: "vxlan", Up: true, MTU: 1450, Addresses: []string{"10.244.0.0/32"}, Data: &snapshot.LinkData{Lower: "eth0"}}, 0},
		"smaller than need be":              {snapshot.Link{Name: "wg0", Kind: "wireguard", Up: true, MTU: 1280, Addresses: []string{"10.244.0.0/32"}, Data: &snapshot.LinkData{Lower: "eth0"}}, 0},
		"not in use":                        {snapshot.Link{Name: "vxlan9", Kind: "vxlan", MTU: 1500, Data: &snapshot.LinkData{Lower: "eth0"}}, 0},
		"not known what is below":           {snapshot.Link{Name: "genev_sys_6081", Kind: "geneve", Up: true, MTU: 65000, Addresses: []string{"10.244.0.0/32"}, Data: &snapshot.LinkData{}}, 0},
	} {
		s := faulttest.New(t).Snapshot()
		h := s.Network.Host()
		h.Links = append(h.Links, tc.link)
		if got := detect(s); len(got) != tc.want {
			t.Errorf("%s: %d findings, want %d: %+v", name, len(got), tc.want, got)
		}
	}
}
