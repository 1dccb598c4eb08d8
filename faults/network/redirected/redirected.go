// Package redirected is the fault of a rule of the packet filter that sends
// what Kubernetes lives by to somebody else.
package redirected

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/packet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is the declaration.
var Fault = &fault.Fault{
	ID:    "network/redirected",
	Layer: fault.Network,
	Needs: []snapshot.Section{snapshot.SectionNetwork, snapshot.SectionCluster},
	Uses: []snapshot.Section{snapshot.SectionStatic, snapshot.SectionKubelet, snapshot.SectionKubeconfigs,
		snapshot.SectionNames, snapshot.SectionPersistence},
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletPortDead, Strength: symptom.Sometimes},
		{Symptom: symptom.ControlPlanePortBlocked, Strength: symptom.Sometimes},
		{Symptom: symptom.APIDown, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.CertRefused, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.EtcdDown, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.NodePortDegraded, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes},
		{Symptom: symptom.ControllersIdle, Strength: symptom.Sometimes},
		{Symptom: symptom.SchedulerIdle, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.FixUndone, Strength: symptom.Sometimes},
	},
	Detect: detect,
	Remedy: remedy,
	Drill:  drill,
}

// A detour is a rule and the flows that it leads astray.
type detour struct {
	rule  snapshot.FilterRule
	flows []packet.Flow
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, x := range detours(s) {
		out = append(out, finding.Finding{Subject: x.subject(), Summary: x.summary(), Facts: x.facts(s), Commands: x.commands()})
	}
	return out
}

func detours(s *snapshot.Snapshot) []detour {
	filter := packet.FilterOf(s)
	if filter == nil || filter.Cut {
		return nil
	}
	var out []detour
	for _, f := range packet.Flows(s) {
		for _, p := range f.Packets {
			if p.Hook != "output" && p.Hook != "prerouting" {
				continue
			}
			for _, r := range filter.Translates(p) {
				if r.Target == "" || late(r) && !f.Local || meant(s, r, p) {
					continue
				}
				i := slices.IndexFunc(out, func(x detour) bool {
					return x.rule.Handle == r.Handle && x.rule.Table == r.Table && x.rule.Chain == r.Chain && x.rule.Family == r.Family
				})
				if i < 0 {
					i = len(out)
					out = append(out, detour{rule: r})
				}
				if !slices.ContainsFunc(out[i].flows, func(y packet.Flow) bool { return y.String() == f.String() }) {
					out[i].flows = append(out[i].flows, f)
				}
			}
		}
	}
	return out
}

// late reports whether a rule comes after the service proxy's, which have
// translated what goes to Services before.
func late(r snapshot.FilterRule) bool {
	return len(r.Hooks) > 0 && r.Hooks[0].Order == "after"
}

// meant reports whether a translation leads to one who answers for what the
// packet asks: another API server, another endpoint, a cache of names of the
// node's own.
func meant(s *snapshot.Snapshot, r snapshot.FilterRule, p packet.Packet) bool {
	target := r.Target
	switch {
	case strings.HasPrefix(target, ":"): // a port of this node
		target = packet.Own(s).String() + target
	case !strings.Contains(target, ":"): // the port stays
		target += fmt.Sprintf(":%d", p.DstPort)
	}
	to, err := netip.ParseAddrPort(target)
	if err != nil {
		return true // not known where
	}
	if to.Addr() == p.To && int(to.Port()) == p.DstPort {
		return true
	}
	if p.DstPort == 53 && (to.Addr().IsLinkLocalUnicast() || to.Addr().IsLoopback()) {
		return true
	}
	for _, e := range s.Cluster.Endpoints {
		if e.Address == to.Addr().String() && e.Port == int(to.Port()) {
			return true
		}
	}
	for _, n := range s.Cluster.Nodes {
		if int(to.Port()) == p.DstPort && slices.Contains(n.Addresses, to.Addr().String()) {
			return true
		}
	}
	return false
}

func (x detour) subject() finding.Subject {
	return finding.Subject{Kind: "netfilter rule", Name: fmt.Sprintf("%s %s %s: %s", x.rule.Family, x.rule.Table, x.rule.Chain, packet.Plain(x.rule.Text))}
}

func (x detour) summary() string {
	return fmt.Sprintf("a rule of chain %s (table %s %s) sends packets of %s to %s", x.rule.Chain, x.rule.Family, x.rule.Table, x.flows[0], x.where())
}

func (x detour) where() string {
	if strings.HasPrefix(x.rule.Target, ":") {
		return "port " + x.rule.Target[1:] + " of this node"
	}
	return x.rule.Target
}

func (x detour) facts(s *snapshot.Snapshot) []finding.Fact {
	r := x.rule
	source := fmt.Sprintf("netfilter %s %s %s", r.Family, r.Table, r.Chain)
	facts := []finding.Fact{{Source: source, Got: r.Text, Want: "no rule, or one to who answers for it"}}
	for i, f := range x.flows {
		if i < 3 {
			facts = append(facts, finding.Fact{Source: source, Got: fmt.Sprintf("fits %s, %s to %s port %d", f.Name, f.From, f.To, f.Port)})
		}
	}
	if host, port, ok := strings.Cut(r.Target, ":"); ok && host == "" && s.Network.Host() != nil {
		facts = append(facts, finding.Fact{Source: "ss -ltnp", Got: "the packets come to port " + port, Want: "the port that they were sent to"})
	}
	return append(facts, packet.SetterFacts(x.setters(s))...)
}

func (x detour) setters(s *snapshot.Snapshot) []snapshot.Persistent {
	for _, p := range x.rule.DstPorts {
		if list := packet.Setters(s, packet.FilterTools, x.rule.Verdict, p); len(list) > 0 {
			return list
		}
	}
	return packet.Setters(s, packet.FilterTools, x.rule.Verdict, x.rule.Table)
}

func (x detour) commands() []string {
	return []string{fmt.Sprintf("nft -a list chain %s %s %s", x.rule.Family, x.rule.Table, x.rule.Chain), "iptables-save -c -t nat", "ss -ltnp"}
}

func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, x := range detours(s) {
		if x.subject() != f.Subject {
			continue
		}
		if x.rule.Backend == "legacy" || x.rule.Sum == "" {
			return nil, fmt.Errorf("cannot remove a rule of iptables-legacy: the kernel takes its table only as a whole; iptables-legacy -t %s -D %s ... removes it", x.rule.Table, x.rule.Chain)
		}
		plan, err := fault.UprootAll(x.setters(s), "it sets the rule again")
		if err != nil {
			return nil, err
		}
		at := op.FilterPlace{Family: x.rule.Family, Table: x.rule.Table, Chain: x.rule.Chain}
		return append(plan, op.DeleteRule{At: at, Rule: op.FilterRule{Sum: x.rule.Sum, Handle: x.rule.Handle, Text: packet.Plain(x.rule.Text)}, Why: "it leads " + x.flows[0].Name + " astray"}), nil
	}
	return nil, fmt.Errorf("cannot find the rule %s: the snapshot does not show it", f.Subject.Name)
}

// drill sends what this node sends to its API server to another port, where
// nobody listens.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Static == nil {
		return nil, errors.New("cannot choose a port: the static pods were not seen")
	}
	if _, _, ok := s.Static.Component("kube-apiserver"); !ok {
		return nil, errors.New("cannot choose a port: this node has no API server")
	}
	m := op.FilterMatch{Protocol: "tcp", DstPort: 6443, Verdict: "redirect", Target: fmt.Sprintf(":%d", d.Int(20000, 29999))}
	name := d.Name()
	if d.Int(0, 1) == 0 {
		m.Verdict, m.Target = "dnat", fmt.Sprintf("%s:%d", packet.Own(s), d.Int(20000, 29999))
	}
	priority := d.Int(-190, -110)
	f := op.Filter{FilterPlace: op.FilterPlace{Family: "ip", Table: name}, Chains: []op.FilterChain{
		{Name: "output", Type: "nat", Hook: "output", Priority: priority, Rules: []op.FilterMatch{m}}}}
	plan := op.Plan{op.AddFilter{Filter: f}}
	if d.Int(0, 1) == 0 {
		return plan, nil
	}
	command := fmt.Sprintf("/usr/sbin/nft 'table ip %s { chain output { type nat hook output priority %d; %s; }; }'", name, priority, m)
	return append(packet.AtBoot(name, command), plan...), nil
}
