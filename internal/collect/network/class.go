package network

import (
	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

// maxClasses bounds the classes that are kept of one namespace.
const maxClasses = 512

// classful are the qdiscs whose classes are made by hand. Others, such as
// fq_codel and mq, have classes of their own that tell nothing.
var classful = map[string]bool{"htb": true, "hfsc": true, "prio": true, "drr": true, "qfq": true, "ets": true, "cbq": true, "atm": true, "dsmark": true}

// readClasses lists the classes of the interfaces that have a qdisc with
// classes.
func readClasses(c *rtnl.Conn, qdiscs []rtnl.Qdisc, names map[int]string) ([]snapshot.TrafficClass, error) {
	var out []snapshot.TrafficClass
	done := map[int]bool{}
	for _, q := range qdiscs {
		if !classful[q.Kind] || done[q.Index] {
			continue
		}
		done[q.Index] = true
		err := c.Dump(unix.RTM_GETTCLASS, rtnl.Tcm(q.Index, 0, 0), func(m rtnl.Message) error {
			if x, ok := parseClass(m.Body, names); ok && classful[x.Kind] && len(out) < maxClasses {
				out = append(out, x)
			}
			return nil
		})
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// parseClass reads an RTM_NEWTCLASS message, whose tcm_info is the qdisc below
// the class.
func parseClass(body []byte, names map[int]string) (snapshot.TrafficClass, bool) {
	q, ok := rtnl.ParseQdisc(body)
	if !ok {
		return snapshot.TrafficClass{}, false
	}
	x := snapshot.TrafficClass{
		Link: names[q.Index], Kind: q.Kind, Handle: rtnl.HandleText(q.Handle), Parent: rtnl.ParentText(q.Parent),
		Bytes: q.Bytes, Packets: q.Packets, Drops: q.Drops, Overlimits: q.Overlimits, Backlog: q.Backlog,
	}
	if leaf := rtnl.Uint32(body, 16); leaf != 0 {
		x.Leaf = rtnl.HandleText(leaf)
	}
	a := rtnl.ParseAttrs(q.Raw, 0)
	switch q.Kind {
	case "htb":
		parseHTBClass(&x, a)
	case "hfsc":
		x.Curves = map[string]snapshot.ServiceCurve{}
		for kind, name := range []string{1: "rt", 2: "ls", 3: "ul"} { // TCA_HFSC_RSC, FSC, USC
			if b := a.Get(uint16(kind)); name != "" && len(b) >= 12 {
				x.Curves[name] = snapshot.ServiceCurve{FirstBps: 8 * uint64(rtnl.Uint32(b, 0)), ForMicros: rtnl.Uint32(b, 4), ThenBps: 8 * uint64(rtnl.Uint32(b, 8))}
			}
		}
	}
	return x, true
}

// parseHTBClass reads struct tc_htb_opt: the tc_ratespec of rate and ceiling,
// buffers as times in ticks of 64 ns, quantum, level and priority.
func parseHTBClass(x *snapshot.TrafficClass, a rtnl.Attrs) {
	const parms, rate64, ceil64, nsPerTick = 1, 6, 7, 64
	p := a.Get(parms)
	rate, ceil := uint64(rtnl.Uint32(p, 8)), uint64(rtnl.Uint32(p, 20))
	if v := rtnl.Uint64(a.Get(rate64), 0); v > 0 {
		rate = v
	}
	if v := rtnl.Uint64(a.Get(ceil64), 0); v > 0 {
		ceil = v
	}
	x.RateBps, x.CeilBps, x.Priority = 8*rate, 8*ceil, rtnl.Uint32(p, 40)
	x.BurstBytes = uint64(float64(rtnl.Uint32(p, 24))*nsPerTick*float64(rate)/1e9 + 0.5)
}
