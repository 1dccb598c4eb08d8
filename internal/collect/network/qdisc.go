package network

import (
	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

// trafficInto lists the qdiscs of all interfaces with their classes and
// filters. For htb, whose limit is of its classes, the ceiling of the default
// class is the qdisc's rate.
func trafficInto(c *rtnl.Conn, ns *snapshot.NetNS, names map[int]string) error {
	all, err := c.Qdiscs()
	if err != nil {
		return err
	}
	if ns.Classes, err = readClasses(c, all, names); err != nil {
		return err
	}
	for _, q := range all {
		x := Qdisc(q, names[q.Index])
		if q.Kind == "htb" {
			x.RateBps = defaultCeiling(x, ns.Classes)
		}
		ns.Qdiscs = append(ns.Qdiscs, x)
	}
	ns.Filters, err = readFilters(c, all, names)
	return err
}

// Qdisc is the snapshot's form of a kernel's qdisc.
func Qdisc(q rtnl.Qdisc, link string) snapshot.Qdisc {
	f := rtnl.ReadFigures(q.Kind, q.Raw)
	x := snapshot.Qdisc{
		Link: link, Kind: q.Kind, Raw: q.Raw,
		Handle: rtnl.HandleText(q.Handle), Parent: rtnl.ParentText(q.Parent),
		DelayUs: f.DelayUs, JitterUs: f.JitterUs, LossPct: f.LossPct, CorruptPct: f.CorruptPct,
		RateBps: f.RateBps, BurstBytes: f.BurstBytes, LimitBytes: f.LimitBytes,
		Bytes: q.Bytes, Packets: q.Packets, Drops: q.Drops, Overlimits: q.Overlimits, Backlog: q.Backlog, Block: q.Block,
	}
	switch minor := f.DefaultClass; q.Kind {
	case "hfsc":
		minor = uint32(native16(q.Raw)) // struct tc_hfsc_qopt
		fallthrough
	case "htb":
		if minor != 0 {
			x.Default = rtnl.HandleText(q.Handle&0xffff0000 | minor)
		}
	case "prio":
		x.Bands = int(rtnl.Uint32(q.Raw, 0)) // struct tc_prio_qopt
	}
	return x
}

// defaultCeiling is the rate in bits a second that unclassified packets get,
// 0 when they are not limited.
func defaultCeiling(q snapshot.Qdisc, classes []snapshot.TrafficClass) uint64 {
	for _, c := range classes {
		if c.Link == q.Link && c.Handle == q.Default {
			return c.CeilBps
		}
	}
	return 0
}
