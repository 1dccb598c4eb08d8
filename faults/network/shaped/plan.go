package shaped

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// classful are the qdiscs whose classes and filters an undo could not make
// again.
var classful = map[string]bool{"htb": true, "hfsc": true, "drr": true, "qfq": true, "prio": true}

// remedy removes first what would set the qdisc again, then the qdiscs, those
// within others first.
func (x shape) remedy(s *snapshot.Snapshot) (op.Plan, error) {
	var hands []snapshot.Persistent
	for _, e := range setters(s, x) {
		hands = append(hands, e.entry)
	}
	plan, err := fault.UprootAll(hands, "it throttles "+x.link.Name+" again")
	if err != nil {
		return nil, err
	}
	all := append([]snapshot.Qdisc(nil), x.qdiscs...)
	sort.SliceStable(all, func(i, j int) bool { return all[i].Parent != "root" && all[j].Parent == "root" })
	for _, q := range all {
		if classful[q.Kind] {
			return nil, fmt.Errorf("cannot remove the %s qdisc of %s: its classes and filters could not be put back; the runbook says how to do it by hand", q.Kind, x.subject().Name)
		}
		plan = append(plan, op.DeleteQdisc{Qdisc: op.Qdisc{
			QdiscPlace: x.place(q.Parent), Kind: q.Kind, Handle: q.Handle, DelayUs: q.DelayUs, JitterUs: q.JitterUs, LossPct: q.LossPct,
			RateBps: q.RateBps, BurstBytes: q.BurstBytes, LimitBytes: q.LimitBytes, Raw: q.Raw,
		}})
	}
	return plan, nil
}

func (x shape) place(parent string) op.QdiscPlace {
	p := op.QdiscPlace{Link: x.link.Name, Parent: parent}
	if !x.ns.Host {
		p.NetNS, p.Pod = x.ns.Inode, x.pod
	}
	return p
}

// drill throttles one interface in the way of a Service: either end of an
// endpoint's pair, the bridge, or, with other nodes about, the uplink. Where
// the kernel has no netem it limits the rate instead of delaying.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Network == nil || s.Cluster == nil {
		return nil, errors.New("cannot choose an interface: the network or the Services were not seen")
	}
	x, err := target(s, d)
	if err != nil {
		return nil, err
	}
	q := op.Qdisc{QdiscPlace: x.place("root")}
	if s.Network.Netem && d.Int(0, 2) > 0 {
		q.Kind, q.LimitBytes = "netem", 1000
		q.DelayUs, q.JitterUs = uint64(d.Int(60, 400))*1000, uint64(d.Int(0, 20))*1000
		q.LossPct = float64(d.Int(0, 15))
		return op.Plan{op.AddQdisc{Qdisc: q}}, nil
	}
	low, high := 24, 64
	if x.pod == "" && x.link.Kind != "bridge" { // the whole node's traffic: as slow to its users at a higher rate
		low, high = 96, 200
	}
	q.Kind, q.RateBps = "tbf", uint64(d.Int(low, high))*1000
	q.BurstBytes = uint64(max(x.link.MTU, 1500) + d.Int(50, 500))
	q.LimitBytes = q.BurstBytes * uint64(d.Int(2, 3))
	return op.Plan{op.AddQdisc{Qdisc: q}}, nil
}

// target draws the interface.
func target(s *snapshot.Snapshot, d *fault.Dice) (shape, error) {
	var ends, shared []shape
	n := s.Network
	for i := range n.Namespaces {
		ns := &n.Namespaces[i]
		for _, l := range ns.Links {
			x := shape{ns: ns, link: l}
			x.role, x.pod = role(n, ns, l)
			switch {
			case x.role == "" || !plain(ns, l):
			case x.pod != "" && serves(s, x.pod):
				ends = append(ends, x)
			case l.Kind == "bridge", x.role == "the node's uplink" && len(s.Cluster.Nodes) > 1:
				shared = append(shared, x)
			}
		}
	}
	if len(ends) == 0 {
		return shape{}, errors.New("cannot choose an interface: no pod of this node answers for a Service outside kube-system")
	}
	if len(shared) > 0 && d.Int(0, 1) == 0 {
		return fault.Pick(d, shared), nil
	}
	return fault.Pick(d, ends), nil
}

// plain reports whether an interface has the kernel's own qdisc.
func plain(ns *snapshot.NetNS, l snapshot.Link) bool {
	for _, q := range ns.Qdiscs {
		if q.Link == l.Name && q.Handle != "0:" && q.Handle != "" {
			return false
		}
	}
	return l.Up
}

// serves reports whether a pod is an endpoint of a Service of users.
func serves(s *snapshot.Snapshot, pod string) bool {
	for _, e := range s.Cluster.Endpoints {
		if e.Namespace+"/"+e.Pod == pod && !strings.HasPrefix(e.Namespace, "kube-") && e.Ready {
			return true
		}
	}
	return false
}
