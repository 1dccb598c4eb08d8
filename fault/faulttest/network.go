package faulttest

import (
	"fmt"
	"io/fs"
	"slices"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// namespace finds the namespace and the link of a place. One that is gone is
// fs.ErrNotExist.
func (m *Machine) namespace(at op.QdiscPlace) (*snapshot.NetNS, error) {
	for i := range m.World.Network.Namespaces {
		n := &m.World.Network.Namespaces[i]
		if n.Inode != at.NetNS && !(at.NetNS == 0 && n.Host) {
			continue
		}
		if slices.ContainsFunc(n.Links, func(l snapshot.Link) bool { return l.Name == at.Link }) {
			return n, nil
		}
	}
	return nil, fmt.Errorf("cannot find interface %s in network namespace %d: %w", at.Link, at.NetNS, fs.ErrNotExist)
}

func (m *Machine) qdisc(at op.QdiscPlace) (*snapshot.NetNS, int, error) {
	n, err := m.namespace(at)
	if err != nil {
		return nil, -1, err
	}
	return n, slices.IndexFunc(n.Qdiscs, func(q snapshot.Qdisc) bool { return q.Link == at.Link && q.Parent == at.Parent }), nil
}

// ReadQdisc returns the qdisc at that place. The kernel's own, which has no
// handle, counts as none.
func (m *Machine) ReadQdisc(at op.QdiscPlace) (op.Qdisc, bool, error) {
	n, i, err := m.qdisc(at)
	if err != nil || i < 0 || n.Qdiscs[i].Handle == "0:" {
		return op.Qdisc{}, false, err
	}
	q := n.Qdiscs[i]
	return op.Qdisc{
		QdiscPlace: at, Kind: q.Kind, Handle: q.Handle, DelayUs: q.DelayUs, JitterUs: q.JitterUs, LossPct: q.LossPct,
		RateBps: q.RateBps, BurstBytes: q.BurstBytes, LimitBytes: q.LimitBytes, Raw: q.Raw,
	}, true, nil
}

// WriteQdisc makes q in the place of what is there.
func (m *Machine) WriteQdisc(q op.Qdisc) error {
	n, i, err := m.qdisc(q.QdiscPlace)
	if err != nil {
		return err
	}
	made := snapshot.Qdisc{
		Link: q.Link, Parent: q.Parent, Kind: q.Kind, Handle: "8001:", DelayUs: q.DelayUs, JitterUs: q.JitterUs, LossPct: q.LossPct,
		RateBps: q.RateBps, BurstBytes: q.BurstBytes, LimitBytes: q.LimitBytes, Raw: q.Raw,
	}
	if len(made.Raw) == 0 && q.Kind != "noqueue" {
		made.Raw = fmt.Appendf(nil, "%s %d %d %g %d %d %d", q.Kind, q.DelayUs, q.JitterUs, q.LossPct, q.RateBps, q.BurstBytes, q.LimitBytes)
	}
	if i >= 0 {
		n.Qdiscs[i] = made
	} else {
		n.Qdiscs = append(n.Qdiscs, made)
	}
	return nil
}

// RemoveQdisc puts the default in the place of the qdisc.
func (m *Machine) RemoveQdisc(at op.QdiscPlace) error {
	n, i, err := m.qdisc(at)
	if err != nil || i < 0 {
		return err
	}
	if at.Parent == "root" {
		n.Qdiscs[i] = snapshot.Qdisc{Link: at.Link, Parent: "root", Kind: "noqueue", Handle: "0:"}
	} else {
		n.Qdiscs = slices.Delete(n.Qdiscs, i, i+1)
	}
	return nil
}

// ReadGuard returns the guard of that name.
func (m *Machine) ReadGuard(name string) (op.Guard, bool, error) {
	g, ok := m.World.Guards[name]
	return g, ok, nil
}

// WriteGuard makes the guard.
func (m *Machine) WriteGuard(g op.Guard) error {
	m.World.Guards[g.Name] = g
	return nil
}

// RemoveGuard removes the guard.
func (m *Machine) RemoveGuard(name string) error {
	delete(m.World.Guards, name)
	return nil
}
