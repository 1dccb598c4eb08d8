package apiserveraddress

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3)) }

func with(server string, logged ...string) *snapshot.Snapshot {
	conf := func(name, server string) snapshot.Kubeconfig {
		return snapshot.Kubeconfig{Text: snapshot.Text{Path: "/etc/kubernetes/" + name}, Current: "c", Clusters: []snapshot.KubeconfigCluster{{Name: "k", Server: server}}, Contexts: []snapshot.KubeconfigContext{{Name: "c", Cluster: "k", User: "u"}}}
	}
	s := &snapshot.Snapshot{Kubelet: &snapshot.Kubelet{Kubeconfig: "/etc/kubernetes/kubelet.conf"}, Logs: &snapshot.Logs{},
		Kubeconfigs: &snapshot.Kubeconfigs{Files: []snapshot.Kubeconfig{conf("admin.conf", "https://10.0.0.1:6443"), conf("kubelet.conf", server)}},
		Cluster:     &snapshot.Cluster{Settings: map[string]string{"controlPlaneEndpoint": "api.example:6443"}, Endpoints: []snapshot.Endpoint{{Namespace: "default", Service: "kubernetes", Address: "10.0.0.2", Port: 6443}}}}
	for _, text := range logged {
		s.Logs.Observations = append(s.Logs.Observations, snapshot.Observation{ID: "dial-refused", Source: "journal:kubelet.service", Sample: text})
	}
	return s
}

func alone(s *snapshot.Snapshot) *snapshot.Snapshot {
	s.Kubeconfigs.Files, s.Cluster = s.Kubeconfigs.Files[1:], nil
	return s
}

// serving is with an API server of the node's own.
func serving(s *snapshot.Snapshot, flags ...string) *snapshot.Snapshot {
	c := snapshot.ManifestContainer{Name: "kube-apiserver", Command: "kube-apiserver"}
	for _, f := range flags {
		name, value, _ := strings.Cut(strings.TrimPrefix(f, "--"), "=")
		c.Flags = append(c.Flags, snapshot.Flag{Name: name, Value: value})
	}
	s.Static = &snapshot.Static{Manifests: []snapshot.Manifest{{Name: "kube-apiserver", Containers: []snapshot.ManifestContainer{c}}}}
	return s
}

// proxied is with a kube-proxy that calls the API server elsewhere.
func proxied(s *snapshot.Snapshot) *snapshot.Snapshot {
	s.Kubelet.Proxy = &snapshot.Proxy{Kubeconfig: "/var/lib/kube-proxy/kubeconfig.conf", Server: "https://10.0.0.1:6443"}
	return s
}

func TestWhoIsAccused(t *testing.T) {
	for name, tc := range map[string]struct {
		s    *snapshot.Snapshot
		want int
	}{
		"as the others":                         {with("https://10.0.0.1:6443"), 0},
		"as the others, and it does not answer": {with("https://10.0.0.1:6443", "dial tcp 10.0.0.1:6443: connect: connection refused"), 0},
		"another API server":                    {with("https://10.0.0.2:6443", "dial tcp 10.0.0.2:6443: refused"), 0},
		"the endpoint of the control plane":     {with("https://API.example:6443/", "dial tcp: lookup api.example"), 0},
		"a balancer of its own, which answers":  {with("https://10.0.0.9:6443"), 0},
		"nobody else is known":                  {alone(with("https://10.0.0.9:6443", "dial tcp 10.0.0.9:6443: refused")), 0},
		"nobody listens":                        {with("https://10.0.0.9:6443", "dial tcp 10.0.0.9:6443: refused"), 1},
		"its own, which is down":                {serving(with("https://127.0.0.1:6443", "dial tcp 127.0.0.1:6443: refused"), "--advertise-address=10.0.0.1"), 0},
		"its own at another port":               {serving(with("https://127.0.0.1:6444", "dial tcp 127.0.0.1:6444: refused"), "--advertise-address=10.0.0.1"), 1},
		"its own, bound elsewhere":              {serving(with("https://127.0.0.1:6443", "dial tcp 127.0.0.1:6443: refused"), "--bind-address=10.0.0.1"), 1},
		"a worker, whose kube-proxy knows":      {proxied(alone(with("https://10.0.0.9:6443", "dial tcp 10.0.0.9:6443: refused"))), 1},
		"another port":                          {with("https://10.0.0.1:6444", "dial tcp 10.0.0.1:6444: refused"), 1},
	} {
		if got := detect(tc.s); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
