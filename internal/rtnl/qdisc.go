package rtnl

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Attributes of a qdisc message, from linux/rtnetlink.h and linux/gen_stats.h.
const (
	tcaKind                         = 1
	tcaOptions                      = 2
	tcaStats                        = 3
	tcaStats2                       = 7
	tcaIngressBlock, tcaEgressBlock = 13, 14
	statsBasic                      = 1
	statsQueue                      = 3
	statsPackets                    = 8

	// TcmLen is the length of struct tcmsg.
	TcmLen = 20

	rootParent    = 0xffffffff
	ingressParent = 0xfffffff1
)

// A Qdisc is a queueing discipline as the kernel tells it.
type Qdisc struct {
	Index  int    // of the interface
	Kind   string // tbf, netem ...
	Handle uint32
	Parent uint32
	Raw    []byte // TCA_OPTIONS
	Block  uint32 // of filters shared between interfaces; 0 for none

	Bytes, Packets, Drops, Overlimits, Backlog uint64
}

// ParseQdisc reads an RTM_NEWQDISC or RTM_NEWTCLASS message.
func ParseQdisc(body []byte) (Qdisc, bool) {
	if len(body) < TcmLen {
		return Qdisc{}, false
	}
	a := ParseAttrs(body, TcmLen)
	q := Qdisc{
		Index:  int(int32(Uint32(body, 4))),
		Handle: Uint32(body, 8),
		Parent: Uint32(body, 12),
		Kind:   a.Text(tcaKind),
		Raw:    append([]byte(nil), a.Get(tcaOptions)...),
	}
	if q.Block = a.Uint32(tcaIngressBlock); q.Block == 0 {
		q.Block = a.Uint32(tcaEgressBlock)
	}
	s := a.Nested(tcaStats2)
	basic, queue := s.Get(statsBasic), s.Get(statsQueue)
	q.Bytes, q.Packets = Uint64(basic, 0), uint64(Uint32(basic, 8))
	if n := s.Get(statsPackets); len(n) >= 8 {
		q.Packets = Uint64(n, 0)
	}
	q.Backlog = uint64(Uint32(queue, 4))
	q.Drops, q.Overlimits = uint64(Uint32(queue, 8)), uint64(Uint32(queue, 16))
	return q, q.Kind != ""
}

// Qdiscs lists the qdiscs of every interface of c's namespace.
func (c *Conn) Qdiscs() ([]Qdisc, error) {
	var out []Qdisc
	err := c.Dump(unix.RTM_GETQDISC, Tcm(0, 0, 0), func(m Message) error {
		if q, ok := ParseQdisc(m.Body); ok {
			out = append(out, q)
		}
		return nil
	})
	return out, err
}

// Tcm is a struct tcmsg.
func Tcm(index int, handle, parent uint32) []byte {
	b := make([]byte, TcmLen)
	put32(b[4:], uint32(index))
	put32(b[8:], handle)
	put32(b[12:], parent)
	return b
}

// SetQdisc makes q on its interface and removes what was at its parent.
func (c *Conn) SetQdisc(q Qdisc) error {
	body := AppendText(Tcm(q.Index, q.Handle, q.Parent), tcaKind, q.Kind)
	if len(q.Raw) > 0 {
		body = Append(body, tcaOptions, q.Raw)
	}
	return c.Do(Message{unix.RTM_NEWQDISC, unix.NLM_F_CREATE | unix.NLM_F_EXCL | unix.NLM_F_ACK, body})
}

// DeleteQdisc removes the qdisc at a parent of an interface.
func (c *Conn) DeleteQdisc(index int, handle, parent uint32) error {
	return c.Do(Message{unix.RTM_DELQDISC, unix.NLM_F_ACK, Tcm(index, handle, parent)})
}

// HandleText writes a handle as tc does: "8001:" or "1:2".
func HandleText(h uint32) string {
	if h&0xffff == 0 {
		return fmt.Sprintf("%x:", h>>16)
	}
	return fmt.Sprintf("%x:%x", h>>16, h&0xffff)
}

// ParentText writes a parent: root, ingress, or a handle.
func ParentText(h uint32) string {
	switch h {
	case rootParent:
		return "root"
	case ingressParent:
		return "ingress"
	}
	return HandleText(h)
}

// ParseHandle reads what HandleText and ParentText write.
func ParseHandle(s string) (uint32, error) {
	switch s {
	case "":
		return 0, nil
	case "root":
		return rootParent, nil
	case "ingress", "clsact":
		return ingressParent, nil
	}
	major, minor, ok := strings.Cut(s, ":")
	hi, err := strconv.ParseUint(major, 16, 16)
	if err == nil && minor != "" {
		var lo uint64
		lo, err = strconv.ParseUint(minor, 16, 16)
		hi = hi<<16 | lo
	} else {
		hi <<= 16
	}
	if err != nil || !ok || hi > math.MaxUint32 {
		return 0, fmt.Errorf("cannot read the qdisc handle %q: it is not of the form 1: or 1:2", s)
	}
	return uint32(hi), nil
}
