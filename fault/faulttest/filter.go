package faulttest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// netfilter is the packet filter of a place's namespace.
func (m *Machine) netfilter(at op.FilterPlace) (*snapshot.Netfilter, error) {
	for i := range m.World.Network.Namespaces {
		n := &m.World.Network.Namespaces[i]
		if n.Inode == at.NetNS || at.NetNS == 0 && n.Host {
			if n.Netfilter == nil {
				n.Netfilter = &snapshot.Netfilter{}
			}
			return n.Netfilter, nil
		}
	}
	return nil, fmt.Errorf("cannot find the network namespace %d: %w", at.NetNS, fs.ErrNotExist)
}

func tableAt(n *snapshot.Netfilter, at op.FilterPlace) int {
	return slices.IndexFunc(n.Tables, func(t snapshot.FilterTable) bool {
		return t.Backend != "legacy" && t.Family == at.Family && t.Name == at.Table
	})
}

func (m *Machine) chainAt(at op.FilterPlace) (*snapshot.Netfilter, *snapshot.FilterChain, error) {
	n, err := m.netfilter(at)
	if err != nil {
		return nil, nil, err
	}
	if i := tableAt(n, at); i >= 0 {
		for j := range n.Tables[i].Chains {
			if c := &n.Tables[i].Chains[j]; c.Name == at.Chain {
				return n, c, nil
			}
		}
	}
	return n, nil, fmt.Errorf("cannot find the %s: %w", at, fs.ErrNotExist)
}

// within reports whether a rule lies at a place.
func within(r snapshot.FilterRule, at op.FilterPlace) bool {
	return r.Backend != "legacy" && r.Family == at.Family && r.Table == at.Table && (at.Chain == "" || r.Chain == at.Chain)
}

func digest(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:12])
}

// bare is a rule without what the kernel gives and counts.
func bare(r snapshot.FilterRule) snapshot.FilterRule {
	r.Handle, r.Packets, r.Bytes, r.Sum = 0, 0, 0, ""
	return r
}

// sums gives everything of the packet filter its sum.
func sums(n *snapshot.Netfilter) {
	for i := range n.Rules {
		n.Rules[i].Sum = digest(bare(n.Rules[i]))
	}
	for i := range n.Tables {
		t := &n.Tables[i]
		at := op.FilterPlace{Family: t.Family, Table: t.Name}
		var all []string
		for j := range t.Chains {
			c := &t.Chains[j]
			at.Chain = c.Name
			own := []string{c.Name, c.Type, c.Hook, strconv.Itoa(c.Priority), c.Policy}
			c.Rules = 0
			for _, r := range n.Rules {
				if within(r, at) {
					own, c.Rules = append(own, r.Sum), c.Rules+1
				}
			}
			c.Sum = digest(own)
			all = append(all, c.Sum)
		}
		if t.Sum = ""; t.Omitted == 0 {
			t.Sum = digest(all)
		}
	}
}

// ReadFilter returns the table or chain at a place.
func (m *Machine) ReadFilter(at op.FilterPlace) (op.Filter, bool, error) {
	n, err := m.netfilter(at)
	if err != nil {
		return op.Filter{}, false, err
	}
	sums(n)
	f, i := op.Filter{FilterPlace: at}, tableAt(n, at)
	if i < 0 {
		return f, false, nil
	}
	t := clone(n.Tables[i])
	f.Sum = t.Sum
	if at.Chain != "" {
		t.Chains = slices.DeleteFunc(t.Chains, func(c snapshot.FilterChain) bool { return c.Name != at.Chain })
		if len(t.Chains) == 0 {
			return f, false, nil
		}
		f.Sum = t.Chains[0].Sum
	}
	f.Messages = append(f.Messages, message(t))
	for _, r := range n.Rules {
		if within(r, at) {
			f.Messages = append(f.Messages, message(r))
		}
	}
	return f, true, nil
}

// message holds a thing of the snapshot in the place of what the kernel takes.
func message(v any) op.FilterMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return op.FilterMessage{Body: data}
}

func unpack[T any](x op.FilterMessage) (v T, err error) { return v, json.Unmarshal(x.Body, &v) }

// WriteFilter makes a table or a chain.
func (m *Machine) WriteFilter(f op.Filter) error {
	n, err := m.netfilter(f.FilterPlace)
	if err != nil {
		return err
	}
	table, rules := newTable(f), []snapshot.FilterRule{}
	for i, x := range f.Messages {
		if i == 0 {
			table, err = unpack[snapshot.FilterTable](x)
		} else {
			var r snapshot.FilterRule
			r, err = unpack[snapshot.FilterRule](x)
			rules = append(rules, r)
		}
		if err != nil {
			return err
		}
	}
	if i := tableAt(n, f.FilterPlace); i < 0 {
		n.Tables = append(n.Tables, table)
	} else {
		n.Tables[i].Chains = append(n.Tables[i].Chains, table.Chains...)
	}
	for _, c := range f.Chains {
		at := f.FilterPlace
		at.Chain = c.Name
		for _, r := range c.Rules {
			rules = append(rules, m.newRule(at, r))
		}
	}
	for _, r := range rules {
		r.Handle = handle(n)
		n.Rules = append(n.Rules, r)
	}
	return nil
}

func newTable(f op.Filter) snapshot.FilterTable {
	t := snapshot.FilterTable{Backend: "nft", Family: f.Family, Name: f.Table}
	for _, c := range f.Chains {
		x := snapshot.FilterChain{Name: c.Name, Type: c.Type, Hook: c.Hook, Priority: c.Priority}
		if c.Hook != "" {
			x.Policy = map[bool]string{false: "accept", true: "drop"}[c.Drop]
		}
		t.Chains = append(t.Chains, x)
	}
	return t
}

// handle is a number that no rule has.
func handle(n *snapshot.Netfilter) uint64 {
	most := uint64(100)
	for _, r := range n.Rules {
		most = max(most, r.Handle)
	}
	return most + 1
}

// newRule is a rule as the collector shows it.
func (m *Machine) newRule(at op.FilterPlace, x op.FilterMatch) snapshot.FilterRule {
	r := snapshot.FilterRule{Backend: "nft", Family: at.Family, Table: at.Table, Chain: at.Chain, Text: x.String(), Verdict: x.Verdict,
		Protocol: x.Protocol, InLink: x.InLink, OutLink: x.OutLink, Target: x.Target}
	for _, y := range []struct {
		value string
		list  *[]string
	}{{x.From, &r.From}, {x.To, &r.To}, {strconv.Itoa(x.SrcPort), &r.SrcPorts}, {strconv.Itoa(x.DstPort), &r.DstPorts}} {
		if y.value != "" && y.value != "0" {
			*y.list = []string{y.value}
		}
	}
	return r
}

// RemoveFilter removes a table or a chain and its rules.
func (m *Machine) RemoveFilter(at op.FilterPlace) error {
	n, err := m.netfilter(at)
	if err != nil {
		return nil
	}
	n.Rules = slices.DeleteFunc(n.Rules, func(r snapshot.FilterRule) bool { return within(r, at) })
	i := tableAt(n, at)
	switch {
	case i < 0:
	case at.Chain == "":
		n.Tables = slices.Delete(n.Tables, i, i+1)
	default:
		n.Tables[i].Chains = slices.DeleteFunc(n.Tables[i].Chains, func(c snapshot.FilterChain) bool { return c.Name == at.Chain })
	}
	return nil
}

// FindRule looks for a rule.
func (m *Machine) FindRule(at op.FilterPlace, r op.FilterRule) (out op.FoundRule, same int, err error) {
	n, _, err := m.chainAt(at)
	if err != nil {
		return out, 0, err
	}
	sums(n)
	want := r.Sum
	if r.Match != nil {
		want = digest(bare(m.newRule(at, *r.Match)))
	}
	var before []string
	for _, x := range n.Rules {
		if !within(x, at) {
			continue
		}
		if x.Sum == want {
			same++
			if r.Handle == x.Handle || r.Handle == 0 && r.Match != nil {
				out = op.FoundRule{FilterRule: op.FilterRule{Sum: x.Sum, Handle: x.Handle, Text: x.Text, Messages: []op.FilterMessage{message(x)}}, Before: slices.Clone(before)}
			}
		}
		before = append(before, fmt.Sprintf("%d %s", x.Handle, x.Sum))
	}
	return out, same, nil
}

// InsertRule makes a rule behind the nearest of those in before.
func (m *Machine) InsertRule(at op.FilterPlace, r op.FilterRule, before []string) error {
	n, _, err := m.chainAt(at)
	if err != nil {
		return err
	}
	sums(n)
	var made snapshot.FilterRule
	if r.Match != nil {
		made = m.newRule(at, *r.Match)
	} else if made, err = unpack[snapshot.FilterRule](r.Messages[0]); err != nil {
		return err
	}
	made.Handle = handle(n)
	place := slices.IndexFunc(n.Rules, func(x snapshot.FilterRule) bool { return within(x, at) })
	if place < 0 {
		place = len(n.Rules)
	}
	for _, b := range slices.Backward(before) {
		_, sum, _ := strings.Cut(b, " ")
		found := -1
		for i, x := range n.Rules {
			if within(x, at) && (x.Sum == sum || b == "*") {
				found = i
			}
		}
		if found >= 0 {
			place = found + 1
			break
		}
	}
	n.Rules = slices.Insert(n.Rules, place, made)
	return nil
}

// RemoveRule removes the rule with that handle.
func (m *Machine) RemoveRule(at op.FilterPlace, handle uint64) error {
	n, _, err := m.chainAt(at)
	if err != nil {
		return err
	}
	n.Rules = slices.DeleteFunc(n.Rules, func(r snapshot.FilterRule) bool { return within(r, at) && r.Handle == handle })
	return nil
}

// network is the section with what follows from its parts: how packets come to
// the rules, and which of them decide.
func (m *Machine) network() *snapshot.Network {
	out := clone(m.World.Network)
	out.Hosts, out.Resolv = m.text("/etc/hosts"), m.text("/etc/resolv.conf")
	for i := range out.Namespaces {
		n := out.Namespaces[i].Netfilter
		if n == nil {
			continue
		}
		sums(n)
		for j := range n.Rules {
			r := &n.Rules[j]
			r.Hooks = hooksOf(n, *r, nil, 0)
			if decisive[r.Verdict] && out.Namespaces[i].Host {
				out.Rules = append(out.Rules, *r)
			}
		}
	}
	return out
}

// text is a file as collectors read it, nil when there is none.
func (m *Machine) text(name string) *snapshot.Text {
	f, err := m.ReadFile(name)
	if err != nil || f.Link != "" {
		return nil
	}
	return &snapshot.Text{Path: name, Content: string(f.Data), SHA256: f.Sum(), Mode: uint32(f.Mode), UID: uint32(f.UID), GID: uint32(f.GID)}
}

var decisive = map[string]bool{"drop": true, "reject": true, "redirect": true, "dnat": true}

// hooksOf are the ways to a rule: from its own chain's hook, or by jumps.
func hooksOf(n *snapshot.Netfilter, r snapshot.FilterRule, via []string, depth int) []snapshot.FilterHook {
	at := op.FilterPlace{Family: r.Family, Table: r.Table, Chain: r.Chain}
	i := tableAt(n, at)
	if i < 0 || depth > 8 {
		return nil
	}
	var out []snapshot.FilterHook
	for _, c := range n.Tables[i].Chains {
		if c.Name == r.Chain && c.Hook != "" {
			h := snapshot.FilterHook{Hook: c.Hook, Chain: c.Name, Priority: c.Priority, Via: via, Order: "before"}
			if c.Priority > 0 {
				h.Order = "after"
			}
			out = append(out, h)
		}
	}
	for _, x := range n.Rules {
		at.Chain = ""
		if within(x, at) && (x.Verdict == "jump" || x.Verdict == "goto") && x.Target == r.Chain {
			out = append(out, hooksOf(n, x, append([]string{r.Chain}, via...), depth+1)...)
		}
	}
	return out
}

// filterState renders the packet filters for [Machine.State].
func (w *World) filterState(all map[string]string) {
	for _, ns := range w.Network.Namespaces {
		if ns.Netfilter == nil {
			continue
		}
		for _, t := range ns.Netfilter.Tables {
			for _, c := range t.Chains {
				at, rules := op.FilterPlace{Family: t.Family, Table: t.Name, Chain: c.Name}, ""
				for _, r := range ns.Netfilter.Rules {
					if within(r, at) {
						rules += fmt.Sprintf("%s (%d)\n", r.Text, r.Packets)
					}
				}
				all["filter "+ns.Name()+" "+at.String()] = fmt.Sprintf("%s %s %d %s\n%s", c.Type, c.Hook, c.Priority, c.Policy, rules)
			}
		}
	}
}
