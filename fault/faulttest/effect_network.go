package faulttest

import (
	"github.com/klustered/klustered/snapshot"
)

// networkEffects are the consequences of faults of that area.
var networkEffects = []func(*Machine, *snapshot.Snapshot){packetsHeld, packetsEnded}

// slowed reports whether a qdisc holds packets back so that it shows.
func slowed(q snapshot.Qdisc) bool {
	return q.DelayUs >= 5000 || q.LossPct >= 1 || q.RateBps > 0 && q.RateBps < 2_000_000
}

// packetsHeld: a qdisc on the way makes probes late, or loses packets.
func packetsHeld(m *Machine, s *snapshot.Snapshot) {
	if s.Network == nil || s.Probes == nil {
		return
	}
	for i := range s.Network.Namespaces {
		n := &s.Network.Namespaces[i]
		for j := range n.Qdiscs {
			q := &n.Qdiscs[j]
			if !slowed(*q) {
				continue
			}
			q.Packets, q.Bytes, q.Overlimits, q.Drops, q.Backlog = 900, 80000, 700, 60, 1500
			for k := range s.Probes.List {
				late(&s.Probes.List[k], n.Name(), *q)
			}
		}
	}
}

// late makes a probe that crosses the qdisc suffer from it.
func late(p *snapshot.Probe, netns string, q snapshot.Qdisc) {
	for _, h := range p.Path {
		if h.NetNS != netns || h.Link != q.Link {
			continue
		}
		delay := max(float64(q.DelayUs)/1000, 5)
		if q.RateBps > 0 {
			delay = max(delay, 120)
		}
		p.MinMs, p.MedianMs, p.MaxMs = p.MinMs+delay, p.MedianMs+2*delay, p.MaxMs+4*delay
		if q.LossPct >= 1 || q.RateBps > 0 {
			p.Lost = max(p.Lost, 3)
			p.Error = "i/o timeout"
		}
		return
	}
}
