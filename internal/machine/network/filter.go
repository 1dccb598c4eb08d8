package network

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/netfilter"
	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/op"
)

// A filter is an open way to the packet filter of a namespace, with what it
// has.
type filter struct {
	*rtnl.Conn
	at     op.FilterPlace
	family byte
	rules  *netfilter.Ruleset
}

// filter opens the packet filter at a place. A namespace that is gone is
// fs.ErrNotExist.
func (n *Network) filter(at op.FilterPlace) (*filter, error) {
	family, ok := netfilter.Family(at.Family)
	if !ok {
		return nil, fmt.Errorf("cannot find the %s: there is no family %q", at, at.Family)
	}
	c, err := n.dial(at.NetNS, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, err
	}
	f := &filter{Conn: c, at: at, family: family}
	if f.rules, err = netfilter.Read(c); err != nil {
		c.Close()
		return nil, err
	}
	return f, nil
}

// chain is the place's chain. One that is not there is fs.ErrNotExist.
func (f *filter) chain() (*netfilter.Chain, error) {
	c := f.rules.Chain(f.family, f.at.Table, f.at.Chain)
	if c == nil {
		return nil, fmt.Errorf("cannot find the %s: %w", f.at, fs.ErrNotExist)
	}
	return c, nil
}

// ReadFilter returns the table or chain at a place with the messages that make
// it again.
func (n *Network) ReadFilter(at op.FilterPlace) (op.Filter, bool, error) {
	f, err := n.filter(at)
	if err != nil {
		return op.Filter{}, false, err
	}
	defer f.Close()
	out := op.Filter{FilterPlace: at}
	if at.Chain == "" {
		out.Sum = f.rules.TableDigest(f.family, at.Table)
	} else if c, err := f.chain(); err == nil {
		out.Sum = f.rules.ChainDigest(c)
	}
	if out.Sum == "" {
		return out, false, nil
	}
	if out.Messages, err = f.copy(at.Chain, nil); err != nil {
		return out, false, fmt.Errorf("cannot read the %s: %w", at, err)
	}
	return out, true, nil
}

// WriteFilter makes a table or a chain in one transaction.
func (n *Network) WriteFilter(x op.Filter) error {
	f, err := n.filter(x.FilterPlace)
	if err != nil {
		return err
	}
	defer f.Close()
	list := x.Messages
	if len(list) == 0 {
		if list, err = f.build(x); err != nil {
			return fmt.Errorf("cannot make the %s: %w", x.FilterPlace, err)
		}
	}
	if err := f.commit(list, unix.NLM_F_CREATE|unix.NLM_F_EXCL); err != nil {
		return fmt.Errorf("cannot make the %s: %w", x.FilterPlace, err)
	}
	return nil
}

// RemoveFilter removes a table or a chain; none there is no error.
func (n *Network) RemoveFilter(at op.FilterPlace) error {
	f, err := n.filter(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	var list []op.FilterMessage
	if at.Chain == "" {
		if f.rules.TableDigest(f.family, at.Table) == "" {
			return nil
		}
		list = []op.FilterMessage{{Kind: unix.NFT_MSG_DELTABLE, Body: f.text(f.head(), 1, at.Table)}}
	} else {
		c, err := f.chain()
		if err != nil {
			return nil
		}
		if len(c.Rules) > 0 {
			list = append(list, op.FilterMessage{Kind: unix.NFT_MSG_DELRULE, Body: f.place()})
		}
		list = append(list, op.FilterMessage{Kind: unix.NFT_MSG_DELCHAIN, Body: f.text(f.text(f.head(), unix.NFTA_CHAIN_TABLE, at.Table), unix.NFTA_CHAIN_NAME, at.Chain)})
	}
	if err := f.commit(list, 0); err != nil {
		return fmt.Errorf("cannot remove the %s: %w", at, err)
	}
	return nil
}

// maxBefore bounds the rules before one by which its place is found again.
const maxBefore = 64

// lastPlace, in the place of rules before one, is the chain's end.
const lastPlace = "*"

// FindRule looks for a rule by its sum and handle, or by what it says.
func (n *Network) FindRule(at op.FilterPlace, r op.FilterRule) (out op.FoundRule, same int, err error) {
	f, err := n.filter(at)
	if err != nil {
		return out, 0, err
	}
	defer f.Close()
	c, err := f.chain()
	if err != nil {
		return out, 0, err
	}
	want := r.Sum
	if r.Match != nil {
		expressions, err := encode(f.family, *r.Match)
		if err != nil {
			return out, 0, fmt.Errorf("cannot write the rule %q: %w", r.Match, err)
		}
		want = netfilter.DigestOf(expressions)
	}
	var before []string
	for i := range c.Rules {
		rule := &c.Rules[i]
		sum := f.rules.Digest(c, rule)
		if sum == want {
			same++
			if r.Handle == rule.Handle || r.Handle == 0 && r.Match != nil {
				out.FilterRule = op.FilterRule{Sum: sum, Handle: rule.Handle, Text: r.Text}
				out.Before = slices.Clone(before[max(0, len(before)-maxBefore):])
				if out.Messages, err = f.copy(at.Chain, rule); err != nil {
					return out, 0, fmt.Errorf("cannot read a rule of the %s: %w", at, err)
				}
			}
		}
		before = append(before, fmt.Sprintf("%d %s", rule.Handle, sum))
	}
	return out, same, nil
}

// InsertRule makes a rule behind the nearest of those in before that is there.
func (n *Network) InsertRule(at op.FilterPlace, r op.FilterRule, before []string) error {
	f, err := n.filter(at)
	if err != nil {
		return err
	}
	defer f.Close()
	c, err := f.chain()
	if err != nil {
		return err
	}
	list := slices.Clone(r.Messages)
	if r.Match != nil {
		expressions, err := encode(f.family, *r.Match)
		if err != nil {
			return fmt.Errorf("cannot write the rule %q: %w", r.Match, err)
		}
		list = []op.FilterMessage{{Kind: unix.NFT_MSG_NEWRULE, Body: rtnl.AppendNested(f.place(), unix.NFTA_RULE_EXPRESSIONS, expressions)}}
	}
	if len(list) == 0 {
		return fmt.Errorf("cannot make a rule of the %s: nothing says what it is", at)
	}
	flags, rule := uint16(unix.NLM_F_CREATE), &list[len(list)-1]
	if handle := f.behind(c, before); handle != 0 {
		flags |= unix.NLM_F_APPEND
		rule.Body = rtnl.Append(slices.Clone(rule.Body), unix.NFTA_RULE_POSITION, big64(handle))
	}
	if err := f.commit(list, flags); err != nil {
		return fmt.Errorf("cannot make a rule of the %s: %w", at, err)
	}
	return nil
}

// behind is the handle of the rule to follow, 0 for none: the nearest one that
// is there as it was, else the nearest that says the same.
func (f *filter) behind(c *netfilter.Chain, before []string) uint64 {
	if slices.Equal(before, []string{lastPlace}) && len(c.Rules) > 0 {
		return c.Rules[len(c.Rules)-1].Handle
	}
	sums := make([]string, len(c.Rules))
	for i := range c.Rules {
		sums[i] = f.rules.Digest(c, &c.Rules[i])
	}
	for _, b := range slices.Backward(before) {
		number, sum, _ := strings.Cut(b, " ")
		handle, _ := strconv.ParseUint(number, 10, 64)
		var alike uint64
		for i := range c.Rules {
			switch {
			case sums[i] != sum:
			case c.Rules[i].Handle == handle:
				return handle
			default:
				alike = c.Rules[i].Handle
			}
		}
		if alike != 0 {
			return alike
		}
	}
	return 0
}

// RemoveRule removes the rule with that handle.
func (n *Network) RemoveRule(at op.FilterPlace, handle uint64) error {
	f, err := n.filter(at)
	if err != nil {
		return err
	}
	defer f.Close()
	body := rtnl.Append(f.place(), unix.NFTA_RULE_HANDLE, big64(handle))
	if err := f.commit([]op.FilterMessage{{Kind: unix.NFT_MSG_DELRULE, Body: body}}, 0); err != nil {
		return fmt.Errorf("cannot remove a rule of the %s: %w", at, err)
	}
	return nil
}
