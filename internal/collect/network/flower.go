package network

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

// A flowerKey is one field that flower compares: its attribute in
// linux/pkt_cls.h and that of its mask.
type flowerKey struct {
	kind, mask uint16
	name       string
	text       func([]byte) string
}

var flowerKeys = []flowerKey{
	{2, 0, "indev", rtnl.CString}, {4, 5, "dst_mac", macText}, {6, 7, "src_mac", macText},
	{8, 0, "eth_type", func(b []byte) string { return etherType(big16(b)) }}, {9, 0, "ip_proto", func(b []byte) string { return protocolName(byteOf(b)) }},
	{10, 11, "src_ip", address}, {12, 13, "dst_ip", address}, {14, 15, "src_ip", address}, {16, 17, "dst_ip", address},
	{18, 35, "src_port", portText}, {19, 36, "dst_port", portText}, {20, 37, "src_port", portText}, {21, 38, "dst_port", portText},
	{23, 0, "vlan_id", portText}, {42, 41, "src_port", portText}, {43, 40, "dst_port", portText},
	{26, 0, "enc_key_id", func(b []byte) string { return fmt.Sprint(bigUint32(b)) }},
}

// parseFlower reads the options of flower.
func parseFlower(f *snapshot.TrafficFilter, o rtnl.Attrs, names map[int]string) {
	const class, act, flags = 1, 3, 22
	f.Class, f.Actions = classText(o.Uint32(class)), parseActions(o.Nested(act), nil, names)
	known := map[uint16]bool{class: true, act: true, flags: true}
	for _, k := range flowerKeys {
		known[k.kind], known[k.mask] = true, true
		b := o.Get(k.kind)
		if len(b) == 0 {
			continue
		}
		text := k.name + " " + k.text(b)
		if m := o.Get(k.mask); k.mask != 0 && len(m) == len(b) && !allOnes(m) {
			text += maskSuffix(m)
		}
		f.Match = append(f.Match, text)
	}
	for _, x := range o {
		if !known[x.Type] && !zero(x.Data) {
			f.Undecoded += len(x.Data)
		}
	}
}

func portText(b []byte) string { return number(uint32(big16(b))) }

func macText(b []byte) string { return net.HardwareAddr(b).String() }

func bigUint32(b []byte) uint32 { return uint32(big16(b))<<16 | uint32(big16(b[min(2, len(b)):])) }

// maskSuffix writes a mask as a length, when it is one of an address.
func maskSuffix(m []byte) string {
	if ip, ok := netip.AddrFromSlice(m); ok {
		if ones, _ := net.IPMask(ip.AsSlice()).Size(); ones > 0 {
			return fmt.Sprintf("/%d", ones)
		}
	}
	return fmt.Sprintf("/%x", m)
}

func allOnes(b []byte) bool {
	for _, x := range b {
		if x != 0xff {
			return false
		}
	}
	return true
}

func zero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
