package network

import (
	"encoding/hex"
	"fmt"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

// maxActions is the kernel's own bound, TCA_ACT_MAX_PRIO.
const maxActions = 32

// Attributes of an action and of its counters.
const (
	actKind, actOptions, actStats = 1, 2, 4
	statsBasic, statsQueue        = 1, 3
	genLen                        = 20 // tc_gen: index, capab, action, refcnt, bindcnt
)

var mirredWays = []string{"", "egress redirect", "egress mirror", "ingress redirect", "ingress mirror"}

// parseActions reads the actions of a filter in their order; police is one of
// the older form that filters had.
func parseActions(list rtnl.Attrs, police []byte, names map[int]string) []snapshot.TrafficAction {
	var out []snapshot.TrafficAction
	for _, x := range list {
		if len(out) == maxActions {
			break
		}
		if t, ok := parseAction(rtnl.ParseAttrs(x.Data, 0), names); ok {
			out = append(out, t)
		}
	}
	if len(police) > 0 {
		t := snapshot.TrafficAction{Kind: "police"}
		parsePolice(&t, rtnl.ParseAttrs(police, 0))
		out = append(out, t)
	}
	return out
}

func parseAction(a rtnl.Attrs, names map[int]string) (t snapshot.TrafficAction, ok bool) {
	t.Kind = a.Text(actKind)
	o, s := a.Nested(actOptions), a.Nested(actStats)
	basic, queue := s.Get(statsBasic), s.Get(statsQueue)
	t.Bytes, t.Packets, t.Drops = rtnl.Uint64(basic, 0), uint64(rtnl.Uint32(basic, 8)), uint64(rtnl.Uint32(queue, 8))
	p := o.Get(2) // PARMS of most, which begins with tc_gen
	switch t.Kind {
	case "mirred":
		t.Link = names[int(rtnl.Uint32(p, genLen+4))]
		way := ""
		if w := rtnl.Uint32(p, genLen); int(w) < len(mirredWays) {
			way = mirredWays[w]
		}
		t.Text = fmt.Sprintf("%s to %s", way, t.Link)
	case "police":
		parsePolice(&t, o)
		return t, true
	case "nat":
		if p = o.Get(1); len(p) >= genLen+16 {
			way := "ingress"
			if rtnl.Uint32(p, genLen+12)&1 != 0 {
				way = "egress"
			}
			t.Text = fmt.Sprintf("%s %s%s to %s", way, address(p[genLen:genLen+4]), maskSuffix(p[genLen+8:genLen+12]), address(p[genLen+4:genLen+8]))
		}
	case "skbedit":
		if m := o.Get(5); len(m) == 4 {
			t.Text = fmt.Sprintf("mark %#x", rtnl.Uint32(m, 0))
		}
	case "pedit":
		if len(p) > genLen {
			t.Text = fmt.Sprintf("%d keys", p[genLen])
		}
	case "bpf":
		t.BPF = &snapshot.FilterProgram{ID: o.Uint32(9), Name: o.Text(6), Tag: hex.EncodeToString(o.Get(8))}
	}
	t.Control = controlText(rtnl.Uint32(p, 8))
	return t, t.Kind != ""
}

// parsePolice reads struct tc_police: index, action, limit, burst, mtu, then
// the tc_ratespec of the rate.
func parsePolice(t *snapshot.TrafficAction, o rtnl.Attrs) {
	const tbf, rate64, nsPerTick = 1, 8, 64
	p := o.Get(tbf)
	rate := uint64(rtnl.Uint32(p, 28))
	if v := rtnl.Uint64(o.Get(rate64), 0); v > 0 {
		rate = v
	}
	burst := uint64(float64(rtnl.Uint32(p, 12))*nsPerTick*float64(rate)/1e9 + 0.5)
	t.Control = controlText(rtnl.Uint32(p, 4))
	t.Text = fmt.Sprintf("rate %s burst %d", snapshot.Rate(8*rate), burst)
}

// controlText is what becomes of the packet, from TC_ACT_* of linux/pkt_cls.h.
func controlText(v uint32) string {
	names := []string{"pass", "reclassify", "drop", "pipe", "stolen", "queued", "repeat", "redirect", "trap"}
	switch {
	case v == 0xffffffff:
		return "continue"
	case int(v) < len(names):
		return names[v]
	case v>>28 == 1:
		return fmt.Sprintf("jump %d", v&0xfffffff)
	case v>>28 == 2:
		return fmt.Sprintf("goto chain %d", v&0xfffffff)
	}
	return fmt.Sprintf("%#x", v)
}
