// Package kubeproxy is the fault of a kube-proxy that is meant to run nowhere
// or by a wrong configuration.
package kubeproxy

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "service/kubeproxy",
	Layer:  fault.Network,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.NodePortDegraded, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodTrafficSlow, Strength: symptom.Sometimes, Cluster: true}, // to pods that went since
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
	Drill:  drill,
}

const usual = "kubernetes.io/os"

// instead matches what does the work of kube-proxy in its place.
var instead = regexp.MustCompile(`cilium|kube-router|ovn|antrea|calico-node`)

// proxy is the DaemonSet of kube-proxy.
func proxy(c *snapshot.Cluster) (snapshot.Workload, bool) {
	for _, w := range c.Workloads {
		if w.Kind == "DaemonSet" && w.Namespace == "kube-system" && w.Name == "kube-proxy" {
			return w, true
		}
	}
	return snapshot.Workload{}, false
}

// replaced reports whether something else may do the work: its manuals say to
// take kube-proxy away, or to give it a nodeSelector that no node has.
func replaced(c *snapshot.Cluster) bool {
	return slices.ContainsFunc(c.Workloads, func(w snapshot.Workload) bool {
		return w.Kind == "DaemonSet" && instead.MatchString(w.Name+strings.Join(w.Images, " "))
	})
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	c := s.Cluster
	i := slices.IndexFunc(c.ConfigMaps, func(m snapshot.ConfigMap) bool { return m.Namespace == "kube-system" && m.Name == "kube-proxy" })
	if c.Source != "api" || i < 0 || len(c.Nodes) == 0 || len(c.Workloads) == 0 {
		return nil // no kube-proxy of kubeadm's
	}
	f := finding.Finding{Subject: object.Subject("DaemonSet", "kube-system", "kube-proxy"),
		Commands: []string{"kubectl -n kube-system get daemonset,pods -l k8s-app=kube-proxy -o wide", "kubectl -n kube-system get configmap kube-proxy -o yaml"}}
	w, ok := proxy(c)
	switch {
	case (!ok || w.Replicas == 0) && replaced(c):
		return nil
	case !ok:
		f.Summary = "the DaemonSet kube-proxy does not exist, and nothing stands in its place: Services lead where they led"
		f.Facts = []finding.Fact{{Source: "daemonsets/kube-system/kube-proxy", Got: "there is none, beside its ConfigMap", Want: "a DaemonSet"}}
	case w.Replicas == 0:
		f.Summary = "kube-proxy is meant to run on no node: " + selects(w)
		f.Facts = []finding.Fact{{Source: "daemonsets/kube-system/kube-proxy", Got: selects(w), Want: "nodeSelector " + usual + "=linux"}}
	default:
		why, fact := config(c, c.ConfigMaps[i])
		if why == "" {
			return nil
		}
		f.Subject = object.Subject("ConfigMap", "kube-system", "kube-proxy")
		f.Summary, f.Facts = why, []finding.Fact{fact}
	}
	f.Facts = object.Kept(f.Facts, w.Keeper)
	return []finding.Finding{f}
}

func selects(w snapshot.Workload) string { return "nodeSelector " + object.Labels(w.Selects) }

// setting finds a setting of a file in YAML, at any depth.
func setting(text, key string) (value string, line int) {
	for i, l := range strings.Split(text, "\n") {
		if k, v, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(l), "- ")), ":"); ok && k == key {
			return strings.Trim(strings.TrimSpace(v), `"'`), i + 1
		}
	}
	return "", 0
}

// config looks at what kube-proxy is told.
func config(c *snapshot.Cluster, m snapshot.ConfigMap) (string, finding.Fact) {
	const source = "configmaps/kube-system/kube-proxy: "
	if mode, line := setting(m.Data["config.conf"], "mode"); line > 0 && !slices.Contains([]string{"", "null", "iptables", "ipvs", "nftables", "kernelspace"}, mode) {
		return "kube-proxy is told to work in the mode " + mode + ", which it does not have", finding.Fact{Source: source + "config.conf", Line: line, Got: "mode: " + mode, Want: "iptables, ipvs or nftables"}
	}
	server, line := setting(m.Data["kubeconfig.conf"], "server")
	u, err := url.Parse(server)
	if line == 0 || err != nil || u.Hostname() == "" || known(c, u) {
		return "", finding.Fact{}
	}
	return "kube-proxy is told to ask " + server + ", which is no API server of this cluster", finding.Fact{Source: source + "kubeconfig.conf", Line: line, Got: "server: " + server, Want: "the address of the API server: " + c.API.URL}
}

// known reports whether a URL may be that of an API server: one that was
// asked, the cluster's endpoint, a node's, the Service's, or a name, which
// somebody resolves.
func known(c *snapshot.Cluster, u *url.URL) bool {
	host := u.Hostname()
	if strings.ContainsFunc(host, func(r rune) bool { return r >= 'g' && r <= 'z' }) || strings.Contains(c.API.URL, host) || strings.Contains(c.Settings["controlPlaneEndpoint"], host) {
		return true
	}
	return slices.ContainsFunc(c.Nodes, func(n snapshot.Node) bool { return slices.Contains(n.Addresses, host) }) ||
		slices.ContainsFunc(c.Services, func(x snapshot.Service) bool { return x.Namespace == "default" && slices.Contains(x.IPs, host) })
}

// remedy lets kube-proxy run on every node again, as kubeadm has it.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	w, ok := proxy(s.Cluster)
	switch {
	case !ok:
		return nil, errors.New("cannot make the DaemonSet kube-proxy: kubeadm init phase addon kube-proxy does, with the image of this release")
	case f.Subject.Name != "DaemonSet kube-system/kube-proxy":
		return nil, fmt.Errorf("cannot change the ConfigMap kube-proxy: which address or mode is meant has to be known; kubeadm init phase addon kube-proxy writes it anew")
	}
	set, err := object.Set("DaemonSet", "kube-system", "kube-proxy", map[string]string{usual: "linux"}, w.Selects, "let kube-proxy run on every node", "spec", "template", "spec", "nodeSelector")
	return op.Plan{set}, err
}

// drill lets kube-proxy run nowhere, and gives the pods of a Deployment new
// addresses.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	w, ok := proxy(s.Cluster)
	if !ok || w.Replicas == 0 {
		return nil, errors.New("cannot find a kube-proxy that is well")
	}
	selects := map[string]string{fault.Pick(d, []string{"pool", "example.com/proxy", "kubernetes.io/role"}): d.Name()}
	for k, v := range w.Selects {
		selects[k] = v
	}
	set, err := object.Set("DaemonSet", "kube-system", "kube-proxy", selects, w.Selects, "let kube-proxy run on nodes with another label", "spec", "template", "spec", "nodeSelector")
	if err != nil {
		return nil, err
	}
	again, err := object.Replace(s, d)
	return append(op.Plan{set}, again...), err
}
