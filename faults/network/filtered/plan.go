package filtered

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/packet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	list := blocks(s)
	i := slices.IndexFunc(list, func(b block) bool { return b.subject() == f.Subject })
	if i < 0 {
		return nil, fmt.Errorf("cannot find the rule %s: the snapshot does not show it", f.Subject.Name)
	}
	b := list[i]
	switch {
	case b.policy():
		return nil, fmt.Errorf("cannot decide what chain %s is to let pass: add a rule that accepts %s, or set the policy to accept", b.rule.Chain, b.flows[0])
	case b.rule.Backend == "legacy":
		return nil, fmt.Errorf("cannot remove a rule of iptables-legacy: the kernel takes its table only as a whole; iptables-legacy -t %s -D %s ... removes it", b.rule.Table, b.rule.Chain)
	case b.rule.Sum == "":
		return nil, errors.New("cannot remove the rule: it is not known well enough to be put back")
	case len(b.rule.DstPorts)+len(b.rule.SrcPorts)+len(b.rule.From)+len(b.rule.To) == 0 && !b.alone(s):
		return nil, fmt.Errorf("cannot decide what chain %s is to let pass: its last rule ends all that the others do not accept; add one that accepts %s", b.rule.Chain, b.flows[0])
	}
	plan, err := fault.UprootAll(setters(s, b.rule), "it sets the rule again")
	if err != nil {
		return nil, err
	}
	return append(plan, op.DeleteRule{At: b.place(), Rule: op.FilterRule{Sum: b.rule.Sum, Handle: b.rule.Handle, Text: packet.Plain(b.rule.Text)}, Why: "it ends " + b.flows[0].Name}), nil
}

// alone reports whether no rule of the chain lets anything pass, by itself or
// by a chain or map that it leads to: then one that ends all is not the end of
// a firewall.
func (b block) alone(s *snapshot.Snapshot) bool {
	for _, r := range s.Network.Host().Netfilter.Rules {
		if r.Table == b.rule.Table && r.Family == b.rule.Family && r.Chain == b.rule.Chain && slices.Contains([]string{"accept", "return", "jump", "goto", "vmap", "queue", "nfqueue"}, r.Verdict) {
			return false
		}
	}
	return true
}

// setters are entries that make such a rule by themselves: a line with its
// verdict and a port of it, or else its table.
func setters(s *snapshot.Snapshot, r snapshot.FilterRule) []snapshot.Persistent {
	ports := slices.Concat(r.DstPorts, r.SrcPorts)
	if len(ports) == 0 {
		return packet.Setters(s, packet.FilterTools, r.Verdict, r.Table)
	}
	var out []snapshot.Persistent
	for _, p := range ports {
		for _, e := range packet.Setters(s, packet.FilterTools, r.Verdict, p) {
			if !slices.ContainsFunc(out, func(x snapshot.Persistent) bool { return x.Source == e.Source && x.Line == e.Line }) {
				out = append(out, e)
			}
		}
	}
	return out
}

// drill ends one conversation: at a port of the control plane, or of DNS on
// its way between pods, in the table of iptables or in one of its own, at
// once and, half of the time, again after every boot.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Network == nil || s.Network.Host() == nil || s.Static == nil {
		return nil, errors.New("cannot choose a port: the node was not seen")
	}
	if _, _, ok := s.Static.Component("kube-apiserver"); !ok {
		return nil, errors.New("cannot choose a port: this node has no API server")
	}
	m := op.FilterMatch{Protocol: "tcp", Verdict: fault.Pick(d, []string{"drop", "drop", "reject"})}
	hook, chain := "input", "INPUT"
	switch d.Int(0, 4) {
	case 0, 1:
		m.DstPort = 6443
	case 2:
		m.DstPort = 2379
	case 3:
		m.DstPort = 10250
	case 4: // the answers
		m.SrcPort, hook, chain = 6443, "output", "OUTPUT"
		m.Verdict = "drop"
	}
	var plan op.Plan
	name, command := d.Name(), ""
	if hasChain(s, chain) && d.Int(0, 1) == 0 {
		at := op.FilterPlace{Family: "ip", Table: "filter", Chain: chain}
		flag, port := "--dport", m.DstPort
		if m.SrcPort > 0 {
			flag, port = "--sport", m.SrcPort
		}
		command = fmt.Sprintf("/usr/sbin/iptables -I %s -p tcp %s %d -j %s", chain, flag, port, strings.ToUpper(m.Verdict))
		plan = op.Plan{op.AddRule{At: at, Match: m}}
	} else {
		priority := d.Int(-200, -5)
		f := op.Filter{FilterPlace: op.FilterPlace{Family: "inet", Table: name}, Chains: []op.FilterChain{
			{Name: hook, Type: "filter", Hook: hook, Priority: priority, Rules: []op.FilterMatch{m}}}}
		command = fmt.Sprintf("/usr/sbin/nft 'table inet %s { chain %s { type filter hook %s priority %d; %s; }; }'", name, hook, hook, priority, m)
		plan = op.Plan{op.AddFilter{Filter: f}}
	}
	if d.Int(0, 1) == 0 {
		return plan, nil
	}
	return append(packet.AtBoot(name, command), plan...), nil
}

func hasChain(s *snapshot.Snapshot, name string) bool {
	if s.Network.Host().Netfilter == nil {
		return false
	}
	for _, t := range s.Network.Host().Netfilter.Tables {
		if t.Family == "ip" && t.Name == "filter" && t.Backend != "legacy" {
			return slices.ContainsFunc(t.Chains, func(c snapshot.FilterChain) bool { return c.Name == name })
		}
	}
	return false
}
