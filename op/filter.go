package op

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Filters are the rules of the packet filter: nftables, and what iptables-nft
// stores in it. The older tables of iptables-legacy are not among them, since
// the kernel takes those only as a whole.
type Filters interface {
	// ReadFilter returns the table or chain at a place, or false.
	ReadFilter(at FilterPlace) (Filter, bool, error)
	// WriteFilter makes a table or a chain, which must not exist: again, where
	// it has messages, else from its chains.
	WriteFilter(f Filter) error
	// RemoveFilter removes a table or a chain with all that is in it.
	RemoveFilter(at FilterPlace) error
	// FindRule looks for a rule: by Sum and Handle, else by Match. Same is how
	// many of the same content the chain has. A chain that is not there is
	// fs.ErrNotExist.
	FindRule(at FilterPlace, r FilterRule) (found FoundRule, same int, err error)
	// InsertRule makes a rule: behind the last one of those in before that is
	// there, or as the first.
	InsertRule(at FilterPlace, r FilterRule, before []string) error
	// RemoveRule removes the rule with that handle.
	RemoveRule(at FilterPlace, handle uint64) error
}

// A FilterPlace is a table of the packet filter, or a chain in it.
type FilterPlace struct {
	NetNS  uint64 `json:"netns,omitempty"` // inode of the network namespace; 0 is the host's
	Pod    string `json:"pod,omitempty"`   // namespace/name, to say it
	Family string `json:"family"`          // ip, ip6, inet, arp, bridge, netdev
	Table  string `json:"table"`
	Chain  string `json:"chain,omitempty"` // "" is the whole table
}

func (p FilterPlace) String() string {
	text := "table " + p.Family + " " + p.Table
	if p.Chain != "" {
		text = "chain " + p.Chain + " of " + text
	}
	if p.Pod != "" {
		text += " of pod " + p.Pod
	}
	return text
}

// A Filter is a table or a chain as a whole.
type Filter struct {
	FilterPlace
	Sum      string          `json:"sum,omitempty"`      // of what it says, without counters
	Messages []FilterMessage `json:"messages,omitempty"` // that make it again, in order
	Chains   []FilterChain   `json:"chains,omitempty"`   // to make a new one
}

// A FilterMessage is a message of nfnetlink.
type FilterMessage struct {
	Kind uint16 `json:"kind"`
	Body []byte `json:"body"`
}

// A FilterChain is a new chain.
type FilterChain struct {
	Name     string        `json:"name"`
	Type     string        `json:"type,omitempty"` // filter or nat; "" for one that is only jumped to
	Hook     string        `json:"hook,omitempty"` // prerouting, input, forward, output, postrouting
	Priority int           `json:"priority,omitempty"`
	Drop     bool          `json:"drop,omitempty"` // the policy
	Rules    []FilterMatch `json:"rules,omitempty"`
}

// A FilterRule is one rule of a chain: one that is there, or a new one.
type FilterRule struct {
	Sum      string          `json:"sum,omitempty"` // of what it says, without counters: the pin
	Handle   uint64          `json:"handle,omitempty"`
	Text     string          `json:"text,omitempty"` // to say it
	Messages []FilterMessage `json:"messages,omitempty"`
	Match    *FilterMatch    `json:"match,omitempty"` // a new one
}

// A FoundRule is a rule with what makes it again at its place.
type FoundRule struct {
	FilterRule
	Before []string `json:"before,omitempty"` // sums of the rules before it, nearest last, bounded
}

// A FilterMatch is what a new rule says. What is empty matches all.
type FilterMatch struct {
	Protocol string `json:"protocol,omitempty"` // tcp or udp
	From     string `json:"from,omitempty"`     // address or prefix, of IPv4
	To       string `json:"to,omitempty"`
	SrcPort  int    `json:"srcPort,omitempty"`
	DstPort  int    `json:"dstPort,omitempty"`
	InLink   string `json:"inLink,omitempty"`
	OutLink  string `json:"outLink,omitempty"`
	Verdict  string `json:"verdict"`          // accept, drop, reject, redirect, dnat, jump
	Target   string `json:"target,omitempty"` // ":port" of redirect, "address:port" of dnat, chain of jump
}

func (f FilterMatch) String() string {
	var words []string
	add := func(name, value string) {
		if value != "" && value != "0" {
			words = append(words, name+" "+value)
		}
	}
	add("iifname", f.InLink)
	add("oifname", f.OutLink)
	add("ip saddr", f.From)
	add("ip daddr", f.To)
	protocol := f.Protocol
	if protocol == "" {
		protocol = "th"
	}
	add(protocol+" sport", fmt.Sprint(f.SrcPort))
	add(protocol+" dport", fmt.Sprint(f.DstPort))
	if f.Protocol != "" && f.SrcPort+f.DstPort == 0 {
		add("meta l4proto", f.Protocol)
	}
	verdict := f.Verdict
	switch f.Verdict {
	case "redirect", "dnat":
		verdict += " to"
	}
	return strings.TrimSpace(strings.Join(append(words, verdict, f.Target), " "))
}

// A DeleteRule removes one rule of the packet filter. Its undo puts the same
// rule back at the same place, with the counters and the unnamed sets that it
// had.
type DeleteRule struct {
	At   FilterPlace `json:"at"`
	Rule FilterRule  `json:"rule"` // Sum and Handle are the pin
	Why  string      `json:"why,omitempty"`
}

// Kind is "delete-rule".
func (DeleteRule) Kind() string { return "delete-rule" }

func (d DeleteRule) String() string {
	return because(fmt.Sprintf("remove the rule %q from %s", d.Rule.Text, d.At), d.Why)
}

// gone reports whether the thing that an op is about is no longer there.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) }

func because(text, why string) string {
	if why == "" {
		return text
	}
	return text + ": " + why
}

type ruleState struct {
	Found FoundRule `json:"found"`
	Same  int       `json:"same"`
}

// Before keeps the rule and its place.
func (d DeleteRule) Before(_ context.Context, m Machine) (State, error) {
	found, same, err := m.FindRule(d.At, d.Rule)
	if err != nil && !gone(err) {
		return nil, err
	}
	if found.Handle == 0 {
		return nil, fmt.Errorf("cannot remove the rule %q from %s: %w", d.Rule.Text, d.At, ErrChanged)
	}
	return keep(ruleState{found, same})
}

// Do removes it.
func (d DeleteRule) Do(_ context.Context, m Machine) error {
	found, _, err := m.FindRule(d.At, d.Rule)
	if err != nil || found.Handle == 0 {
		return err
	}
	return m.RemoveRule(d.At, found.Handle)
}

// Undo makes it again. A chain that is gone has no place for it.
func (d DeleteRule) Undo(_ context.Context, m Machine, s State) error {
	was, err := recall[ruleState](s)
	if err != nil {
		return err
	}
	_, same, err := m.FindRule(d.At, FilterRule{Sum: was.Found.Sum})
	if gone(err) {
		return nil
	}
	if err != nil || same >= was.Same {
		return err
	}
	return m.InsertRule(d.At, was.Found.FilterRule, was.Found.Before)
}

// An AddRule makes a rule of the packet filter in a chain that is there, as
// the first or as the last.
type AddRule struct {
	At    FilterPlace `json:"at"`
	Match FilterMatch `json:"match"`
	Last  bool        `json:"last,omitempty"`
}

// Kind is "add-rule".
func (AddRule) Kind() string { return "add-rule" }

func (a AddRule) String() string { return fmt.Sprintf("add the rule %q to %s", a.Match, a.At) }

// Before checks that there is no such rule: the undo would not know which to
// remove.
func (a AddRule) Before(_ context.Context, m Machine) (State, error) {
	_, same, err := m.FindRule(a.At, FilterRule{Match: &a.Match})
	if err != nil {
		return nil, err
	}
	if same > 0 {
		return nil, fmt.Errorf("cannot add the rule %q to %s: %w: it is there", a.Match, a.At, ErrChanged)
	}
	return keep(nil)
}

// Do makes it.
func (a AddRule) Do(_ context.Context, m Machine) error {
	r := FilterRule{Match: &a.Match}
	_, same, err := m.FindRule(a.At, r)
	if err != nil || same > 0 {
		return err
	}
	var before []string
	if a.Last {
		before = []string{"*"}
	}
	return m.InsertRule(a.At, r, before)
}

// Undo removes it.
func (a AddRule) Undo(_ context.Context, m Machine, _ State) error {
	found, _, err := m.FindRule(a.At, FilterRule{Match: &a.Match})
	if gone(err) || err == nil && found.Handle == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	return m.RemoveRule(a.At, found.Handle)
}

// A DeleteFilter removes a table or a chain of the packet filter with all its
// rules.
type DeleteFilter struct {
	At  FilterPlace `json:"at"`
	Sum string      `json:"sum"` // the pin
	Why string      `json:"why,omitempty"`
}

// Kind is "delete-filter".
func (DeleteFilter) Kind() string { return "delete-filter" }

func (d DeleteFilter) String() string { return because("remove the "+d.At.String(), d.Why) }

// Before keeps it.
func (d DeleteFilter) Before(_ context.Context, m Machine) (State, error) {
	f, ok, err := m.ReadFilter(d.At)
	if err != nil {
		return nil, err
	}
	if !ok || f.Sum != d.Sum {
		return nil, fmt.Errorf("cannot remove the %s: %w", d.At, ErrChanged)
	}
	return keep(f)
}

// Do removes it.
func (d DeleteFilter) Do(_ context.Context, m Machine) error { return m.RemoveFilter(d.At) }

// Undo makes it again, if there is a place for it.
func (d DeleteFilter) Undo(_ context.Context, m Machine, s State) error {
	was, err := recall[Filter](s)
	if err != nil {
		return err
	}
	now, ok, err := m.ReadFilter(d.At)
	switch {
	case gone(err): // its namespace is gone
		return nil
	case err != nil || ok && now.Sum == was.Sum:
		return err
	case ok:
		return fmt.Errorf("cannot put back the %s: %w: there is another", d.At, ErrChanged)
	}
	return m.WriteFilter(was)
}

// An AddFilter makes a table of the packet filter, or, with one chain, a chain
// in a table that is there.
type AddFilter struct {
	Filter Filter `json:"filter"`
}

// Kind is "add-filter".
func (AddFilter) Kind() string { return "add-filter" }

func (a AddFilter) String() string {
	text := "make the " + a.Filter.FilterPlace.String()
	var rules []string
	for _, c := range a.Filter.Chains {
		for _, r := range c.Rules {
			rules = append(rules, fmt.Sprintf("%q", r))
		}
	}
	if len(rules) > 0 {
		text += " with " + strings.Join(rules, ", ")
	}
	return text
}

// Before checks that there is none.
func (a AddFilter) Before(_ context.Context, m Machine) (State, error) {
	_, ok, err := m.ReadFilter(a.Filter.FilterPlace)
	if err != nil {
		return nil, err
	}
	if ok {
		return nil, fmt.Errorf("cannot make the %s: %w: it is there", a.Filter.FilterPlace, ErrChanged)
	}
	return keep(nil)
}

// Do makes it.
func (a AddFilter) Do(_ context.Context, m Machine) error {
	_, ok, err := m.ReadFilter(a.Filter.FilterPlace)
	if err != nil || ok {
		return err
	}
	return m.WriteFilter(a.Filter)
}

// Undo removes it.
func (a AddFilter) Undo(_ context.Context, m Machine, _ State) error {
	return m.RemoveFilter(a.Filter.FilterPlace)
}
