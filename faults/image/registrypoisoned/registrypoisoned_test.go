package registrypoisoned

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// waiting is a pod of node cp1 that waits for an image.
func waiting(image, message string) snapshot.Pod {
	return snapshot.Pod{Namespace: "shop", Name: "cart", Node: "cp1", Phase: "Pending", Detail: &snapshot.PodDetail{Containers: []snapshot.PodContainer{
		{Name: "main", Image: image, State: "waiting", Reason: "ErrImagePull", Message: message}}}}
}

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		if err := m.WriteFile("/etc/hosts", op.File{Data: []byte("127.0.0.1 localhost\n127.0.0.2 registry.k8s.io\n"), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		m.World.Cluster.Pods = append(m.World.Cluster.Pods, waiting("registry.k8s.io/x:1", "dial tcp 127.0.0.2:443: connect: connection refused"))
	}))
}

func TestDetect(t *testing.T) {
	line := func(address string, names ...string) snapshot.HostsLine {
		return snapshot.HostsLine{Line: 7, Address: address, Names: names}
	}
	for name, tc := range map[string]struct {
		line        snapshot.HostsLine
		image, said string
		found       bool
	}{
		"one's own registry":    {line("10.0.0.5", "reg.corp"), "reg.corp/x:1", "reg.corp/x:1: not found", false},
		"no pull fails":         {line("127.0.0.1", "quay.io"), "", "", false},
		"another registry":      {line("127.0.0.1", "quay.io"), "ghcr.io/x:1", "i/o timeout", false},
		"a bad line":            {snapshot.HostsLine{Line: 7, Address: "x", Names: []string{"quay.io"}, Bad: true}, "quay.io/x:1", "i/o timeout", false},
		"to the node itself":    {line("127.0.0.1", "quay.io"), "quay.io/x:1", "dial tcp: connection refused", true},
		"to nobody":             {line("0.0.0.0", "QUAY.io"), "quay.io/x:1", "dial tcp: connection refused", true},
		"to somebody":           {line("10.9.9.9", "quay.io"), "quay.io/x:1", "dial tcp 10.9.9.9:443: i/o timeout", true},
		"docker's other name":   {line("127.0.0.1", "registry-1.docker.io"), "nginx", "dial tcp 127.0.0.1:443: refused", true},
		"a registry's own port": {line("127.0.0.1", "reg.corp"), "reg.corp:5000/x:1", "dial tcp 127.0.0.1:5000: refused", true},
	} {
		s := faulttest.New(t).Snapshot()
		s.Names.Hosts = append(s.Names.Hosts, tc.line)
		if tc.image != "" {
			s.Cluster.Pods = append(s.Cluster.Pods, waiting(tc.image, tc.said))
		}
		if found := detect(s); (len(found) == 1) != tc.found {
			t.Errorf("%s: %v", name, found)
		}
	}
}
