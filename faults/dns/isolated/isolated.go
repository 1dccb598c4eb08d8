// Package isolated is the fault of NetworkPolicies that keep pods and the
// cluster's name server from each other.
package isolated

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/ground"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "dns/isolated",
	Layer:  fault.DNS,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Uses:   []snapshot.Section{snapshot.SectionProbes, snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.DNSFailing, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.PodTrafficSlow, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
}

const (
	namespace = "kube-system"
	service   = "kube-dns"
	// since is how old a complaint may be.
	since = 15 * time.Minute
	// lost is how many tries of a probe must be lost: one can be chance.
	lost = 2
)

// enforcers matches the pod networks, and what runs beside one, that make
// NetworkPolicies hold. Without one of them a policy is a piece of paper.
var enforcers = regexp.MustCompile(`calico|canal|cilium|antrea|kube-router|weave|ovn|kindnet|network-?polic|aws-node|azure-npm|terway|contrail`)

func enforced(c *snapshot.Cluster) bool {
	return slices.ContainsFunc(c.Workloads, func(w snapshot.Workload) bool {
		return w.Kind == "DaemonSet" && enforcers.MatchString(w.Name+" "+strings.Join(w.Images, " "))
	}) || slices.ContainsFunc(c.Nodes, func(n snapshot.Node) bool { return strings.Contains(n.Kubelet, "+k3s") })
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	c := s.Cluster
	if len(c.NetworkPolicies) == 0 || !enforced(c) {
		return nil
	}
	var out []finding.Finding
	if x, ok := dns(c); ok {
		out = append(out, servers(s, x)...)
	}
	return append(out, clients(s)...)
}

// dns is the Service of the cluster's name server.
func dns(c *snapshot.Cluster) (snapshot.Service, bool) {
	i := slices.IndexFunc(c.Services, func(x snapshot.Service) bool {
		return x.Namespace == namespace && x.Name == service && len(x.Selector) > 0
	})
	if i < 0 {
		return snapshot.Service{}, false
	}
	return c.Services[i], true
}

// servers looks at the policies that hold for the name server's pods.
func servers(s *snapshot.Snapshot, x snapshot.Service) []finding.Finding {
	var out []finding.Finding
	for _, p := range s.Cluster.Pods {
		if p.Namespace != namespace || p.HostNet || p.Deleting || !object.Selects(x.Selector, p.Labels) {
			continue
		}
		if all := holding(s.Cluster, p, "Ingress"); len(all) > 0 && !admits(all, "Ingress", "UDP", targets(x)) {
			if facts := unasked(s, x, p); len(facts) > 0 {
				out = append(out, tell(all, "Ingress", "nobody may ask the cluster's name server: no NetworkPolicy lets UDP to its port through to "+namespace+"/"+p.Name, facts))
			}
		}
		if all := holding(s.Cluster, p, "Egress"); len(all) > 0 && !admits(all, "Egress", "TCP", nil) {
			if facts := deaf(s, p); len(facts) > 0 {
				out = append(out, tell(all, "Egress", "the cluster's name server may not ask the API server: no NetworkPolicy lets TCP out of "+namespace+"/"+p.Name, facts))
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return out
}

// targets are the ports of the name server's pods that the Service leads to.
func targets(x snapshot.Service) []string {
	out := []string{"53"}
	for _, p := range x.Ports {
		if p.Protocol == "UDP" && p.Target != "" {
			out = append(out, p.Target)
		}
	}
	return out
}

// holding are the policies by which a pod is isolated in a direction. They add
// up: what one of them lets through is let through.
func holding(c *snapshot.Cluster, p snapshot.Pod, direction string) []snapshot.NetworkPolicy {
	var out []snapshot.NetworkPolicy
	for _, n := range c.NetworkPolicies {
		if n.Namespace == p.Namespace && slices.Contains(n.Types, direction) && object.Matches(n.Pods, p.Labels) {
			out = append(out, n)
		}
	}
	return out
}

// admits reports whether any rule lets something through: of the protocol, and
// to one of the ports, if some are named. To or from whom is not judged.
func admits(all []snapshot.NetworkPolicy, direction, protocol string, ports []string) bool {
	for _, n := range all {
		rules := n.Ingress
		if direction == "Egress" {
			rules = n.Egress
		}
		for _, r := range rules {
			_, list, ok := strings.Cut(r, ", ports ")
			if !ok || list == "all" {
				return true
			}
			for _, x := range strings.Split(list, "; ") {
				if kind, port, _ := strings.Cut(x, "/"); kind == protocol && (ports == nil || reaches(port, ports)) {
					return true
				}
			}
		}
	}
	return false
}

// reaches reports whether a port of a rule, a number, a range or a name, may be
// one of those.
func reaches(port string, ports []string) bool {
	from, to, _ := strings.Cut(port, "-")
	for _, p := range ports {
		if port == "" || p == port || to != "" && within(p, from, to) {
			return true
		}
	}
	return port != "" && (port[0] < '0' || port[0] > '9') // a name, which pods give
}

func within(p, from, to string) bool {
	pad := func(x string) string { return strings.Repeat("0", max(0, 5-len(x))) + x }
	return p[0] >= '0' && p[0] <= '9' && pad(from) <= pad(p) && pad(p) <= pad(to)
}

func tell(all []snapshot.NetworkPolicy, direction, summary string, facts []finding.Fact) finding.Finding {
	f := finding.Finding{
		Subject: object.Subject("NetworkPolicy", all[0].Namespace, all[0].Name), Summary: summary,
		Commands: []string{"kubectl -n " + all[0].Namespace + " get networkpolicy -o yaml", "kubectl -n " + all[0].Namespace + " describe networkpolicy " + all[0].Name},
	}
	for _, n := range all {
		rules := n.Ingress
		if direction == "Egress" {
			rules = n.Egress
		}
		got := direction + " of pods " + orAll(n.Pods) + ": "
		if len(rules) == 0 {
			got += "nothing"
		}
		f.Facts = append(f.Facts, finding.Fact{Source: "networkpolicies/" + n.Namespace + "/" + n.Name, Got: got + strings.Join(rules, "; "), At: n.Created})
	}
	f.Facts = append(f.Facts, facts...)
	return f
}

func orAll(selector string) string {
	if selector == "" {
		return "all"
	}
	return selector
}

// unasked are the probes that do not come through to the name server.
func unasked(s *snapshot.Snapshot, x snapshot.Service, p snapshot.Pod) []finding.Fact {
	if s.Probes == nil {
		return nil
	}
	var out []finding.Fact
	for _, b := range s.Probes.List {
		to := b.Target == x.Namespace+"/"+x.Name || b.Target == p.Namespace+"/"+p.Name
		if to && b.Lost >= lost && b.Lost+b.Refused == b.Tries {
			out = append(out, finding.Fact{Source: b.Kind + " " + b.From + " -> " + b.To, Got: fmt.Sprintf("%d of %d tries lost", b.Lost, b.Tries), Want: "an answer"})
		}
	}
	return out[:min(len(out), 3)]
}

// deaf is what the name server says of an API server that it does not reach.
func deaf(s *snapshot.Snapshot, p snapshot.Pod) []finding.Fact {
	dir := "/var/log/pods/" + p.Namespace + "_" + p.Name + "_"
	return ground.Said(s, since, func(source, line string) bool {
		return strings.HasPrefix(source, dir) && strings.Contains(line, "i/o timeout") && (strings.Contains(line, "plugin/kubernetes") || strings.Contains(line, "reflector"))
	})
}

// unresolved matches how programs say that a name could not be looked up
// because nobody answered.
var unresolved = regexp.MustCompile(`(?i)temporary failure in name resolution|EAI_AGAIN|lookup \S+.*(?:i/o timeout|server misbehaving)|could not resolve host|getaddrinfo\S* (?:ENOTFOUND|EAI)|no servers could be reached`)

// clients looks at pods that are not well, say that names do not resolve, and
// may ask nobody for them.
func clients(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, p := range s.Cluster.Pods {
		if p.Ready || p.Deleting || p.HostNet || object.System(p.Namespace) || p.Detail == nil {
			continue
		}
		all := holding(s.Cluster, p, "Egress")
		if len(all) == 0 || admits(all, "Egress", "UDP", []string{"53"}) {
			continue
		}
		said := complaint(s, p)
		if said.Got == "" || slices.ContainsFunc(out, func(f finding.Finding) bool {
			return f.Subject == object.Subject("NetworkPolicy", all[0].Namespace, all[0].Name)
		}) {
			continue
		}
		out = append(out, tell(all, "Egress", "pods of "+p.Namespace+" may ask no name server: no NetworkPolicy lets UDP to port 53 out of "+p.Name, []finding.Fact{said}))
	}
	return out
}

// complaint is where a pod says that a name does not resolve.
func complaint(s *snapshot.Snapshot, p snapshot.Pod) finding.Fact {
	source := "pods/" + p.Namespace + "/" + p.Name
	for _, c := range p.Detail.Containers {
		texts := []string{c.Message}
		if c.Last != nil {
			texts = append(texts, c.Last.Message)
		}
		for _, t := range texts {
			if unresolved.MatchString(t) {
				return finding.Fact{Source: source, Got: t}
			}
		}
	}
	for _, e := range s.Cluster.Events {
		if e.Namespace == p.Namespace && e.Object == "Pod/"+p.Name && s.At.Sub(e.Last) <= since && unresolved.MatchString(e.Message) {
			return finding.Fact{Source: "event of " + source, Got: e.Message, At: e.Last}
		}
	}
	return finding.Fact{}
}

// remedy adds a policy that lets through what the name server lives by: it is
// isolated already, so that this takes nothing away from anybody.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	x, ok := dns(s.Cluster)
	if !ok || !slices.ContainsFunc(servers(s, x), func(y finding.Finding) bool { return y.Subject == f.Subject && y.Summary == f.Summary }) {
		return nil, errors.New("cannot open the way to the name server: which of the namespace's pods may ask it is for who isolated them; add a rule for port 53, UDP and TCP, to the policy")
	}
	spec := map[string]any{"podSelector": map[string]any{"matchLabels": x.Selector}}
	name := "allow-dns-" + service
	if strings.HasPrefix(f.Summary, "nobody") {
		var ports []map[string]any
		for _, t := range targets(x) {
			if t[0] >= '0' && t[0] <= '9' {
				ports = append(ports, map[string]any{"protocol": "UDP", "port": number(t)}, map[string]any{"protocol": "TCP", "port": number(t)})
			}
		}
		spec["policyTypes"], spec["ingress"] = []string{"Ingress"}, []any{map[string]any{"ports": ports}}
	} else {
		name += "-out"
		spec["policyTypes"], spec["egress"] = []string{"Egress"}, []any{map[string]any{}}
	}
	o, err := object.Create("NetworkPolicy", namespace, name, map[string]any{"spec": spec})
	return op.Plan{o}, err
}

func number(t string) int {
	n := 0
	for _, r := range t {
		n = 10*n + int(r-'0')
	}
	return n
}
