// Package filtered is the fault of a rule of the packet filter that drops or
// rejects what Kubernetes lives by.
package filtered

import (
	"fmt"
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
	ID:    "network/filtered",
	Layer: fault.Network,
	Needs: []snapshot.Section{snapshot.SectionNetwork},
	Uses: []snapshot.Section{snapshot.SectionStatic, snapshot.SectionKubelet, snapshot.SectionKubeconfigs, snapshot.SectionCluster,
		snapshot.SectionNames, snapshot.SectionPersistence},
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletPortDead, Strength: symptom.Sometimes},
		{Symptom: symptom.ControlPlanePortBlocked, Strength: symptom.Sometimes},
		{Symptom: symptom.APIDown, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.EtcdDown, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.EtcdNoQuorum, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodTrafficSlow, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.NodePortDegraded, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes},
		{Symptom: symptom.ControllersIdle, Strength: symptom.Sometimes},
		{Symptom: symptom.SchedulerIdle, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.FixUndone, Strength: symptom.Sometimes},
	},
	Detect: detect,
	Remedy: remedy,
	Drill:  drill,
}

// A block is a rule and the flows that it ends.
type block struct {
	rule  snapshot.FilterRule
	flows []packet.Flow
	sure  bool
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, b := range blocks(s) {
		out = append(out, finding.Finding{Subject: b.subject(), Summary: b.summary(), Facts: b.facts(s), Commands: b.commands(), Only: b.only()})
	}
	return out
}

// only are the symptoms of a block that ends nothing but what others ask of
// the kubelet; nil for all of the fault's.
func (b block) only() []string {
	if slices.ContainsFunc(b.flows, func(f packet.Flow) bool { return f.Name != "the kubelet" }) {
		return nil
	}
	return []string{string(symptom.KubeletPortDead), string(symptom.ControlPlanePortBlocked)}
}

// blocks are the rules that end a flow.
func blocks(s *snapshot.Snapshot) []block {
	f := packet.FilterOf(s)
	if f == nil || f.Cut {
		return nil
	}
	var out []block
	for _, flow := range packet.Flows(s) {
		for _, p := range flow.Packets {
			for _, x := range f.Drops(p) {
				if !x.Sure && !aimed(x, p) {
					continue
				}
				i := slices.IndexFunc(out, func(b block) bool { return same(b.rule, *x.Rule) })
				if i < 0 {
					i = len(out)
					out = append(out, block{rule: *x.Rule})
				}
				out[i].sure = out[i].sure || x.Sure
				if !slices.ContainsFunc(out[i].flows, func(y packet.Flow) bool { return y.String() == flow.String() }) {
					out[i].flows = append(out[i].flows, flow)
				}
			}
		}
	}
	return out
}

func same(a, b snapshot.FilterRule) bool {
	return a.Backend == b.Backend && a.Family == b.Family && a.Table == b.Table && a.Chain == b.Chain && a.Handle == b.Handle && a.Text == b.Text
}

// aimed reports whether a rule that looks at more than is understood, such as
// chance or a string, names the packet's port and has ended some. One that
// names sources is left alone: it may be about those that are not meant.
func aimed(x packet.Fate, p packet.Packet) bool {
	r := x.Rule
	port := func(list []string, n int) bool { return n > 0 && slices.Contains(list, fmt.Sprint(n)) }
	return r.More && r.Packets > 0 && len(r.From) == 0 && (port(r.DstPorts, p.DstPort) || port(r.SrcPorts, p.SrcPort))
}

func (b block) policy() bool { return b.rule.Handle == 0 && b.rule.Text == "policy drop" }

func (b block) place() op.FilterPlace {
	return op.FilterPlace{Family: b.rule.Family, Table: b.rule.Table, Chain: b.rule.Chain}
}

func (b block) subject() finding.Subject {
	return finding.Subject{Kind: "netfilter rule", Name: fmt.Sprintf("%s %s %s: %s", b.rule.Family, b.rule.Table, b.rule.Chain, packet.Plain(b.rule.Text))}
}

func (b block) summary() string {
	verb := map[string]string{"drop": "drops", "reject": "rejects"}[b.rule.Verdict]
	if !b.sure {
		verb = "sometimes " + verb
	}
	what := b.flows[0].String()
	if n := len(b.flows); n > 1 {
		what += fmt.Sprintf(", and %d more", n-1)
	}
	who := "a rule of chain " + b.rule.Chain
	if b.policy() {
		who = "the policy of chain " + b.rule.Chain
	}
	return fmt.Sprintf("%s (table %s %s) %s packets of %s", who, b.rule.Family, b.rule.Table, verb, what)
}

func (b block) facts(s *snapshot.Snapshot) []finding.Fact {
	r := b.rule
	source := strings.Join(strings.Fields(fmt.Sprintf("netfilter %s %s %s", r.Family, r.Table, r.Chain)), " ")
	got := r.Text
	if r.Packets > 0 && !strings.Contains(got, "packets ") {
		got += fmt.Sprintf(" (%d packets)", r.Packets)
	}
	facts := []finding.Fact{{Source: source, Got: got, Want: "no rule, or one that lets these packets pass before it"}}
	for i, f := range b.flows {
		if i == 4 {
			break
		}
		facts = append(facts, finding.Fact{Source: source, Got: fmt.Sprintf("ends %s, %s to %s port %d", f.Name, f.From, f.To, f.Port)})
	}
	for _, h := range r.Hooks {
		place := fmt.Sprintf("reached at hook %s, priority %d", h.Hook, h.Priority)
		if h.Order != "" {
			place += ", " + h.Order + " the service proxy's rules"
		}
		facts = append(facts, finding.Fact{Source: source, Got: place})
		break
	}
	return append(facts, packet.SetterFacts(setters(s, r))...)
}

func (b block) commands() []string {
	if b.rule.Backend == "legacy" {
		return []string{"iptables-legacy-save -c -t " + b.rule.Table}
	}
	return []string{fmt.Sprintf("nft -a list chain %s %s %s", b.rule.Family, b.rule.Table, b.rule.Chain), "iptables-save -c"}
}
