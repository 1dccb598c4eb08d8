package rtnl

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Option attributes, from linux/pkt_sched.h.
const (
	tbfParms  = 1
	tbfRate64 = 4
	tbfBurst  = 6

	netemCorr      = 1
	netemCorrupt   = 4
	netemLoss      = 5
	netemRate      = 6
	netemRate64    = 8
	netemLatency64 = 10
	netemJitter64  = 11
	netemLen       = 24 // struct tc_netem_qopt

	htbParms  = 1
	htbInit   = 2
	htbRate64 = 6
	htbCeil64 = 7

	fqFlowMaxRate = 7
	cakeBaseRate  = 2
)

// nsPerTick is the kernel's packet scheduler clock: 64 ns a tick on every
// machine since Linux 2.6.31 (PSCHED_SHIFT 6).
const nsPerTick = 64

// Figures are what a qdisc's options say, in units of people.
type Figures struct {
	DelayUs, JitterUs    uint64  // microseconds
	LossPct, CorruptPct  float64 // percent; corruption counts reordering and duplication too
	RateBps              uint64  // bits a second; 0 for no limit
	BurstBytes           uint64
	LimitBytes           uint64 // packets for netem
	DefaultClass         uint32 // minor of htb's default class
	SpecialLoss, Reorder bool   // netem with a loss model or with reordering
}

// ReadFigures reads the options of a qdisc or of an htb class. Kinds that it
// does not know have no figures.
func ReadFigures(kind string, raw []byte) Figures {
	switch kind {
	case "tbf":
		return readTBF(ParseAttrs(raw, 0))
	case "netem":
		return readNetem(raw)
	case "htb":
		return readHTB(ParseAttrs(raw, 0))
	case "fq":
		return Figures{RateBps: flowRate(ParseAttrs(raw, 0).Uint32(fqFlowMaxRate))}
	case "cake":
		return Figures{RateBps: 8 * Uint64(ParseAttrs(raw, 0).Get(cakeBaseRate), 0)}
	case "pfifo", "bfifo":
		return Figures{LimitBytes: uint64(Uint32(raw, 0))}
	}
	return Figures{}
}

func flowRate(v uint32) uint64 {
	if v == math.MaxUint32 {
		return 0
	}
	return 8 * uint64(v)
}

// readTBF reads struct tc_tbf_qopt: two tc_ratespec of 12 bytes, then limit,
// buffer and mtu. The buffer is a time in ticks at the rate.
func readTBF(a Attrs) Figures {
	p := a.Get(tbfParms)
	rate := uint64(Uint32(p, 8))
	if x := Uint64(a.Get(tbfRate64), 0); x > 0 {
		rate = x
	}
	f := Figures{RateBps: 8 * rate, LimitBytes: uint64(Uint32(p, 24))}
	f.BurstBytes = uint64(math.Round(float64(Uint32(p, 28)) * nsPerTick * float64(rate) / 1e9))
	if x := Uint32(a.Get(tbfBurst), 0); x > 0 {
		f.BurstBytes = uint64(x)
	}
	return f
}

// readNetem reads struct tc_netem_qopt: latency, limit, loss, gap, duplicate
// and jitter, four bytes each, then attributes.
func readNetem(raw []byte) Figures {
	if len(raw) < netemLen {
		return Figures{}
	}
	a := ParseAttrs(raw, netemLen)
	f := Figures{
		DelayUs:    uint64(Uint32(raw, 0)) * nsPerTick / 1000,
		LimitBytes: uint64(Uint32(raw, 4)),
		LossPct:    share(Uint32(raw, 8)),
		CorruptPct: share(Uint32(raw, 16)) + share(Uint32(a.Get(netemCorrupt), 0)),
		JitterUs:   uint64(Uint32(raw, 20)) * nsPerTick / 1000,
		RateBps:    8 * uint64(Uint32(a.Get(netemRate), 0)),
	}
	if ns := Uint64(a.Get(netemLatency64), 0); ns > 0 {
		f.DelayUs = ns / 1000
	}
	if ns := Uint64(a.Get(netemJitter64), 0); ns > 0 {
		f.JitterUs = ns / 1000
	}
	if x := Uint64(a.Get(netemRate64), 0); x > 0 {
		f.RateBps = 8 * x
	}
	f.SpecialLoss = len(a.Get(netemLoss)) > 0
	f.Reorder = Uint32(raw, 12) > 0
	return f
}

// readHTB reads the options of an htb qdisc (its default class) or of a class
// (its ceiling).
func readHTB(a Attrs) Figures {
	p := a.Get(htbParms)
	f := Figures{RateBps: 8 * uint64(Uint32(p, 20)), DefaultClass: Uint32(a.Get(htbInit), 8)}
	if x := Uint64(a.Get(htbCeil64), 0); x > 0 {
		f.RateBps = 8 * x
	}
	return f
}

func share(p uint32) float64 { return math.Round(float64(p)/math.MaxUint32*1e6) / 1e4 }

func probability(pct float64) uint32 {
	return uint32(math.Min(math.Max(pct, 0), 100) / 100 * math.MaxUint32)
}

// WriteFigures makes the options of a tbf, a netem or a qdisc that needs none.
func WriteFigures(kind string, f Figures) ([]byte, error) {
	switch kind {
	case "tbf":
		return writeTBF(f)
	case "netem":
		return writeNetem(f), nil
	case "pfifo", "bfifo":
		return binary.NativeEndian.AppendUint32(nil, uint32(f.LimitBytes)), nil
	case "pfifo_fast", "fq_codel", "noqueue", "mq", "ingress", "clsact", "fq":
		return nil, nil
	}
	return nil, fmt.Errorf("cannot make a qdisc of kind %q from figures: only from its options", kind)
}

func writeTBF(f Figures) ([]byte, error) {
	rate := f.RateBps / 8
	if rate == 0 || f.BurstBytes == 0 {
		return nil, fmt.Errorf("cannot make a tbf qdisc: it needs a rate and a burst")
	}
	p := make([]byte, 36)
	p[1] = 1 // TC_LINKLAYER_ETHERNET
	put32(p[8:], uint32(min(rate, math.MaxUint32)))
	put32(p[24:], uint32(max(f.LimitBytes, f.BurstBytes)))
	put32(p[28:], ticks(float64(f.BurstBytes)/float64(rate)*1e9))
	out := Append(nil, tbfParms, p)
	if rate > math.MaxUint32 {
		out = Append(out, tbfRate64, binary.NativeEndian.AppendUint64(nil, rate))
	}
	return AppendUint32(out, tbfBurst, uint32(f.BurstBytes)), nil
}

func writeNetem(f Figures) []byte {
	b := make([]byte, netemLen)
	put32(b[0:], ticks(float64(f.DelayUs)*1000))
	limit := f.LimitBytes
	if limit == 0 {
		limit = 1000 // packets, as tc has it
	}
	put32(b[4:], uint32(limit))
	put32(b[8:], probability(f.LossPct))
	put32(b[20:], ticks(float64(f.JitterUs)*1000))
	if f.CorruptPct > 0 {
		x := binary.NativeEndian.AppendUint32(nil, probability(f.CorruptPct))
		b = Append(b, netemCorrupt, append(x, 0, 0, 0, 0))
	}
	if f.RateBps > 0 {
		x := make([]byte, 16)
		put32(x, uint32(min(f.RateBps/8, math.MaxUint32)))
		b = Append(b, netemRate, x)
	}
	b = Append(b, netemLatency64, binary.NativeEndian.AppendUint64(nil, f.DelayUs*1000))
	return Append(b, netemJitter64, binary.NativeEndian.AppendUint64(nil, f.JitterUs*1000))
}

func ticks(ns float64) uint32 { return uint32(math.Min(math.Ceil(ns/nsPerTick), math.MaxUint32)) }

func put32(b []byte, v uint32) { binary.NativeEndian.PutUint32(b, v) }
