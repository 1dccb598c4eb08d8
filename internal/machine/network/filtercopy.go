package network

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/netfilter"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/op"
)

const (
	nfnlHead     = 4 // struct nfgenmsg
	nftSystem    = unix.NFNL_SUBSYS_NFTABLES << 8
	listElements = 3    // NFTA_SET_ELEM_LIST_ELEMENTS
	perSet       = 1000 // elements of a message
)

// kept are the attributes of each kind of message that make the thing again,
// from linux/netfilter/nf_tables.h. Handles, positions and numbers of users
// are the kernel's to give.
var kept = map[uint16][]uint16{
	unix.NFT_MSG_NEWTABLE:     {1, 2, 6},
	unix.NFT_MSG_NEWFLOWTABLE: {1, 2, 3, 7},
	unix.NFT_MSG_NEWCHAIN:     {1, 3, 4, 5, 7, 8, 10, 12},
	unix.NFT_MSG_NEWOBJ:       {1, 2, 3, 4, 8},
	unix.NFT_MSG_NEWSET:       {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 17, 18},
	unix.NFT_MSG_NEWRULE:      {1, 2, 4, 7},
}

// setID is NFTA_SET_ID: the kernel asks for one, and does not tell it.
const setID = 10

// copy returns the messages that make the table, a chain of it, or one rule
// again.
func (f *filter) copy(chain string, rule *netfilter.Rule) ([]op.FilterMessage, error) {
	var out []op.FilterMessage
	if chain == "" {
		for _, what := range [][2]uint16{{unix.NFT_MSG_GETTABLE, unix.NFT_MSG_NEWTABLE}, {unix.NFT_MSG_GETFLOWTABLE, unix.NFT_MSG_NEWFLOWTABLE},
			{unix.NFT_MSG_GETCHAIN, unix.NFT_MSG_NEWCHAIN}, {unix.NFT_MSG_GETOBJ, unix.NFT_MSG_NEWOBJ}} {
			part, err := f.list(what[0], what[1], nil)
			if err != nil && what[1] != unix.NFT_MSG_NEWFLOWTABLE && what[1] != unix.NFT_MSG_NEWOBJ {
				return nil, err
			}
			out = append(out, part...)
		}
	} else if rule == nil {
		part, err := f.list(unix.NFT_MSG_GETCHAIN, unix.NFT_MSG_NEWCHAIN, func(a rtnl.Attrs) bool { return a.Text(unix.NFTA_CHAIN_NAME) == chain })
		if err != nil {
			return nil, err
		}
		out = part
	}
	sets, err := f.copySets(chain, rule)
	if err != nil {
		return nil, err
	}
	rules, err := f.list(unix.NFT_MSG_GETRULE, unix.NFT_MSG_NEWRULE, func(a rtnl.Attrs) bool {
		return (chain == "" || a.Text(unix.NFTA_RULE_CHAIN) == chain) && (rule == nil || a.BigUint64(unix.NFTA_RULE_HANDLE) == rule.Handle)
	})
	for i := range rules {
		rules[i].Body = compat(rules[i].Body)
	}
	return append(append(out, sets...), rules...), err
}

// copySets returns the sets of the table, or the unnamed ones of a chain or a
// rule, and their elements.
func (f *filter) copySets(chain string, rule *netfilter.Rule) ([]op.FilterMessage, error) {
	var names []string
	if c := f.rules.Chain(f.family, f.at.Table, chain); c != nil {
		for i := range c.Rules {
			if rule == nil || c.Rules[i].Handle == rule.Handle {
				names = append(names, f.rules.SetsOf(c, &c.Rules[i])...)
			}
		}
	}
	sets, err := f.list(unix.NFT_MSG_GETSET, unix.NFT_MSG_NEWSET, func(a rtnl.Attrs) bool {
		return chain == "" || slices.Contains(names, a.Text(unix.NFTA_SET_NAME))
	})
	var filled []op.FilterMessage
	for i := range sets {
		if err == nil {
			name := rtnl.ParseAttrs(sets[i].Body, nfnlHead).Text(unix.NFTA_SET_NAME)
			sets[i].Body = rtnl.AppendBig32(sets[i].Body, setID, uint32(i+1))
			var part []op.FilterMessage
			part, err = f.copyElements(name)
			filled = append(filled, part...)
		}
	}
	return append(sets, filled...), err
}

// copyElements returns a set's elements in rising order, the end of an
// interval before what begins there: as nft(8) adds them.
func (f *filter) copyElements(name string) ([]op.FilterMessage, error) {
	head := f.text(f.text(f.head(), 1, f.at.Table), 2, name)
	var all [][]byte
	err := f.Dump(nftSystem|unix.NFT_MSG_GETSETELEM, head, func(m rtnl.Message) error {
		for _, e := range rtnl.ParseAttrs(m.Body, nfnlHead).Nested(listElements) {
			all = append(all, bytes.Clone(e.Data))
		}
		return nil
	})
	order.By(all, func(a, b []byte) int {
		x, y := rtnl.ParseAttrs(a, 0), rtnl.ParseAttrs(b, 0)
		return cmp.Or(bytes.Compare(x.Get(unix.NFTA_SET_ELEM_KEY), y.Get(unix.NFTA_SET_ELEM_KEY)),
			-cmp.Compare(x.BigUint32(unix.NFTA_SET_ELEM_FLAGS)&1, y.BigUint32(unix.NFTA_SET_ELEM_FLAGS)&1))
	})
	var out []op.FilterMessage
	for part := range slices.Chunk(all, perSet) {
		var inner []byte
		for _, e := range part {
			inner = rtnl.AppendNested(inner, 1, e)
		}
		out = append(out, op.FilterMessage{Kind: unix.NFT_MSG_NEWSETELEM, Body: rtnl.AppendNested(bytes.Clone(head), listElements, inner)})
	}
	return out, err
}

// list asks for things of the place's table and returns what makes them again.
func (f *filter) list(ask, kind uint16, want func(rtnl.Attrs) bool) ([]op.FilterMessage, error) {
	var out []op.FilterMessage
	err := f.Dump(nftSystem|ask, f.head(), func(m rtnl.Message) error {
		if len(m.Body) < nfnlHead || m.Body[0] != f.family {
			return nil
		}
		a := rtnl.ParseAttrs(m.Body, nfnlHead)
		if a.Text(1) != f.at.Table || want != nil && !want(a) {
			return nil
		}
		body := f.head()
		for _, x := range a {
			if slices.Contains(kept[kind], x.Type) {
				body = rtnl.Append(body, x.Type, x.Data)
			}
		}
		out = append(out, op.FilterMessage{Kind: kind, Body: body})
		return nil
	})
	return out, err
}

// compat adds to a rule with matches of iptables the protocol that they want to
// be told, which the kernel does not tell.
func compat(body []byte) []byte {
	var protocol, invert uint32
	loads, needs := false, false
	for _, e := range rtnl.ParseAttrs(body, nfnlHead).Nested(unix.NFTA_RULE_EXPRESSIONS) {
		x := rtnl.ParseAttrs(e.Data, 0)
		a := x.Nested(unix.NFTA_EXPR_DATA)
		switch x.Text(unix.NFTA_EXPR_NAME) {
		case "payload":
			at := a.BigUint32(unix.NFTA_PAYLOAD_OFFSET)
			loads = a.BigUint32(unix.NFTA_PAYLOAD_BASE) == 1 && a.BigUint32(unix.NFTA_PAYLOAD_LEN) == 1 && (at == 9 || at == 6)
		case "meta":
			loads = a.BigUint32(unix.NFTA_META_KEY) == unix.NFT_META_L4PROTO
		case "cmp":
			if data := a.Nested(unix.NFTA_CMP_DATA).Get(unix.NFTA_DATA_VALUE); loads && len(data) > 0 {
				protocol = uint32(data[0])
				if a.BigUint32(unix.NFTA_CMP_OP) == unix.NFT_CMP_NEQ {
					invert = 2 // NFT_RULE_COMPAT_F_INV
				}
			}
			loads = false
		case "match", "target":
			needs = true
		}
	}
	if !needs {
		return body
	}
	return rtnl.AppendNested(body, unix.NFTA_RULE_COMPAT, rtnl.AppendBig32(rtnl.AppendBig32(nil, 1, protocol), 2, invert))
}

// commit sends the messages as one transaction.
func (f *filter) commit(list []op.FilterMessage, flags uint16) error {
	mark := func(kind uint16) rtnl.Message {
		return rtnl.Message{Type: kind, Body: []byte{0, 0, 0, unix.NFNL_SUBSYS_NFTABLES}}
	}
	batch := []rtnl.Message{mark(unix.NFNL_MSG_BATCH_BEGIN)}
	for _, m := range list {
		own := flags
		switch m.Kind {
		case unix.NFT_MSG_NEWRULE:
			own &^= unix.NLM_F_EXCL
			if flags&unix.NLM_F_EXCL != 0 {
				own |= unix.NLM_F_APPEND
			}
		case unix.NFT_MSG_NEWSET, unix.NFT_MSG_NEWSETELEM:
			own &^= unix.NLM_F_APPEND
		}
		batch = append(batch, rtnl.Message{Type: nftSystem | m.Kind, Flags: own | unix.NLM_F_ACK, Body: m.Body})
	}
	return f.Do(append(batch, mark(unix.NFNL_MSG_BATCH_END))...)
}

func (f *filter) head() []byte { return []byte{f.family, 0, 0, 0} }

// place begins a message about rules of the place's chain.
func (f *filter) place() []byte {
	return f.text(f.text(f.head(), unix.NFTA_RULE_TABLE, f.at.Table), unix.NFTA_RULE_CHAIN, f.at.Chain)
}

func (f *filter) text(body []byte, kind uint16, s string) []byte {
	return rtnl.AppendText(body, kind, s)
}

func big64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }
