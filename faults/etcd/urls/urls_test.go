package urls

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func etcd(flags ...snapshot.Flag) snapshot.Manifest {
	for i := range flags {
		flags[i].Line = i + 1
	}
	return snapshot.Manifest{Text: snapshot.Text{Path: "/m/etcd.yaml"}, Containers: []snapshot.ManifestContainer{{Command: "etcd", Name: "etcd", Flags: flags}}}
}

func TestWhereItListens(t *testing.T) {
	network := &snapshot.Network{Namespaces: []snapshot.NetNS{
		{Host: true, Links: []snapshot.Link{{Addresses: []string{"10.0.0.2/24", "fd00::2/64"}}}}, {Links: []snapshot.Link{{Addresses: []string{"10.244.0.5/24"}}}},
	}}
	for what, tc := range map[string]struct {
		flag, value string
		servers     string
		want        int
	}{
		"as kubeadm":                 {clients, "https://127.0.0.1:2379,https://10.0.0.2:2379", "https://127.0.0.1:2379", 0},
		"everywhere":                 {clients, "https://0.0.0.0:2379", "https://127.0.0.1:2379", 0},
		"IPv6":                       {clients, "https://[::1]:2379,https://[fd00::2]:2379", "https://[fd00::2]:2379", 0},
		"localhost":                  {clients, "https://localhost:2379", "https://127.0.0.1:2379", 0},
		"another machine's address":  {clients, "https://10.0.0.3:2379", "https://10.0.0.3:2379", 1},
		"a pod's address":            {peers, "https://10.244.0.5:2380", "", 1},
		"peers at the node's":        {peers, "https://10.0.0.2:2380", "", 0},
		"a name":                     {peers, "https://cp1:2380", "", 1},
		"no URL":                     {peers, "10.0.0.2", "", 1},
		"another port":               {clients, "https://127.0.0.1:2380", "https://127.0.0.1:2379", 1},
		"without TLS":                {clients, "http://127.0.0.1:2379", "https://127.0.0.1:2379", 1},
		"etcd of other machines":     {clients, "https://10.0.0.2:2379", "https://10.9.9.9:2379", 0},
		"a load balancer's name":     {clients, "https://10.0.0.2:2379", "https://etcd.example:2379", 0},
		"no API server on this node": {clients, "https://10.0.0.2:2379", "", 0},
	} {
		manifests := []snapshot.Manifest{etcd(snapshot.Flag{Name: tc.flag, Value: tc.value})}
		if tc.servers != "" {
			manifests = append(manifests, snapshot.Manifest{Containers: []snapshot.ManifestContainer{{Command: "kube-apiserver", Flags: []snapshot.Flag{{Name: "etcd-servers", Value: tc.servers}}}}})
		}
		s := &snapshot.Snapshot{Network: network, Static: &snapshot.Static{Manifests: manifests}}
		if got := detect(s); len(got) != tc.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
}
