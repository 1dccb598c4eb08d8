package network

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

// From linux/genetlink.h and linux/ip_vs.h.
const (
	genlLen                    = 4 // struct genlmsghdr
	ctrlID, ctrlGetFamily      = 0x10, 3
	ctrlFamilyID, ctrlFamily   = 1, 2
	ipvsGetService, ipvsGetDst = 4, 8
	ipvsService, ipvsDest      = 1, 2

	svcAF, svcProtocol, svcAddr, svcPort, svcMark, svcSched, svcTimeout, svcStats, svcStats64 = 1, 2, 3, 4, 5, 6, 8, 10, 12
	dstAddr, dstPort, dstMethod, dstWeight, dstActive, dstInactive, dstAF                     = 1, 2, 3, 4, 7, 8, 11

	maxVirtual = 1000
	maxReal    = 100 // of one service
)

// readIPVS lists the virtual servers of the calling thread's network
// namespace. All families are listed to find IPVS's: asking for one by its
// name would load its module.
func readIPVS() ([]snapshot.IPVSService, error) {
	c, err := rtnl.Dial(unix.NETLINK_GENERIC)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	family := uint16(0)
	err = c.Dump(ctrlID, genl(ctrlGetFamily, nil), func(m rtnl.Message) error {
		if a := rtnl.ParseAttrs(m.Body, genlLen); a.Text(ctrlFamily) == "IPVS" {
			family = native16(a.Get(ctrlFamilyID))
		}
		return nil
	})
	if err != nil || family == 0 {
		return nil, err
	}
	var out []snapshot.IPVSService
	var keys [][]byte
	err = c.Dump(family, genl(ipvsGetService, nil), func(m rtnl.Message) error {
		if s, key, ok := parseVirtual(m.Body); ok && len(out) < maxVirtual {
			out, keys = append(out, s), append(keys, key)
		}
		return nil
	})
	for i := range out {
		if err != nil {
			break
		}
		err = c.Dump(family, genl(ipvsGetDst, rtnl.AppendNested(nil, ipvsService, keys[i])), func(m rtnl.Message) error {
			if d, ok := parseReal(m.Body); ok && len(out[i].Servers) < maxReal {
				out[i].Servers = append(out[i].Servers, d)
			}
			return nil
		})
	}
	if err != nil {
		err = fmt.Errorf("cannot list the servers of IPVS: %w", err)
	}
	return out, err
}

func genl(command byte, attrs []byte) []byte { return append([]byte{command, 1, 0, 0}, attrs...) }

// parseVirtual reads a virtual server, and the attributes that name it in a
// request.
func parseVirtual(body []byte) (s snapshot.IPVSService, key []byte, ok bool) {
	a := rtnl.ParseAttrs(body, genlLen).Nested(ipvsService)
	s = snapshot.IPVSService{Scheduler: a.Text(svcSched), Timeout: a.Uint32(svcTimeout), Mark: a.Uint32(svcMark)}
	for _, kind := range []uint16{svcAF, svcProtocol, svcAddr, svcPort, svcMark} {
		if b := a.Get(kind); len(b) > 0 {
			key = rtnl.Append(key, kind, b)
		}
	}
	if s.Mark == 0 {
		s.Protocol = protocolName(byte(native16(a.Get(svcProtocol))))
		s.Address = ipvsAddress(native16(a.Get(svcAF)), a.Get(svcAddr), a.Get(svcPort))
	}
	if n := a.Nested(svcStats64).Get(1); len(n) >= 8 {
		s.Conns = rtnl.Uint64(n, 0)
	} else {
		s.Conns = uint64(a.Nested(svcStats).Uint32(1))
	}
	return s, key, s.Scheduler != ""
}

// parseReal reads a server behind a virtual one.
func parseReal(body []byte) (d snapshot.IPVSReal, ok bool) {
	a := rtnl.ParseAttrs(body, genlLen).Nested(ipvsDest)
	methods := []string{"masq", "local", "tunnel", "route", "bypass"}
	if m := a.Uint32(dstMethod) & 7; int(m) < len(methods) {
		d.Method = methods[m]
	}
	d.Weight, d.Active, d.Inactive = int(int32(a.Uint32(dstWeight))), a.Uint32(dstActive), a.Uint32(dstInactive)
	d.Address = ipvsAddress(native16(a.Get(dstAF)), a.Get(dstAddr), a.Get(dstPort))
	return d, d.Address != ""
}

// ipvsAddress writes a union nf_inet_addr of that family and a port.
func ipvsAddress(family uint16, b, port []byte) string {
	if family != unix.AF_INET6 && len(b) >= 4 {
		b = b[:4]
	}
	a, ok := netip.AddrFromSlice(b)
	if !ok || len(port) < 2 {
		return ""
	}
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(port)).String()
}
