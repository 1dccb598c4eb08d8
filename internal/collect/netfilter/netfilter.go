// Package netfilter reads the kernel's packet filter and follows packets
// through it: to which destinations an address and port are translated, and
// which rules drop, reject or redirect. It understands nftables' own
// expressions and those that iptables-nft stores.
//
// Following is an interpretation with unknowns: what a packet's fields do not
// decide (a random choice, a mark, the source) is taken both ways, so that the
// result is every destination that is possible.
package netfilter

import (
	"bytes"
	"fmt"
	"sort"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

// A Ruleset is all tables of one network namespace. The zero value has none.
type Ruleset struct {
	Chains []*Chain
	chains map[key]*Chain
	sets   map[key]*set

	tables     []table
	order      []key // of named sets
	flowtables []snapshot.Flowtable
	ipsets     map[uint16]string // by number
	list       []snapshot.IPSet
	legacy     []string

	reached map[*Chain][]way    // made by ways
	proxyAt map[string]position // the service proxy's first rule, by family and hook
}

// table is a table of nftables.
type table struct {
	family byte
	name   string
	flags  uint32
}

// key names a chain or a set within a family's table.
type key struct {
	family      byte
	table, name string
}

// A Chain is a list of rules; one with a hook is where packets enter.
type Chain struct {
	Family   byte // unix.NFPROTO_*
	Table    string
	Name     string
	Type     string // filter, nat, route
	Base     bool
	Hook     uint32 // unix.NF_INET_*
	Priority int32
	Drop     bool // the policy
	Rules    []Rule
	Backend  string // nft or legacy
	Devices  []string
	Packets  uint64 // that met the policy
}

// A Rule is a list of expressions, evaluated in order.
type Rule struct {
	Handle uint64
	exprs  []expr
	raw    []byte // NFTA_RULE_EXPRESSIONS, of what is written as text
	text   string // of iptables-legacy
	note   string // its comment
	order  int    // by which the place of a rule among others is told
}

// A set is a set or map with its elements.
type set struct {
	elements  []element
	keyLen    int
	keyType   uint32
	flags     uint32
	data      kind // how the values of a map are written
	verdicts  bool
	anonymous bool
}

// element is one element: a key, or a range of keys, with what it maps to.
type element struct {
	key, end []byte
	last     bool // it ends the interval that the element before it began
	value    []byte
	verdict  *verdict
}

// Types of nfnetlink messages, from linux/netfilter/nf_tables.h.
const (
	subsystem = unix.NFNL_SUBSYS_NFTABLES << 8
	getChain  = subsystem | unix.NFT_MSG_GETCHAIN
	getRule   = subsystem | unix.NFT_MSG_GETRULE
	getSet    = subsystem | unix.NFT_MSG_GETSET
	getTable  = subsystem | unix.NFT_MSG_GETTABLE
	getFlow   = subsystem | unix.NFT_MSG_GETFLOWTABLE
	getElem   = subsystem | unix.NFT_MSG_GETSETELEM
	headLen   = 4 // struct nfgenmsg
	listElem  = 1

	maxRules    = 200000
	maxElements = 200000
	changed     = 0x10 // NLM_F_DUMP_INTR
)

// Read dumps the nftables of the namespace that c is in. It tries again when
// rules were changed meanwhile.
func Read(c *rtnl.Conn) (*Ruleset, error) {
	for range 3 {
		r := newRuleset()
		torn, err := r.read(c)
		if err != nil {
			return nil, fmt.Errorf("cannot read the nftables rules: %w", err)
		}
		if !torn {
			return r, nil
		}
	}
	return nil, fmt.Errorf("cannot read the nftables rules: they change all the time")
}

func newRuleset() *Ruleset { return &Ruleset{chains: map[key]*Chain{}, sets: map[key]*set{}} }

func (r *Ruleset) read(c *rtnl.Conn) (torn bool, err error) {
	dump := func(kind uint16, body []byte, take func(body []byte)) {
		if err == nil {
			err = c.Dump(kind, body, func(m rtnl.Message) error {
				torn = torn || m.Flags&changed != 0
				if len(m.Body) >= headLen {
					take(m.Body)
				}
				return nil
			})
		}
	}
	all := make([]byte, headLen)
	rules, elements := 0, 0
	dump(getTable, all, func(b []byte) { r.tables = append(r.tables, parseTable(b)) })
	dump(getChain, all, func(b []byte) { r.addChain(parseChain(b)) })
	dump(getRule, all, func(b []byte) {
		if rules++; rules <= maxRules {
			r.addRule(parseRule(b))
		}
	})
	dump(getSet, all, func(b []byte) {
		k, s := parseSet(b)
		r.order, r.sets[k] = append(r.order, k), s
	})
	for _, k := range r.order {
		s := r.sets[k]
		body := append([]byte{k.family, 0, 0, 0}, rtnl.AppendText(rtnl.AppendText(nil, 1, k.table), 2, k.name)...)
		dump(getElem, body, func(b []byte) {
			if elements += len(b) / 24; elements <= maxElements {
				s.elements = append(s.elements, parseElements(b)...)
			}
		})
		order.By(s.elements, byKey)
	}
	r.readFlowtables(c, err == nil)
	if rules > maxRules || elements > maxElements {
		err = fmt.Errorf("more than %d rules or elements", maxRules)
	}
	return torn, err
}

func (r *Ruleset) addChain(c *Chain) {
	if r.chains == nil {
		*r = *newRuleset()
	}
	c.Backend = "nft"
	r.Chains = append(r.Chains, c)
	r.chains[key{c.Family, c.Table, c.Name}] = c
}

func (r *Ruleset) addRule(k key, rule Rule) {
	if c := r.chains[k]; c != nil {
		if proxys(c) {
			rule.raw = nil // thousands, and none is written
		}
		rule.order = len(c.Rules)
		c.Rules = append(c.Rules, rule)
	}
}

// byKey orders elements, the end of an interval before what begins there: the
// kernel gives them in the order of its own structures.
func byKey(a, b element) int {
	switch c := bytes.Compare(a.key, b.key); {
	case c != 0 || a.last == b.last:
		return c
	case a.last:
		return -1
	}
	return 1
}

// bases are the base chains of a type at a hook that packets of a family
// pass, in the order of their priority.
func (r *Ruleset) bases(kind string, hook uint32, family byte) []*Chain {
	var out []*Chain
	for _, c := range r.Chains {
		if c.Base && c.Type == kind && c.Hook == hook && (c.Family == family || c.Family == unix.NFPROTO_INET) {
			out = append(out, c)
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Priority < out[j].Priority })
	return out
}
