// Package apiserveraddress is the fault of a kubelet that calls an address at which
// no API server listens.
package apiserveraddress

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/kubelet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "kubelet/apiserveraddress",
	Layer:  fault.Kubelet,
	Needs:  []snapshot.Section{snapshot.SectionKubelet, snapshot.SectionKubeconfigs},
	Uses:   []snapshot.Section{snapshot.SectionLogs, snapshot.SectionCluster, snapshot.SectionStatic, snapshot.SectionNetwork},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletCutOff, Strength: symptom.Always},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
		{Symptom: symptom.CertRefused, Strength: symptom.Sometimes}, // it is for the address where the server is
	},
	Remedy: remedy,
	Drill:  drill,
}

// called is the server that the kubelet's kubeconfig names, with its line.
func called(s *snapshot.Snapshot) (conf snapshot.Kubeconfig, c snapshot.KubeconfigCluster, ok bool) {
	for _, f := range s.Kubeconfigs.Files {
		if f.Path != s.Kubelet.Kubeconfig {
			continue
		}
		for _, x := range f.Contexts {
			for _, c := range f.Clusters {
				if x.Name == f.Current && c.Name == x.Cluster {
					return f, c, c.Server != ""
				}
			}
		}
	}
	return conf, c, false
}

// A place is where an API server is known to be, and by what.
type place struct{ server, source string }

// known are the servers that others call, and where this node's own listens.
func known(s *snapshot.Snapshot) []place {
	var out []place
	add := func(server, source string) {
		if server != "" {
			out = append(out, place{server, source})
		}
	}
	for _, name := range []string{"admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf"} {
		for _, f := range s.Kubeconfigs.Files {
			if path.Base(f.Path) == name && path.Dir(f.Path) == path.Dir(s.Kubelet.Kubeconfig) && len(f.Clusters) > 0 {
				add(f.Clusters[0].Server, f.Path)
			}
		}
	}
	if s.Static != nil {
		if m, c, ok := s.Static.Component("kube-apiserver"); ok {
			host, _ := c.Flag("advertise-address")
			port := "6443"
			if f, ok := c.Flag("secure-port"); ok {
				port = f.Value
			}
			if host.Value != "" {
				add("https://"+join(host.Value, port), m.Path)
			}
		}
	}
	if p := s.Kubelet.Proxy; p != nil {
		add(p.Server, p.Kubeconfig+" of kube-proxy")
	}
	if s.Cluster != nil {
		if e := s.Cluster.Settings["controlPlaneEndpoint"]; e != "" {
			add("https://"+e, "configmaps/kube-system/kubeadm-config")
		}
		for _, e := range s.Cluster.Endpoints {
			if e.Namespace == "default" && e.Service == "kubernetes" && e.Port > 0 {
				add("https://"+join(e.Address, strconv.Itoa(e.Port)), "endpointslices/default/kubernetes")
			}
		}
	}
	return out
}

func join(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + port
}

// address is host and port of a server, whatever else the URL says.
func address(server string) string {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		return server
	}
	if u.Port() == "" {
		return join(u.Hostname(), "443")
	}
	return join(strings.ToLower(u.Hostname()), u.Port())
}

// detect accuses an address that nobody else knows and that the kubelet itself
// says does not answer. A balancer in front of the API servers is known to
// nobody either, and answers.
func detect(s *snapshot.Snapshot) []finding.Finding {
	k := s.Kubelet
	conf, c, ok := called(s)
	all := known(s)
	if !ok || len(all) == 0 || slices.ContainsFunc(all, func(p place) bool { return address(p.server) == address(c.Server) }) {
		return nil
	}
	u, err := url.Parse(c.Server)
	if err != nil || own(s, u) {
		return nil
	}
	failed := kubelet.Logged(s, 2*time.Minute, []string{"dial-refused", "dial-unreachable", "dial-timeout", "name-unresolved"}, address(c.Server), u.Hostname())
	if !here(s, u.Hostname()) && len(failed) == 0 {
		return nil
	}
	f := finding.Finding{
		Subject:  finding.Subject{Kind: "file", Name: conf.Path},
		Summary:  fmt.Sprintf("the kubelet calls the API server at %s (%s), where none listens", c.Server, kubelet.Where(snapshot.Origin{Source: conf.Path, Line: line(conf, c)})),
		Facts:    []finding.Fact{{Source: conf.Path, Line: line(conf, c), Got: "server: " + c.Server, Want: "server: " + all[0].server}},
		Commands: kubelet.Commands("grep server: " + conf.Path + " " + path.Dir(k.Kubeconfig) + "/*.conf"),
	}
	for _, p := range all {
		f.Facts = append(f.Facts, finding.Fact{Source: p.source, Got: "an API server at " + p.server})
	}
	f.Facts = append(f.Facts, failed...)
	return []finding.Finding{f}
}

// own reports whether a server is the API server of this node by the loopback,
// where that listens too unless it is bound to one address.
func own(s *snapshot.Snapshot, u *url.URL) bool {
	ip, err := netip.ParseAddr(u.Hostname())
	if s.Static == nil || u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
		return false
	}
	_, c, ok := s.Static.Component("kube-apiserver")
	port := "6443"
	if f, set := c.Flag("secure-port"); set {
		port = f.Value
	}
	bind, _ := c.Flag("bind-address")
	at, err := netip.ParseAddr(bind.Value)
	return ok && u.Port() == port && (err != nil || at.IsUnspecified() || at.IsLoopback())
}

// here reports whether the host is this node: then its own API server tells
// the port.
func here(s *snapshot.Snapshot, host string) bool {
	if s.Static == nil || s.Network == nil {
		return false
	}
	_, c, ok := s.Static.Component("kube-apiserver")
	at, _ := c.Flag("advertise-address")
	return ok && at.Value == host
}

func line(conf snapshot.Kubeconfig, c snapshot.KubeconfigCluster) int {
	for i, l := range conf.Lines() {
		if strings.HasPrefix(strings.TrimSpace(l), "server:") && strings.Contains(l, c.Server) {
			return i + 1
		}
	}
	return c.Line
}

func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	conf, c, ok := called(s)
	all := known(s)
	n := line(conf, c)
	text := conf.LineAt(n)
	if !ok || len(all) == 0 || !strings.Contains(text, c.Server) {
		return nil, errors.New("cannot say where the API server is")
	}
	w, err := fault.EditLines(conf.Text, n, n, []string{strings.Replace(text, c.Server, all[0].server, 1)}, "as "+all[0].source+" has it")
	if err != nil {
		return nil, err
	}
	return append(op.Plan{w}, kubelet.Restart()...), nil
}

// drill changes the port.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Kubeconfigs == nil {
		return nil, errors.New("cannot change the kubelet's kubeconfig: it was not read")
	}
	conf, c, ok := called(s)
	u, err := url.Parse(c.Server)
	if !ok || err != nil {
		return nil, errors.New("cannot change the kubelet's kubeconfig: it names no server")
	}
	port := fault.Pick(d, []string{"6444", "8443", "7443", "16443", "6433"})
	n := line(conf, c)
	w, err := fault.EditLines(conf.Text, n, n, []string{strings.Replace(conf.LineAt(n), c.Server, "https://"+join(u.Hostname(), port), 1)}, "another server")
	if err != nil {
		return nil, err
	}
	return append(op.Plan{w}, kubelet.Restart()...), nil
}
