package network

import (
	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

// readQdiscs lists the qdiscs of all interfaces. For htb, whose limit is of
// its classes, the ceiling of the default class is the qdisc's rate.
func readQdiscs(c *rtnl.Conn, names map[int]string) ([]snapshot.Qdisc, error) {
	all, err := c.Qdiscs()
	if err != nil {
		return nil, err
	}
	var out []snapshot.Qdisc
	for _, q := range all {
		x := Qdisc(q, names[q.Index])
		if q.Kind == "htb" {
			classes, _ := c.Classes(q.Index)
			x.RateBps = defaultCeiling(q, classes)
		}
		out = append(out, x)
	}
	return out, nil
}

// Qdisc is the snapshot's form of a kernel's qdisc.
func Qdisc(q rtnl.Qdisc, link string) snapshot.Qdisc {
	f := rtnl.ReadFigures(q.Kind, q.Raw)
	return snapshot.Qdisc{
		Link: link, Kind: q.Kind, Raw: q.Raw,
		Handle: rtnl.HandleText(q.Handle), Parent: rtnl.ParentText(q.Parent),
		DelayUs: f.DelayUs, JitterUs: f.JitterUs, LossPct: f.LossPct, CorruptPct: f.CorruptPct,
		RateBps: f.RateBps, BurstBytes: f.BurstBytes, LimitBytes: f.LimitBytes,
		Bytes: q.Bytes, Packets: q.Packets, Drops: q.Drops, Overlimits: q.Overlimits, Backlog: q.Backlog,
	}
}

// defaultCeiling is the rate in bits a second that unclassified packets get,
// 0 when they are not limited.
func defaultCeiling(q rtnl.Qdisc, classes []rtnl.Qdisc) uint64 {
	minor := rtnl.ReadFigures("htb", q.Raw).DefaultClass
	for _, c := range classes {
		if c.Handle == q.Handle&0xffff0000|minor { // a class's own number stands where a qdisc's handle does
			return rtnl.ReadFigures("htb", c.Raw).RateBps
		}
	}
	return 0
}
