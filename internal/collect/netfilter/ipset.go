package netfilter

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

// From linux/netfilter/ipset/ip_set.h.
const (
	listIPSets = unix.NFNL_SUBSYS_IPSET<<8 | 7 // IPSET_CMD_LIST

	ipsetProtocol, ipsetName, ipsetType, ipsetFamily, ipsetFlags, ipsetData, ipsetADT, ipsetIndex = 1, 2, 3, 5, 6, 7, 8, 11
	ipsetIP, ipsetCIDR, ipsetPort, ipsetTimeout, ipsetProto                                       = 1, 3, 4, 6, 7
	ipsetMax, ipsetCount, ipsetRefs                                                               = 19, 24, 25

	headersOnly = 4 // IPSET_FLAG_LIST_HEADER
	maxIPSets   = 256
)

// ReadIPSets adds the sets of the namespace that c is in. It must be asked
// only where the kernel has ip_set already.
func (r *Ruleset) ReadIPSets(c *rtnl.Conn) error {
	r.ipsets = map[uint16]string{}
	request := func(version byte, more []byte) []byte {
		return append(rtnl.Append(make([]byte, headLen), ipsetProtocol, []byte{version}), more...)
	}
	headers := rtnl.AppendBig32(nil, ipsetFlags|0x4000, headersOnly)
	version := byte(7)
	take := func(m rtnl.Message) error {
		if s, index, ok := parseIPSet(m.Body); ok && len(r.list) < maxIPSets {
			r.list, r.ipsets[index] = append(r.list, s), s.Name
		}
		return nil
	}
	err := c.Dump(listIPSets, request(version, headers), take)
	if errors.Is(err, unix.Errno(4097)) { // IPSET_ERR_PROTOCOL: before Linux 4.20, which tells no numbers either
		version = 6
		err = c.Dump(listIPSets, request(version, headers), take)
	}
	if err != nil {
		return fmt.Errorf("cannot list the ipsets: %w", err)
	}
	for i := range r.list {
		if r.list[i].Count == 0 || r.list[i].Count > 4*maxElementsShown {
			continue
		}
		err := c.Dump(listIPSets, request(version, rtnl.AppendText(nil, ipsetName, r.list[i].Name)), func(m rtnl.Message) error {
			r.list[i].Elements = append(r.list[i].Elements, parseMembers(m.Body, maxElementsShown-len(r.list[i].Elements))...)
			return nil
		})
		if err != nil {
			return fmt.Errorf("cannot list the ipset %q: %w", r.list[i].Name, err)
		}
	}
	return nil
}

// parseIPSet reads the header of a set.
func parseIPSet(body []byte) (s snapshot.IPSet, index uint16, ok bool) {
	a := rtnl.ParseAttrs(body, headLen)
	d := a.Nested(ipsetData)
	s = snapshot.IPSet{Name: a.Text(ipsetName), Type: a.Text(ipsetType), Count: int(d.BigUint32(ipsetCount)), Max: int(d.BigUint32(ipsetMax)), References: int(d.BigUint32(ipsetRefs)), Timeout: int(d.BigUint32(ipsetTimeout))}
	switch byteAt(a.Get(ipsetFamily)) {
	case unix.NFPROTO_IPV4:
		s.Family = "inet"
	case unix.NFPROTO_IPV6:
		s.Family = "inet6"
	}
	if b := a.Get(ipsetIndex); len(b) >= 2 {
		index = binary.BigEndian.Uint16(b)
	}
	return s, index, s.Name != "" && s.Type != ""
}

// parseMembers reads elements as far as they are addresses, lengths and ports.
func parseMembers(body []byte, most int) []string {
	var out []string
	for _, x := range rtnl.ParseAttrs(body, headLen).Nested(ipsetADT) {
		if len(out) >= most {
			break
		}
		a := rtnl.ParseAttrs(x.Data, 0)
		ip := a.Nested(ipsetIP)
		text := ""
		if b := first(ip.Get(1), ip.Get(2)); len(b) > 0 {
			text = addrText(b)
		}
		if c := a.Get(ipsetCIDR); len(c) == 1 {
			text += fmt.Sprintf("/%d", c[0])
		}
		if p := a.Get(ipsetPort); len(p) == 2 {
			if text != "" {
				text += ","
			}
			if proto := byteAt(a.Get(ipsetProto)); proto != 0 {
				text += protoText(proto) + ":"
			}
			text += fmt.Sprint(binary.BigEndian.Uint16(p))
		}
		if text != "" {
			out = append(out, text)
		}
	}
	return out
}

func first(a, b []byte) []byte {
	if len(a) > 0 {
		return a
	}
	return b
}
