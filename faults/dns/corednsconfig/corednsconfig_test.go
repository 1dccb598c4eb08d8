package corednsconfig

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

const kubeadm = `.:53 {
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
    }
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30
    loop
    reload
}
`

const k3s = `.:53 {
    errors
    health
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
      pods insecure
      fallthrough in-addr.arpa ip6.arpa
    }
    hosts /etc/coredns/NodeHosts {
      ttl 60
      reload 15s
      fallthrough
    }
    prometheus :9153
    forward . /etc/resolv.conf
    import /etc/coredns/custom/*.override
}
import /etc/coredns/custom/*.server
`

const two = `(common) {
    errors
    cache 30
}
cluster.local:53 in-addr.arpa:53 { # the cluster's
    import common
    kubernetes
}
example.com:53 {
    forward . 192.0.2.1
}
.:53 {
    import common
    forward . tls://192.0.2.9 192.0.2.10 {
        tls_servername dns.example.com
    }
}
`

func TestDetect(t *testing.T) {
	for name, tt := range map[string]struct{ text, why string }{
		"kubeadm":          {kubeadm, ""},
		"k3s":              {k3s, ""},
		"several servers":  {two, ""},
		"another domain":   {strings.ReplaceAll(kubeadm, "cluster.local in", "cluster.lan in"), "the cluster's domain is cluster.local"},
		"no kubernetes":    {".:53 {\n    errors\n    forward . /etc/resolv.conf\n}\n", "no kubernetes plugin"},
		"not closed":       {strings.TrimSuffix(kubeadm, "}\n"), "not closed"},
		"closed too early": {"}\n" + kubeadm, "closes a block"},
		"in no block":      {"errors\n" + kubeadm, "in no block"},
		"a bare brace":     {strings.ReplaceAll(kubeadm, "    errors\n", "    health\n    {\n    }\n"), "has no name"},
		"zones on lines":   {strings.ReplaceAll(kubeadm, ".:53 {", "cluster.local:53,\n.:53 {"), ""},
		"a loop":           {strings.ReplaceAll(kubeadm, "/etc/resolv.conf", "10.96.0.10"), "which is itself"},
		"of its own port":  {strings.ReplaceAll(kubeadm, "/etc/resolv.conf", "127.0.0.1"), "forwards to 127.0.0.1"},
		"by its port":      {strings.ReplaceAll(kubeadm, "/etc/resolv.conf", "8.8.8.8 dns://127.0.0.1:53"), "forwards to dns://127.0.0.1:53"},
		"of IPv6":          {strings.ReplaceAll(kubeadm, "/etc/resolv.conf", "[::1]:53"), "forwards to [::1]:53"},
		"another replica":  {strings.ReplaceAll(kubeadm, "/etc/resolv.conf", "10.244.0.4"), "forwards to 10.244.0.4"},
		"somebody beside":  {strings.ReplaceAll(kubeadm, "/etc/resolv.conf", "127.0.0.1:5353"), ""},
		"a pod of others":  {strings.ReplaceAll(kubeadm, "/etc/resolv.conf", "10.244.0.9"), ""},
		"the node's cache": {strings.ReplaceAll(kubeadm, "/etc/resolv.conf", "169.254.20.10"), ""},
		"over TLS":         {strings.ReplaceAll(kubeadm, "/etc/resolv.conf", "tls://127.0.0.1"), ""},
		"by other names":   {kubeadm + "corp.example:53 {\n    rewrite name suffix .corp.example .svc.cluster.local\n    forward . 10.96.0.10\n}\n", ""},
		"by the same":      {kubeadm + "corp.example:53 {\n    forward . 10.96.0.10\n}\n", "which is itself"},
		"a port beside it": {kubeadm + "corp.example:5300 {\n    forward . 127.0.0.1\n}\n", ""},
		"bound elsewhere":  {strings.ReplaceAll(kubeadm, "    errors\n", "    errors\n    bind 10.244.0.4\n    forward . 127.0.0.1\n"), ""},
		"not asked":        {strings.ReplaceAll(kubeadm, ".:53", "example.com:53"), "no server block"},
		"may be imported":  {".:53 {\n    import /etc/coredns/custom/*\n}\n", ""},
	} {
		s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
			Settings: map[string]string{"dnsDomain": "cluster.local"},
			Services: []snapshot.Service{{Namespace: "kube-system", Name: "kube-dns", IPs: []string{"10.96.0.10"}, Selector: map[string]string{"k8s-app": "kube-dns"}}},
			Endpoints: []snapshot.Endpoint{
				{Namespace: "kube-system", Service: "kube-dns", Address: "10.244.0.4", Port: 53}, {Namespace: "x", Service: "kube-dns", Address: "10.244.0.9", Port: 53}},
			Pods:       []snapshot.Pod{{Namespace: "kube-system", Name: "coredns-x", ServiceAccount: "coredns"}},
			ConfigMaps: []snapshot.ConfigMap{{Namespace: "kube-system", Name: "coredns", Data: map[string]string{"Corefile": tt.text}}},
		}}
		got := detect(s)
		if (len(got) == 1) != (tt.why != "") || len(got) == 1 && !strings.Contains(got[0].Summary, tt.why) {
			t.Errorf("%s: %+v", name, got)
		}
		if s.Cluster.Pods[0].ServiceAccount = "other"; len(detect(s)) > 0 {
			t.Errorf("%s: a ConfigMap that nobody lives by is accused", name)
		}
	}
}

// In the node's network the loopback is somebody else's.
func TestLoopbackOfTheNode(t *testing.T) {
	servers, err := parse(strings.ReplaceAll(kubeadm, "/etc/resolv.conf", "127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []bool{false, true} {
		c := &snapshot.Cluster{Pods: []snapshot.Pod{{Namespace: "kube-system", ServiceAccount: "coredns", HostNet: host}}}
		if got := upstream(c, servers); (got == nil) != host {
			t.Errorf("host network %v: %+v", host, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, x := range []string{kubeadm, k3s, two, "}", "{", "a {\n{\n", "a,\nb {\n}", "a {\n}\n"} {
		f.Add(x)
	}
	f.Fuzz(func(t *testing.T, text string) {
		servers, err := parse(text)
		if err == nil {
			zone(servers, "cluster.local")
			upstream(&snapshot.Cluster{}, servers)
		}
	})
}
