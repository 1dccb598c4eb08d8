package hosts

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

// planted adds a line to the file.
func planted(line string) func(*faulttest.Machine) {
	return func(m *faulttest.Machine) {
		f, err := m.ReadFile(file)
		if err != nil {
			panic(err)
		}
		f.Data = append([]byte(line+"\n"), f.Data...)
		if err := m.WriteFile(file, f); err != nil {
			panic(err)
		}
	}
}

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(planted("203.0.113.4 w1 localhost")))
}

func TestCases(t *testing.T) {
	for line, want := range map[string]int{
		"203.0.113.4 w1":            1,
		"172.20.0.9 cp1":            0, // stands with its own address too
		"10.0.0.1 localhost":        1,
		"172.20.0.3 w1 w1.example":  0,
		"127.0.1.1 cp1":             0,
		"::1 localhost":             0,
		"fd00::9 w1":                0,
		"10.9.9.9 printer.example":  0,
		"bad localhost":             0,
		"# 10.0.0.1 localhost":      0,
		"192.0.2.7 registry.k8s.io": 0,
	} {
		m := faulttest.New(t)
		planted(line)(m)
		if got := detect(m.Snapshot()); len(got) != want {
			t.Errorf("%s: %d findings, want %d: %+v", line, len(got), want, got)
		}
	}
}

func TestEndpoint(t *testing.T) {
	for name, tc := range map[string]struct {
		contact snapshot.Contact
		want    int
	}{
		"nobody":         {snapshot.Contact{Component: "apiserver", Address: "203.0.113.4:6443", Error: "refused"}, 1},
		"a stranger":     {snapshot.Contact{Component: "apiserver", Address: "203.0.113.4:6443", TLS: &snapshot.SeenTLS{}}, 1},
		"a balancer":     {snapshot.Contact{Component: "apiserver", Address: "203.0.113.4:6443", TLS: &snapshot.SeenTLS{SignedBy: []string{"/etc/kubernetes/pki/ca.crt"}}}, 0},
		"not asked yet":  {snapshot.Contact{Component: "dns", Address: "203.0.113.4:6443", Error: "refused"}, 0},
		"its own server": {snapshot.Contact{Component: "apiserver", Address: "172.20.0.2:6443", Error: "refused"}, 0},
	} {
		s := faulttest.New(t).Snapshot()
		s.Kubeconfigs.Files[0].Clusters[0].Server = "https://cluster-endpoint:6443"
		s.Cluster.Endpoints = append(s.Cluster.Endpoints, snapshot.Endpoint{Namespace: "default", Service: "kubernetes", Address: "172.20.0.2", Port: 6443})
		s.Names.Hosts = []snapshot.HostsLine{{Line: 1, Address: "203.0.113.4", Names: []string{"cluster-endpoint"}}}
		s.Probes.Contacts = []snapshot.Contact{tc.contact}
		if got := detect(s); len(got) != tc.want {
			t.Errorf("%s: %d findings, want %d: %+v", name, len(got), tc.want, got)
		}
	}
}

// Nodes that have a network among themselves beside that of Kubernetes.
func TestSecondNetwork(t *testing.T) {
	for line, want := range map[string]int{"192.168.50.3 w1": 0, "192.168.51.3 w1": 1, "172.20.0.77 w1": 1} {
		m := faulttest.New(t)
		planted(line)(m)
		s := m.Snapshot()
		h := s.Network.Host()
		h.Links = append(h.Links, snapshot.Link{Name: "eth1", Kind: "device", Up: true, Addresses: []string{"192.168.50.2/24"}})
		if got := detect(s); len(got) != want {
			t.Errorf("%s: %d findings, want %d: %+v", line, len(got), want, got)
		}
	}
}
