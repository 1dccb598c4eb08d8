package netfilter

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
)

// moving are the attributes of expressions that change by themselves, or that
// some kernels tell and others do not: nil is all of them.
var moving = map[string][]uint16{"counter": nil, "last": nil, "quota": {3}, "connlimit": {3}}

// bitwiseOp is NFTA_BITWISE_OP, which is told since Linux 5.6.
const bitwiseOp = 6

// Digest is the sum of what a rule says: its expressions without counters, the
// elements of its unnamed sets and its comment. Rules with the same digest do
// the same. It is empty for rules of which only the text is kept.
func (r *Ruleset) Digest(c *Chain, rule *Rule) string {
	if rule.raw == nil && rule.text == "" {
		return ""
	}
	return sum(r.content(c, rule))
}

// DigestOf is the digest of a rule of these expressions, without sets.
func DigestOf(expressions []byte) string {
	r := &Ruleset{}
	return sum(r.content(&Chain{}, &Rule{raw: expressions}))
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:12])
}

func (r *Ruleset) content(c *Chain, rule *Rule) []byte {
	b := []byte(rule.text)
	for _, e := range rtnl.ParseAttrs(rule.raw, 0) {
		x := rtnl.ParseAttrs(e.Data, 0)
		name := x.Text(unix.NFTA_EXPR_NAME)
		b = append(append(b, name...), 0)
		skip, moves := moving[name]
		if moves && skip == nil {
			continue
		}
		attrs := slices.SortedStableFunc(slices.Values(x.Nested(unix.NFTA_EXPR_DATA)), func(p, q rtnl.Attr) int { return cmp.Compare(p.Type, q.Type) })
		for _, a := range attrs {
			if slices.Contains(skip, a.Type) || name == "bitwise" && a.Type == bitwiseOp && zero(a.Data) {
				continue
			}
			data := a.Data
			if name == "lookup" && a.Type == unix.NFTA_LOOKUP_SET {
				data = r.setContent(c, rtnl.CString(data))
			}
			b = binary.BigEndian.AppendUint16(b, a.Type)
			b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
			b = append(b, data...)
		}
	}
	return append(b, rule.note...)
}

// setContent is the name of a set, or the elements of one without a name.
func (r *Ruleset) setContent(c *Chain, name string) []byte {
	s := r.sets[key{c.Family, c.Table, name}]
	if s == nil || !s.anonymous {
		return []byte(name)
	}
	var b []byte
	for _, e := range s.elements {
		b = fmt.Appendf(b, "%x %x %v %x %+v\n", e.key, e.end, e.last, e.value, e.verdict)
	}
	return b
}

// ChainDigest is the sum of what a chain and its rules say, whatever its
// counters.
func (r *Ruleset) ChainDigest(c *Chain) string {
	b := fmt.Appendf(nil, "%s %s %v %d %d %v %q\n", c.Name, c.Type, c.Base, c.Hook, c.Priority, c.Drop, c.Devices)
	for i := range c.Rules {
		b = append(b, r.content(c, &c.Rules[i])...)
		b = append(b, '\n')
	}
	return sum(b)
}

// TableDigest is the sum of what a table of nftables says: its flags, chains,
// rules and the names of its sets. It is empty when there is none.
func (r *Ruleset) TableDigest(family byte, name string) string {
	i := slices.IndexFunc(r.tables, func(t table) bool { return t.family == family && t.name == name })
	if i < 0 {
		return ""
	}
	b := fmt.Appendf(nil, "%d %s %d\n", family, name, r.tables[i].flags)
	for _, c := range r.Chains {
		if c.Family == family && c.Table == name {
			b = append(append(b, r.ChainDigest(c)...), '\n')
		}
	}
	for _, k := range r.order {
		if k.family == family && k.table == name && !r.sets[k].anonymous {
			b = append(append(b, k.name...), '\n')
		}
	}
	return sum(b)
}

// Chain returns a chain of nftables, or nil.
func (r *Ruleset) Chain(family byte, table, name string) *Chain {
	return r.chains[key{family, table, name}]
}

// SetsOf are the names of the unnamed sets that a rule looks into.
func (r *Ruleset) SetsOf(c *Chain, rule *Rule) []string {
	var out []string
	for i := range rule.exprs {
		e := &rule.exprs[i]
		if s := r.sets[key{c.Family, c.Table, e.set}]; e.kind == "lookup" && s != nil && s.anonymous {
			out = append(out, e.set)
		}
	}
	return out
}

// Family is the number of a family of nftables by its name.
func Family(name string) (byte, bool) {
	for n, x := range familyNames {
		if x == name {
			return n, true
		}
	}
	return 0, false
}
