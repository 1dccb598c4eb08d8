package snapshot

import (
	"fmt"
	"strconv"
	"strings"
)

// String writes q nearly as tc(8) shows it.
func (q Qdisc) String() string {
	parent := q.Parent
	if parent != "root" && parent != "ingress" {
		parent = "parent " + parent
	}
	s := fmt.Sprintf("qdisc %s %s %s", q.Kind, q.Handle, parent)
	if q.Kind == "netem" && q.LimitBytes > 0 {
		s += fmt.Sprintf(" limit %d", q.LimitBytes) // packets, for netem
	}
	if q.DelayUs > 0 || q.JitterUs > 0 {
		s += " delay " + micros(q.DelayUs)
	}
	if q.JitterUs > 0 {
		s += " " + micros(q.JitterUs)
	}
	if q.LossPct > 0 {
		s += fmt.Sprintf(" loss %.4g%%", q.LossPct)
	}
	if q.CorruptPct > 0 {
		s += fmt.Sprintf(" corrupt %.4g%%", q.CorruptPct)
	}
	if q.RateBps > 0 {
		s += " rate " + Rate(q.RateBps)
	}
	if q.BurstBytes > 0 {
		s += fmt.Sprintf(" burst %db", q.BurstBytes)
	}
	if q.RateBps > 0 && q.LimitBytes > q.BurstBytes && q.Kind == "tbf" {
		s += " lat " + micros((q.LimitBytes-q.BurstBytes)*8*1000000/q.RateBps)
	}
	return s
}

// Rate writes bits a second as tc(8) does: 96Kbit.
func Rate(bps uint64) string {
	for _, u := range []struct {
		name string
		size uint64
	}{{"Gbit", 1e9}, {"Mbit", 1e6}, {"Kbit", 1e3}} {
		if bps >= u.size {
			return strconv.FormatFloat(float64(bps)/float64(u.size), 'g', 4, 64) + u.name
		}
	}
	return strconv.FormatUint(bps, 10) + "bit"
}

func micros(us uint64) string {
	if us < 1000 {
		return strconv.FormatUint(us, 10) + "us"
	}
	return strings.TrimSuffix(strconv.FormatFloat(float64(us)/1000, 'f', 1, 64), ".0") + "ms"
}

// Host returns the host's namespace, or nil.
func (n *Network) Host() *NetNS {
	for i := range n.Namespaces {
		if n.Namespaces[i].Host {
			return &n.Namespaces[i]
		}
	}
	return nil
}

// Namespace returns the namespace with that inode, or nil.
func (n *Network) Namespace(inode uint64) *NetNS {
	for i := range n.Namespaces {
		if inode != 0 && n.Namespaces[i].Inode == inode {
			return &n.Namespaces[i]
		}
	}
	return nil
}

// Link returns the interface of that name.
func (n *NetNS) Link(name string) (Link, bool) {
	for _, l := range n.Links {
		if l.Name == name {
			return l, true
		}
	}
	return Link{}, false
}
