package network

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/op"
)

// ReadQdisc returns the qdisc at that place. The kernel's own default, which
// has no handle and comes by itself, counts as none.
func (n *Network) ReadQdisc(at op.QdiscPlace) (op.Qdisc, bool, error) {
	c, index, parent, err := n.at(at)
	if err != nil {
		return op.Qdisc{}, false, err
	}
	defer c.Close()
	q, ok, err := find(c, index, parent)
	if err != nil {
		return op.Qdisc{}, false, fmt.Errorf("cannot read the qdisc of %s: %w", at, err)
	}
	f := rtnl.ReadFigures(q.Kind, q.Raw)
	return op.Qdisc{
		QdiscPlace: at, Kind: q.Kind, Handle: rtnl.HandleText(q.Handle), Raw: q.Raw,
		DelayUs: f.DelayUs, JitterUs: f.JitterUs, LossPct: f.LossPct,
		RateBps: f.RateBps, BurstBytes: f.BurstBytes, LimitBytes: f.LimitBytes,
	}, ok, nil
}

func find(c *rtnl.Conn, index int, parent uint32) (rtnl.Qdisc, bool, error) {
	all, err := c.Qdiscs()
	if err != nil {
		return rtnl.Qdisc{}, false, err
	}
	for _, q := range all {
		if q.Index == index && q.Parent == parent && q.Handle != 0 {
			return q, true, nil
		}
	}
	return rtnl.Qdisc{}, false, nil
}

// WriteQdisc makes q, from its raw options if it has them, and removes what
// is at its place first.
func (n *Network) WriteQdisc(q op.Qdisc) error {
	raw, err := options(q)
	if err != nil {
		return err
	}
	handle, err := rtnl.ParseHandle(q.Handle)
	if err != nil {
		return err
	}
	c, index, parent, err := n.at(q.QdiscPlace)
	if err != nil {
		return err
	}
	defer c.Close()
	if was, ok, err := find(c, index, parent); err != nil {
		return fmt.Errorf("cannot read the qdisc of %s: %w", q.QdiscPlace, err)
	} else if ok {
		if err := c.DeleteQdisc(index, was.Handle, parent); err != nil {
			return fmt.Errorf("cannot remove the %s qdisc of %s: %w", was.Kind, q.QdiscPlace, err)
		}
	}
	err = c.SetQdisc(rtnl.Qdisc{Index: index, Kind: q.Kind, Handle: handle, Parent: parent, Raw: raw})
	if errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("cannot put a %s qdisc on %s: this kernel has none", q.Kind, q.QdiscPlace)
	}
	if err != nil {
		return fmt.Errorf("cannot put a %s qdisc on %s: %w", q.Kind, q.QdiscPlace, err)
	}
	return nil
}

func options(q op.Qdisc) ([]byte, error) {
	if len(q.Raw) > 0 {
		return q.Raw, nil
	}
	return rtnl.WriteFigures(q.Kind, rtnl.Figures{
		DelayUs: q.DelayUs, JitterUs: q.JitterUs, LossPct: q.LossPct,
		RateBps: q.RateBps, BurstBytes: q.BurstBytes, LimitBytes: q.LimitBytes,
	})
}

// RemoveQdisc removes the qdisc at that place; none there is no error.
func (n *Network) RemoveQdisc(at op.QdiscPlace) error {
	c, index, parent, err := n.at(at)
	if err != nil {
		return err
	}
	defer c.Close()
	q, ok, err := find(c, index, parent)
	if err == nil && ok {
		err = c.DeleteQdisc(index, q.Handle, parent)
	}
	if err != nil {
		return fmt.Errorf("cannot remove the qdisc of %s: %w", at, err)
	}
	return nil
}
