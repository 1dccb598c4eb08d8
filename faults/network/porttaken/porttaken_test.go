package porttaken

import (
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4, 5, 6)) }

// node is a control plane whose API server and scheduler are to listen.
func node(listening ...snapshot.Socket) *snapshot.Snapshot {
	pod := func(name string, flags ...snapshot.Flag) snapshot.Manifest {
		return snapshot.Manifest{Text: snapshot.Text{Path: "/m/" + name + ".yaml"}, Name: name, HostNet: true, Containers: []snapshot.ManifestContainer{{Name: name, Command: name, Flags: flags}}}
	}
	return &snapshot.Snapshot{
		At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Logs: &snapshot.Logs{}, Sockets: &snapshot.Sockets{Listening: listening}, PKI: &snapshot.PKI{Certificates: []snapshot.Certificate{{Path: "/etc/kubernetes/pki/ca.crt", SHA256: "ca"}}},
		Kubelet: &snapshot.Kubelet{}, Probes: &snapshot.Probes{},
		Kubeconfigs: &snapshot.Kubeconfigs{Files: []snapshot.Kubeconfig{{Clusters: []snapshot.KubeconfigCluster{{Server: "https://10.0.0.1:6443", CA: "ca", CASubject: "CN=kubernetes"}}}}},
		Static: &snapshot.Static{Manifests: []snapshot.Manifest{pod("kube-apiserver", snapshot.Flag{Name: "secure-port", Value: "6443"}), pod("kube-scheduler", snapshot.Flag{Name: "bind-address", Value: "127.0.0.1"}),
			pod("etcd", snapshot.Flag{Name: "listen-client-urls", Value: "https://127.0.0.1:2379,https://10.0.0.1:2379"})}},
	}
}

func socket(at, name, exe string) snapshot.Socket {
	return snapshot.Socket{NetNS: "host", Protocol: "tcp", State: "listen", Address: at, Owners: []snapshot.SocketOwner{{PID: 7, Name: name, Exe: exe}}}
}

func TestDetect(t *testing.T) {
	says := func(source, text string) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			s.Logs.Observations = append(s.Logs.Observations, snapshot.Observation{ID: "listen-failed", Source: source, Sample: text, Last: s.At.Add(-time.Minute)})
		}
	}
	shows := func(component, role, at, issuer string, signed ...string) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			s.Probes.Contacts = append(s.Probes.Contacts, snapshot.Contact{Component: component, Role: role, Address: at, TLS: &snapshot.SeenTLS{SignedBy: signed, Chain: []snapshot.Certificate{{Subject: "CN=x", Issuer: issuer}}}})
		}
	}
	scheduler := says("/var/log/pods/kube-system_kube-scheduler-n_0a/kube-scheduler/3.log", "failed to listen on 127.0.0.1:10259: listen tcp 127.0.0.1:10259: bind: address already in use")
	api := says("/var/log/pods/kube-system_kube-apiserver-n_0a/kube-apiserver/3.log", "listen tcp 0.0.0.0:6443: bind: address already in use")
	v6 := socket("[::]:10259", "socat", "/usr/bin/socat")
	v6.V6Only = true
	type changes = []func(*snapshot.Snapshot)
	for name, tt := range map[string]struct {
		listener snapshot.Socket
		change   changes
		want     string
	}{
		"the component":                    {socket("127.0.0.1:10259", "kube-scheduler", "/usr/local/bin/kube-scheduler"), changes{scheduler}, ""},
		"the component, by its short name": {socket("[::]:6443", "kube-apiserver", ""), changes{api}, ""},
		"k3s":                              {socket("[::]:6443", "k3s-server", "/usr/local/bin/k3s"), changes{shows("apiserver", "node", "10.0.0.1:6443", "CN=k3s")}, ""},
		"another":                          {socket("0.0.0.0:10259", "socat", "/usr/bin/socat"), changes{scheduler}, "socat (PID 7) listens at 0.0.0.0:10259, the port of kube-scheduler, which cannot start"},
		"one that calls itself so":         {socket("127.0.0.1:10259", "kube-scheduler", "/usr/bin/socat"), changes{scheduler}, "the port of kube-scheduler"},
		"another, of whom nobody speaks":   {socket("0.0.0.0:10259", "socat", "/usr/bin/socat"), nil, ""},
		"another, of whom another speaks":  {socket("0.0.0.0:10259", "socat", "/usr/bin/socat"), changes{api}, ""},
		"at another address":               {socket("10.0.0.1:10259", "socat", "/usr/bin/socat"), changes{scheduler}, ""},
		"at another port":                  {socket("127.0.0.1:10258", "socat", "/usr/bin/socat"), changes{scheduler}, ""},
		"of IPv6 alone":                    {v6, changes{scheduler}, ""},
		"nobody knows who":                 {snapshot.Socket{NetNS: "host", Protocol: "tcp", State: "listen", Address: "0.0.0.0:10259"}, changes{scheduler}, ""},
		"in a pod's network":               {snapshot.Socket{NetNS: "x/y", Protocol: "tcp", State: "listen", Address: "0.0.0.0:10259", Owners: []snapshot.SocketOwner{{Name: "x"}}}, changes{scheduler}, ""},
		"the kubelet's":                    {socket("0.0.0.0:10250", "python3", "/usr/bin/python3"), changes{says("journal:kubelet.service", `"Failed to listen and serve" err="listen tcp 0.0.0.0:10250: bind: address already in use"`)}, "the port of kubelet"},
		"an interceptor":                   {socket("10.0.0.1:6443", "nginx", "/usr/sbin/nginx"), changes{shows("apiserver", "node", "10.0.0.1:6443", "CN=other")}, "a certificate that CN=other signed"},
		"one with the authority's name":    {socket("10.0.0.1:6443", "nginx", "/usr/sbin/nginx"), changes{shows("apiserver", "node", "10.0.0.1:6443", "CN=kubernetes")}, "a certificate that CN=kubernetes signed"},
		"one of etcd":                      {socket("127.0.0.1:2379", "stunnel", "/usr/bin/stunnel"), changes{shows("etcd", "loopback", "127.0.0.1:2379", "CN=other")}, "the port of etcd"},
		"a balancer that hands on":         {socket("10.0.0.1:6443", "haproxy", "/usr/sbin/haproxy"), changes{shows("apiserver", "node", "10.0.0.1:6443", "CN=kubernetes", "/etc/kubernetes/pki/ca.crt")}, ""},
		"a balancer with an authority of its own": {socket("10.0.0.1:6443", "haproxy", "/usr/sbin/haproxy"), changes{shows("apiserver", "node", "10.0.0.1:6443", "CN=lb"), func(s *snapshot.Snapshot) {
			s.Kubeconfigs.Files[0].Clusters[0].CA, s.Kubeconfigs.Files[0].Clusters[0].CASubject = "lb", "CN=lb"
		}}, ""},
		"the API server with another's certificate": {socket("[::]:6443", "kube-apiserver", "/usr/local/bin/kube-apiserver"), changes{shows("apiserver", "node", "10.0.0.1:6443", "CN=other")}, ""},
		"another address shows it":                  {socket("10.0.0.1:6443", "haproxy", "/usr/sbin/haproxy"), changes{shows("apiserver", "kubeconfig", "10.0.0.2:6443", "CN=other")}, ""},
		"kubeconfigs not known":                     {socket("10.0.0.1:6443", "nginx", "/usr/sbin/nginx"), changes{shows("apiserver", "node", "10.0.0.1:6443", "CN=other"), func(s *snapshot.Snapshot) { s.Kubeconfigs = nil }}, ""},
		"a worker":                                  {socket("0.0.0.0:6443", "haproxy", "/usr/sbin/haproxy"), changes{api, func(s *snapshot.Snapshot) { s.Static = nil }}, ""},
	} {
		s := node(tt.listener)
		for _, c := range tt.change {
			c(s)
		}
		got := detect(s)
		if (len(got) > 0) != (tt.want != "") || len(got) > 1 || len(got) > 0 && !strings.Contains(got[0].Summary, tt.want) {
			t.Errorf("%s: got %+v, want %q", name, got, tt.want)
		}
	}
}

// What a person has to look at first is not ended.
func TestNoRemedy(t *testing.T) {
	for name, p := range map[string]snapshot.Process{"a pod's": {PID: 7, Pod: "u"}, "a container's": {PID: 7, Container: "c"}, "nobody's": {PID: 7}} {
		s := node(socket("0.0.0.0:10250", "python3", "/usr/bin/python3"))
		s.Processes, s.Persistence = &snapshot.Processes{List: []snapshot.Process{p}}, &snapshot.Persistence{}
		s.Logs.Observations = []snapshot.Observation{{ID: "listen-failed", Source: "journal:kubelet.service", Sample: "listen tcp 0.0.0.0:10250: bind: address already in use", Last: s.At}}
		got := detect(s)
		if len(got) != 1 {
			t.Fatalf("%s: %+v", name, got)
		}
		if plan, err := remedy(s, got[0]); err == nil || strings.Contains(err.Error(), "%!") {
			t.Errorf("%s: got %+v, %v", name, plan, err)
		}
	}
}
