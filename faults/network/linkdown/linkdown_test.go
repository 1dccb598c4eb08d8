package linkdown

import (
	"slices"
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

// The host's end of a pair is down for a moment too while its pod is made, and
// what belongs to no pod of the cluster is none of its concern.
func TestHostsEnd(t *testing.T) {
	for phase, want := range map[string]int{"Running": 1, "Pending": 0, "": 0, "of the runtime": 1} {
		s := faulttest.New(t).Snapshot()
		h := s.Network.Host()
		i := slices.IndexFunc(h.Links, func(l snapshot.Link) bool {
			p := s.Network.Namespace(l.PeerNS)
			return l.PeerNS != 0 && p != nil && !p.Host && !comesOrGoes(s, p)
		})
		if i < 0 {
			t.Fatal("no pod with a pair")
		}
		h.Links[i].Up = false
		pod := s.Network.Namespace(h.Links[i].PeerNS)
		s.Cluster.Pods = slices.DeleteFunc(s.Cluster.Pods, func(p snapshot.Pod) bool { return p.Namespace == pod.Namespace && p.Name == pod.Pod })
		of := func(c snapshot.Container) bool { return c.Namespace == pod.Namespace && c.Pod == pod.Pod }
		s.Runtime.Containers = slices.DeleteFunc(s.Runtime.Containers, of)
		switch phase {
		case "": // nobody knows it
		case "of the runtime":
			s.Cluster = nil
			s.Runtime.Containers = append(s.Runtime.Containers, snapshot.Container{Namespace: pod.Namespace, Pod: pod.Pod, State: "exited"}, snapshot.Container{Namespace: pod.Namespace, Pod: pod.Pod, State: "running"})
		default:
			s.Cluster.Pods = append(s.Cluster.Pods, snapshot.Pod{Namespace: pod.Namespace, Name: pod.Pod, Phase: phase})
		}
		if got := detect(s); len(got) != want {
			t.Errorf("a pod that is %q: %d findings, want %d: %+v", phase, len(got), want, got)
		}
	}
}
