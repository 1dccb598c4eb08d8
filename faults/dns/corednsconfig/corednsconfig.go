// Package corednsconfig is the fault of a Corefile by which CoreDNS does not
// answer for the cluster.
package corednsconfig

import (
	"errors"
	"fmt"
	"net/netip"
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
	ID:     "dns/corednsconfig",
	Layer:  fault.DNS,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Uses:   []snapshot.Section{snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.DNSFailing, Strength: symptom.Always, Cluster: true},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
	Drill:  drill,
}

const source = "configmaps/kube-system/coredns: Corefile"

// A wrong is what is wrong with a Corefile, and how it is mended: lines from
// to to are replaced.
type wrong struct {
	why, want string
	line      int
	from, to  int // 0 where no safe change is known
	with      []string
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	text, w := look(s)
	if w == nil {
		return nil
	}
	f := finding.Fact{Source: source, Line: w.line, Got: w.why, Want: w.want}
	if lines := strings.Split(text, "\n"); w.line > 0 && w.line <= len(lines) {
		f.Got = strings.TrimSpace(lines[w.line-1])
	}
	facts := []finding.Fact{f}
	if s.Logs != nil {
		for _, o := range s.Logs.Observations {
			if o.ID == "dns-config-bad" || o.ID == "dns-reload-failed" || o.ID == "dns-loop" {
				facts = append(facts, finding.Fact{Source: o.Source, Got: o.Sample, At: o.Last})
			}
		}
	}
	cm, _ := config(s)
	return []finding.Finding{{
		Subject:  object.Subject("ConfigMap", "kube-system", "coredns"),
		Summary:  "the Corefile of CoreDNS does not serve the cluster: " + w.why,
		Facts:    object.Kept(facts, cm.Keeper),
		Commands: []string{"kubectl -n kube-system get configmap coredns -o yaml", "kubectl -n kube-system logs -l k8s-app=kube-dns --tail=20"},
	}}
}

// config is the ConfigMap, when pods of kube-system live by it.
func config(s *snapshot.Snapshot) (snapshot.ConfigMap, bool) {
	used := slices.ContainsFunc(s.Cluster.Pods, func(p snapshot.Pod) bool {
		return p.Namespace == "kube-system" && p.ServiceAccount == "coredns" && (p.Detail == nil || slices.ContainsFunc(p.Detail.Volumes, func(v string) bool { return strings.HasSuffix(v, "=configMap/coredns") }))
	})
	for _, c := range s.Cluster.ConfigMaps {
		if c.Namespace == "kube-system" && c.Name == "coredns" && c.Data["Corefile"] != "" {
			return c, used
		}
	}
	return snapshot.ConfigMap{}, false
}

// look returns the Corefile and the first thing that is wrong with it.
func look(s *snapshot.Snapshot) (string, *wrong) {
	cm, ok := config(s)
	text := cm.Data["Corefile"]
	if !ok || strings.HasSuffix(text, "...") { // cut
		return "", nil
	}
	servers, err := parse(text)
	if err != nil {
		return text, &wrong{why: "it does not parse: " + err.Error(), want: "a Corefile"}
	}
	domain := s.Cluster.Settings["dnsDomain"]
	if domain == "" || strings.Contains(text, "import ") && len(servers) == 0 {
		return text, nil
	}
	if w := zone(servers, domain); w != nil {
		return text, w
	}
	return text, upstream(s.Cluster, servers)
}

// zone looks for who answers for the cluster's domain.
func zone(servers []server, domain string) *wrong {
	for _, b := range servers {
		if _, imports := b.plugin("import"); imports && b.answers(domain) {
			if _, ok := b.plugin("kubernetes"); !ok {
				return nil // it may come with the import
			}
		}
	}
	for _, b := range servers {
		if p, ok := b.plugin("kubernetes"); ok && b.answers(domain) && p.serves(b, domain) {
			return nil
		}
	}
	for _, b := range servers {
		if p, ok := b.plugin("kubernetes"); ok && b.answers(domain) {
			w := &wrong{why: "its kubernetes plugin is there for " + strings.Join(p.args, " ") + ", and the cluster's domain is " + domain, want: "kubernetes " + domain, line: p.line}
			args := []string{domain}
			for _, a := range p.args {
				if strings.HasSuffix(a, ".arpa") {
					args = append(args, a)
				}
			}
			opens := ""
			if p.end > p.line {
				opens = " {"
			}
			w.from, w.to, w.with = p.line, p.line, []string{"    kubernetes " + strings.Join(args, " ") + opens}
			return w
		}
	}
	for _, b := range servers {
		if b.answers(domain) {
			return &wrong{why: "no kubernetes plugin answers for " + domain, want: "kubernetes " + domain, line: b.line, from: b.line + 1, to: b.line, with: strings.Split(
				"    kubernetes "+domain+" in-addr.arpa ip6.arpa {\n       pods insecure\n       fallthrough in-addr.arpa ip6.arpa\n       ttl 30\n    }", "\n")}
		}
	}
	return &wrong{why: "no server block is asked for names of " + domain, want: ".:53 {"}
}

// upstream looks for a forward that leads back to the cluster's own name
// servers: its questions come back to them.
func upstream(c *snapshot.Cluster, servers []server) *wrong {
	own := nameservers(c)
	for _, b := range servers {
		p, ok := b.plugin("forward")
		if _, other := b.plugin("rewrite"); other && !b.answers("") {
			continue // it asks for other names than it is asked for
		}
		for i, to := range p.args {
			if !ok || i == 0 || !b.leadsBack(to, own) {
				continue
			}
			opens := ""
			if p.end > p.line {
				opens = " {"
			}
			return &wrong{why: "it forwards to " + to + ", which is itself", want: "forward . /etc/resolv.conf", line: p.line, from: p.line, to: p.line, with: []string{"    forward " + p.args[0] + " /etc/resolv.conf" + opens}}
		}
	}
	return nil
}

// nameservers are the addresses of the cluster's own: of its Services, of
// their pods, and the loopback where those have a network of their own.
func nameservers(c *snapshot.Cluster) map[string]bool {
	own := map[string]bool{}
	for _, x := range c.Services {
		if x.Namespace != "kube-system" || x.Selector["k8s-app"] != "kube-dns" {
			continue
		}
		for _, ip := range x.IPs {
			own[ip] = true
		}
		for _, e := range c.Endpoints {
			if e.Namespace == x.Namespace && e.Service == x.Name && e.Port == 53 {
				own[e.Address] = true
			}
		}
	}
	pods := 0
	for _, p := range c.Pods {
		if p.Namespace == "kube-system" && p.ServiceAccount == "coredns" {
			if pods++; p.HostNet {
				return own
			}
		}
	}
	own["loopback"] = pods > 0
	return own
}

// leadsBack reports whether an upstream is one of the cluster's own name
// servers, or the block's own port. One at another port is somebody beside it.
func (s server) leadsBack(to string, own map[string]bool) bool {
	host, port := strings.TrimPrefix(to, "dns://"), "53"
	if at, err := netip.ParseAddrPort(host); err == nil {
		host, port = at.Addr().String(), fmt.Sprint(at.Port())
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || !ip.IsLoopback() {
		return err == nil && own[ip.String()] && port == "53"
	}
	_, bound := s.plugin("bind")
	return own["loopback"] && !bound && slices.ContainsFunc(s.zones, func(z string) bool {
		z = strings.TrimSuffix(z, ",")
		if i := strings.LastIndexByte(z, ':'); i >= 0 && !strings.Contains(z[i:], "//") {
			return z[i+1:] == port
		}
		return port == "53" && !strings.Contains(z, "://")
	})
}

// remedy puts the line right; the reload plugin takes it up within a minute or
// two.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	text, w := look(s)
	if w == nil {
		return nil, errors.New("cannot find what is wrong with the Corefile any more")
	}
	if w.from == 0 {
		return nil, fmt.Errorf("cannot mend the Corefile: %s; what it was meant to say has to be known", w.why)
	}
	lines := strings.Split(text, "\n")
	return change(text, strings.Join(slices.Replace(lines, w.from-1, w.to, w.with...), "\n"), "let CoreDNS serve the cluster again")
}

func change(was, now, why string) (op.Plan, error) {
	set, err := object.Set("ConfigMap", "kube-system", "coredns", now, was, why, "data", "Corefile")
	return op.Plan{set}, err
}

// drill has CoreDNS answer for another domain, or for none.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	text, w := look(s)
	if w != nil || text == "" {
		return nil, errors.New("cannot find a Corefile that is well")
	}
	servers, err := parse(text)
	if err != nil {
		return nil, err
	}
	for _, b := range servers {
		p, ok := b.plugin("kubernetes")
		if !ok || len(p.args) == 0 {
			continue
		}
		lines := strings.Split(text, "\n")
		if d.Int(0, 1) == 0 {
			lines = slices.Delete(lines, p.line-1, p.end)
		} else {
			other := fault.Pick(d, []string{"cluster", "kube", "k8s"}) + "." + fault.Pick(d, []string{"internal", "lan", "svc"})
			lines[p.line-1] = strings.Replace(lines[p.line-1], p.args[0], other, 1)
		}
		plan, err := change(text, strings.Join(lines, "\n"), "have CoreDNS answer for something else")
		if err != nil {
			return nil, err
		}
		again, err := restart(s)
		return append(plan, again...), err
	}
	return nil, errors.New("cannot find the kubernetes plugin in the Corefile")
}

// restart replaces the pods of CoreDNS, since the reload plugin takes a
// Corefile up within a minute or two only.
func restart(s *snapshot.Snapshot) (op.Plan, error) {
	for _, w := range s.Cluster.Workloads {
		if w.Kind == "Deployment" && w.Namespace == "kube-system" && w.Name == "coredns" {
			again, err := object.Restart(s, w)
			return op.Plan{again}, err
		}
	}
	return nil, errors.New("cannot find the Deployment of CoreDNS")
}
