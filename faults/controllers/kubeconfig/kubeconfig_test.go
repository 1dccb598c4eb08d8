package kubeconfig

import (
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12))
}

const own = "https://10.0.0.1:6443"

func conf(name, user string) snapshot.Kubeconfig {
	text := "apiVersion: v1\nclusters:\n- cluster:\n    server: " + own + "\n  name: k\ncontexts:\n- context:\n    cluster: k\n    user: u\n  name: c\ncurrent-context: c\nusers:\n- name: u\n  user:\n    client-certificate-data: x\n"
	return snapshot.Kubeconfig{
		Text: snapshot.Text{Path: "/etc/kubernetes/" + name, Content: text, SHA256: name}, Current: "c",
		Clusters: []snapshot.KubeconfigCluster{{Name: "k", Server: own, CA: "ca", Line: 3}},
		Contexts: []snapshot.KubeconfigContext{{Name: "c", Cluster: "k", User: "u", Line: 7}},
		Users:    []snapshot.KubeconfigUser{{Name: "u", Line: 13, Cert: &snapshot.Certificate{CN: user}}},
	}
}

// node is a control plane of kubeadm whose scheduler does not hold its lease.
func node() *snapshot.Snapshot {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := &snapshot.Snapshot{
		Node: "cp1", At: at, Static: &snapshot.Static{}, Logs: &snapshot.Logs{},
		Kubeconfigs: &snapshot.Kubeconfigs{Files: []snapshot.Kubeconfig{
			conf("scheduler.conf", "system:kube-scheduler"), conf("controller-manager.conf", "system:kube-controller-manager"), conf("kubelet.conf", "system:node:cp1"), conf("admin.conf", "kubernetes-admin")}},
		PKI: &snapshot.PKI{Certificates: []snapshot.Certificate{{Path: "/etc/kubernetes/pki/apiserver.crt", DNS: []string{"api.example"}, IPs: []string{"10.0.0.1"}}}},
		Sockets: &snapshot.Sockets{Listening: []snapshot.Socket{
			{NetNS: "host", Address: "[::]:6443", Owners: []snapshot.SocketOwner{{Name: "kube-apiserver"}}}, {NetNS: "host", Address: "127.0.0.1:3128"}, {NetNS: "x/pod", Address: "0.0.0.0:6444"}}},
		Cluster: &snapshot.Cluster{
			Nodes: []snapshot.Node{{Name: "cp1", Addresses: []string{"10.0.0.1"}}, {Name: "cp2", Addresses: []string{"10.0.0.2"}}}, Settings: map[string]string{"controlPlaneEndpoint": "lb.example:6443"},
			Endpoints: []snapshot.Endpoint{{Namespace: "default", Service: "kubernetes", Address: "10.0.0.2", Port: 6443}},
			Leases:    []snapshot.Lease{{Namespace: "kube-system", Name: "kube-scheduler", Holder: "cp2_x", Renewed: at.Add(-time.Second)}},
		},
	}
	for _, name := range components {
		p := "/etc/kubernetes/manifests/" + name + ".yaml"
		file := "/etc/kubernetes/" + strings.TrimPrefix(name, "kube-") + ".conf"
		s.Static.Manifests = append(s.Static.Manifests, snapshot.Manifest{Text: snapshot.Text{Path: p, Content: "- --leader-elect=true\n"}, Name: name, Containers: []snapshot.ManifestContainer{{Name: name, Command: name}}})
		s.Static.Named = append(s.Static.Named, snapshot.NamedFile{Manifest: p, Component: name, Flag: "kubeconfig", Path: file, Host: file, Is: "file"})
	}
	return s
}

func says(id, sample string) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) {
		s.Logs.Observations = append(s.Logs.Observations, snapshot.Observation{ID: id, Source: "/var/log/pods/kube-system_kube-scheduler-cp1_0a/kube-scheduler/1.log", Sample: sample, Last: s.At})
	}
}

func TestDetect(t *testing.T) {
	cluster := func(f func(*snapshot.KubeconfigCluster)) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) { f(&s.Kubeconfigs.Files[0].Clusters[0]) }
	}
	user := func(f func(*snapshot.KubeconfigUser)) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) { f(&s.Kubeconfigs.Files[0].Users[0]) }
	}
	server := func(at string) func(*snapshot.Snapshot) {
		return cluster(func(c *snapshot.KubeconfigCluster) { c.Server = at })
	}
	proxied := func(at string) func(*snapshot.Snapshot) {
		return cluster(func(c *snapshot.KubeconfigCluster) { c.Proxy = at })
	}
	named := func(covers snapshot.Answer) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			s.Kubeconfigs.Files[0].Clusters[0].ServerName = "other"
			s.PKI.Edges = []snapshot.Edge{{Client: "kube-scheduler", Server: "kube-apiserver", Checks: snapshot.EdgeServer, Address: "other", Covers: covers, Signed: snapshot.Yes, Cert: "/etc/kubernetes/pki/apiserver.crt"}}
		}
	}
	flag := func(value string) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			s.Static.Manifests[1].Containers[0].Flags = []snapshot.Flag{{Name: "master", Value: value, Line: 1}}
		}
	}
	type changes = []func(*snapshot.Snapshot)
	for name, tt := range map[string]struct {
		change changes
		want   string
	}{
		"kubeadm's":                             {nil, ""},
		"its own API server by the loopback":    {changes{server("https://127.0.0.1:6443")}, ""},
		"with a slash":                          {changes{server(own + "/")}, ""},
		"another control plane":                 {changes{server("https://10.0.0.2:6443"), says("dial-refused", "dial tcp 10.0.0.2:6443: connect: connection refused")}, ""},
		"the balancer":                          {changes{server("https://LB.example:6443"), says("name-unresolved", "lookup lb.example: no such host")}, ""},
		"a balancer of its own, which answers":  {changes{server("https://api.example:8443")}, ""},
		"a balancer of its own, which does not": {changes{server("https://api.example:8443"), says("name-unresolved", "dial tcp: lookup api.example on 10.0.0.53:53: no such host")}, "nobody answers there"},
		"another port":                          {changes{server("https://10.0.0.1:6444")}, "nothing listens on port 6444"},
		"no TLS":                                {changes{server("http://10.0.0.1:6443")}, "it speaks TLS alone"},
		"no URL":                                {changes{server("10.0.0.1:6443")}, "it is no URL"},
		"no server":                             {changes{server("")}, "names no server"},
		"a foreign host":                        {changes{server("https://10.9.9.9:6443")}, "not for 10.9.9.9"},
		"a foreign host of another authority":   {changes{cluster(func(c *snapshot.KubeconfigCluster) { c.Server, c.CA = "https://10.9.9.9:6443", "other" })}, ""},
		"another's words are not its own": {changes{server("https://api.example:8443"), func(s *snapshot.Snapshot) {
			s.Logs.Observations = []snapshot.Observation{{ID: "dial-refused", Source: "journal:kubelet.service", Sample: "dial tcp api.example:8443", Last: s.At}}
		}}, ""},
		"it leads": {changes{server("https://10.0.0.1:6444"), func(s *snapshot.Snapshot) { s.Cluster.Leases[0].Holder = "cp1_x" }}, ""},
		"it led": {changes{server("https://10.0.0.1:6444"), func(s *snapshot.Snapshot) {
			s.Cluster.Leases[0] = snapshot.Lease{Namespace: "kube-system", Name: "kube-scheduler", Holder: "cp1_x", Renewed: s.At.Add(-time.Minute)}
		}}, "nothing listens"},
		"a node whose name begins alike leads":   {changes{server("https://10.0.0.1:6444"), func(s *snapshot.Snapshot) { s.Cluster.Leases[0].Holder = "cp11_x" }}, "nothing listens"},
		"by an administrator's file":             {changes{server("https://10.0.0.1:6444"), func(s *snapshot.Snapshot) { s.Static.Named[1].Host = "/etc/kubernetes/admin.conf" }}, ""},
		"by a file that no volume shows":         {changes{server("https://10.0.0.1:6444"), func(s *snapshot.Snapshot) { s.Static.Named[1].Host = "" }}, ""},
		"of a file that does not parse":          {changes{server("https://10.0.0.1:6444"), func(s *snapshot.Snapshot) { s.Kubeconfigs.Files[0].Error = "yaml" }}, ""},
		"no manifest, as k3s":                    {changes{server("https://10.0.0.1:6444"), func(s *snapshot.Snapshot) { s.Static.Manifests = nil }}, ""},
		"no other kubeconfig":                    {changes{server("https://10.0.0.1:6444"), func(s *snapshot.Snapshot) { s.Kubeconfigs.Files = s.Kubeconfigs.Files[:1] }}, ""},
		"sockets not known":                      {changes{server("https://10.0.0.1:6444"), func(s *snapshot.Snapshot) { s.Sockets = nil }}, ""},
		"a proxy that listens":                   {changes{proxied("http://127.0.0.1:3128")}, ""},
		"a proxy of the company":                 {changes{proxied("http://proxy.example:3128")}, ""},
		"a proxy that does not listen":           {changes{proxied("http://127.0.0.1:3129")}, "the proxy http://127.0.0.1:3129"},
		"a proxy that does not answer":           {changes{proxied("http://10.0.0.7:3128"), says("dial-timeout", "proxyconnect tcp: dial tcp 10.0.0.7:3128: i/o timeout")}, "the proxy http://10.0.0.7:3128"},
		"another name of the certificate":        {changes{named(snapshot.Yes)}, ""},
		"a name that the certificate lacks":      {changes{named(snapshot.No)}, `to be "other"`},
		"as itself":                              {changes{user(func(u *snapshot.KubeconfigUser) { u.Impersonate = "system:kube-scheduler" })}, ""},
		"as another":                             {changes{user(func(u *snapshot.KubeconfigUser) { u.Impersonate = "jane" })}, `made as "jane"`},
		"a token":                                {changes{user(func(u *snapshot.KubeconfigUser) { u.Cert, u.TokenFile = nil, "/t" })}, ""},
		"a certificate that cannot be read":      {changes{user(func(u *snapshot.KubeconfigUser) { u.Cert = nil })}, ""},
		"nothing to show":                        {changes{user(func(u *snapshot.KubeconfigUser) { u.Cert = nil }), func(s *snapshot.Snapshot) { s.Kubeconfigs.Files[0].Content = "" }}, "system:anonymous"},
		"a context that is not there":            {changes{func(s *snapshot.Snapshot) { s.Kubeconfigs.Files[0].Current = "d" }}, `context "d"`},
		"a context of a cluster that is not":     {changes{func(s *snapshot.Snapshot) { s.Kubeconfigs.Files[0].Contexts[0].Cluster = "d" }}, `cluster "d"`},
		"a context of a user that is not":        {changes{func(s *snapshot.Snapshot) { s.Kubeconfigs.Files[0].Contexts[0].User = "d" }}, `user "d"`},
		"--master as the others":                 {changes{flag(own)}, ""},
		"--master at another port":               {changes{flag("https://10.0.0.1:8080")}, "--master=https://10.0.0.1:8080"},
		"--master makes up for the kubeconfig's": {changes{flag(own), server("https://10.0.0.1:6444")}, ""},
	} {
		s := node()
		for _, c := range tt.change {
			c(s)
		}
		got := detect(s)
		if (len(got) > 0) != (tt.want != "") || len(got) > 1 || len(got) > 0 && !strings.Contains(got[0].Summary, tt.want) {
			t.Errorf("%s: got %+v, want %q", name, got, tt.want)
		}
	}
}

// What cannot be known is not written.
func TestNoRemedy(t *testing.T) {
	for name, change := range map[string]func(*snapshot.Kubeconfig){
		"nothing to show": func(k *snapshot.Kubeconfig) { k.Content, k.Users[0].Cert = "", nil },
		"two contexts":    func(k *snapshot.Kubeconfig) { k.Current, k.Contexts = "d", append(k.Contexts, k.Contexts...) },
		"groups too": func(k *snapshot.Kubeconfig) {
			k.Users[0].Impersonate, k.Users[0].ImpersonateGroups = "x", []string{"g"}
		},
		"no server": func(k *snapshot.Kubeconfig) { k.Clusters[0].Server = "" },
	} {
		s := node()
		change(&s.Kubeconfigs.Files[0])
		got := detect(s)
		if len(got) != 1 {
			t.Fatalf("%s: %+v", name, got)
		}
		if plan, err := remedy(s, got[0]); err == nil || strings.Contains(err.Error(), "%!") {
			t.Errorf("%s: got %+v, %v", name, plan, err)
		}
	}
}
