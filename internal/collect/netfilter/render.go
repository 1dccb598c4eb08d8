package netfilter

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/snapshot"
)

// maxVerdicts bounds the rules that are kept.
const maxVerdicts = 200

var (
	familyNames = map[byte]string{unix.NFPROTO_IPV4: "ip", unix.NFPROTO_IPV6: "ip6", unix.NFPROTO_INET: "inet", unix.NFPROTO_ARP: "arp", unix.NFPROTO_BRIDGE: "bridge", unix.NFPROTO_NETDEV: "netdev"}
	operators   = []string{"", "!= ", "< ", "<= ", "> ", ">= "}
)

// Verdicts returns the rules that drop, reject, redirect or translate a
// destination, and the policies that drop, except those of the service proxy
// and of CNI plugins.
func (r *Ruleset) Verdicts() []snapshot.FilterRule {
	var out []snapshot.FilterRule
	for _, c := range r.Chains {
		if c.Base && c.Drop {
			out = append(out, c.policy())
		}
		if proxys(c) {
			continue
		}
		for i := range c.Rules {
			rule := &c.Rules[i]
			v := rule.decides()
			if v == "" || len(out) >= maxVerdicts {
				continue
			}
			out = append(out, r.filterRule(c, rule, v))
		}
	}
	return out
}

// policy is the rule that a chain ends with when its policy is to drop.
func (c *Chain) policy() snapshot.FilterRule {
	return snapshot.FilterRule{
		Backend: c.Backend, Family: familyNames[c.Family], Table: c.table(), Chain: c.Name, Text: "policy drop", Verdict: "drop", Packets: c.Packets,
		Hooks: []snapshot.FilterHook{{Hook: c.hook(), Chain: c.Name, Priority: int(c.Priority)}},
	}
}

// filterRule is the snapshot's form of a rule.
func (r *Ruleset) filterRule(c *Chain, rule *Rule, verdict string) snapshot.FilterRule {
	f := snapshot.FilterRule{Backend: c.Backend, Family: familyNames[c.Family], Table: c.table(), Chain: c.Name, Handle: rule.Handle, Text: rule.text, Verdict: verdict, Comment: rule.note}
	if f.Text == "" {
		f.Text = r.words(c, rule.raw)
	}
	if rule.note != "" {
		f.Text += fmt.Sprintf(" comment %q", rule.note)
	}
	for j := range rule.exprs {
		f.Packets += rule.exprs[j].packets
		f.Bytes += rule.exprs[j].bytes
	}
	if c.Backend == "nft" {
		f.Sum = r.Digest(c, rule)
	}
	r.normal(c, rule, &f)
	f.Hooks = r.hooksOf(c, rule)
	return f
}

// table is a table's name as its tool shows it.
func (c *Chain) table() string { return strings.TrimPrefix(c.Table, "legacy/") }

// hook names where packets enter the chain.
func (c *Chain) hook() string {
	names := []string{"prerouting", "input", "forward", "output", "postrouting", "ingress"}
	switch c.Family {
	case unix.NFPROTO_NETDEV:
		names = []string{"ingress", "egress"}
	case unix.NFPROTO_ARP:
		names = []string{"input", "output", "forward"}
	}
	return listed(uint64(c.Hook), names)
}

// proxys reports whether a chain is the service proxy's or a CNI plugin's. The
// kubelet's own chain against martian packets counts as the proxy's.
func proxys(c *Chain) bool {
	return c.Table == "kube-proxy" || strings.HasPrefix(c.Name, "KUBE-") || strings.HasPrefix(c.Name, "CNI-")
}

// decides is the verdict that makes a rule worth keeping, or "".
func (r *Rule) decides() string {
	for i := range r.exprs {
		switch e := &r.exprs[i]; {
		case e.kind == "verdict" && e.verdict.code == nfDrop:
			return "drop"
		case e.kind == "reject":
			return "reject"
		case e.kind == "redirect":
			return "redirect"
		case e.kind == "nat" && !e.target.source:
			return "dnat"
		case e.kind == "lookup" && e.op != 0:
			return ""
		}
	}
	return ""
}

func verdictText(v verdict) string {
	switch v.code {
	case nfDrop:
		return "drop"
	case nfAccept:
		return "accept"
	case unix.NFT_JUMP:
		return "jump " + v.chain
	case unix.NFT_GOTO:
		return "goto " + v.chain
	case unix.NFT_RETURN:
		return "return"
	}
	return fmt.Sprint(v.code)
}
