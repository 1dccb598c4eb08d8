package network

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

// userHz is the unit of a bridge's times: clock_t, a hundredth of a second.
const userHz = 100

// Attributes of linux/if_link.h that the unix package lacks.
const (
	infoData, infoSlaveKind, infoSlaveData = 2, 4, 5

	xdpAttached, xdpProg = 2, 4

	vxlanID, vxlanGroup, vxlanLink, vxlanLocal, vxlanLearning = 1, 2, 3, 4, 7
	vxlanPort, vxlanGroup6, vxlanLocal6                       = 15, 16, 17

	brForwardDelay, brAgeing, brSTP, brVLANFiltering = 1, 4, 5, 7
	brSnooping, brIPTables, brDefaultPVID            = 23, 36, 39

	portState, portCost, portHairpin, portLearning, portFlood, portIsolated = 1, 3, 4, 8, 9, 33
)

// linkFlags are the flags of linux/if.h in the order of their bits, with the
// names that ip(8) gives them.
var linkFlags = []string{"UP", "BROADCAST", "DEBUG", "LOOPBACK", "POINTOPOINT", "NOTRAILERS", "", "NOARP", "PROMISC",
	"ALLMULTI", "MASTER", "SLAVE", "MULTICAST", "PORTSEL", "AUTOMEDIA", "DYNAMIC", "LOWER_UP", "DORMANT", "ECHO"}

// linkStates are the operational states of RFC 2863.
var linkStates = []string{"unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"}

// flagNames are the names of the bits that are set.
func flagNames(flags uint32, names []string) []string {
	var out []string
	for i, name := range names {
		if name != "" && flags>>i&1 == 1 {
			out = append(out, name)
		}
	}
	return out
}

// detailLink adds what an RTM_NEWLINK message says beyond the essentials.
func detailLink(d *device, flags uint32, a rtnl.Attrs) {
	d.Flags = flagNames(flags, linkFlags)
	if s := byteOf(a.Get(unix.IFLA_OPERSTATE)); int(s) < len(linkStates) {
		d.State = linkStates[s]
	}
	d.Promisc, d.Queue = int(a.Uint32(unix.IFLA_PROMISCUITY)), int(a.Uint32(unix.IFLA_TXQLEN))
	d.Group, d.CarrierChanges = int(a.Uint32(unix.IFLA_GROUP)), a.Uint32(unix.IFLA_CARRIER_CHANGES)
	for _, x := range a.Nested(unix.IFLA_PROP_LIST) {
		if x.Type == unix.IFLA_ALT_IFNAME {
			d.AltNames = append(d.AltNames, rtnl.CString(x.Data))
		}
	}
	s := a.Get(unix.IFLA_STATS64)
	d.RxPackets, d.TxPackets = rtnl.Uint64(s, 0), rtnl.Uint64(s, 8)
	d.RxErrors, d.TxErrors = rtnl.Uint64(s, 32), rtnl.Uint64(s, 40)
	d.XDP = parseXDP(a.Nested(unix.IFLA_XDP))
	if a.Get(unix.IFLA_LINK_NETNSID) == nil {
		d.lower = int(a.Uint32(unix.IFLA_LINK))
	}
	info := a.Nested(unix.IFLA_LINKINFO)
	if d.Kind == "vxlan" {
		d.lower = int(info.Nested(infoData).Uint32(vxlanLink))
	}
	var data snapshot.LinkData
	parseKind(&data, d.Kind, info.Nested(infoData))
	if info.Text(infoSlaveKind) == "bridge" {
		data.Port = parsePort(info.Nested(infoSlaveData))
	}
	if data != (snapshot.LinkData{}) {
		d.Data = &data
	}
}

// parseXDP reads IFLA_XDP.
func parseXDP(a rtnl.Attrs) *snapshot.XDP {
	mode := byteOf(a.Get(xdpAttached))
	names := []string{"", "driver", "generic", "offload", "several"}
	if mode == 0 || int(mode) >= len(names) {
		return nil
	}
	x := &snapshot.XDP{Mode: names[mode]}
	for kind := uint16(xdpProg); kind < xdpProg+4; kind++ {
		if id := a.Uint32(kind); id != 0 && (len(x.Programs) == 0 || x.Programs[0] != id) {
			x.Programs = append(x.Programs, id)
		}
	}
	return x
}

// parseKind reads IFLA_INFO_DATA of a kind of interface.
func parseKind(d *snapshot.LinkData, kind string, a rtnl.Attrs) {
	switch kind {
	case "vxlan":
		d.VNI, d.UDPPort = a.Uint32(vxlanID), int(big16(a.Get(vxlanPort)))
		d.Local, d.Remote = address(first(a.Get(vxlanLocal), a.Get(vxlanLocal6))), address(first(a.Get(vxlanGroup), a.Get(vxlanGroup6)))
		d.Learning = byteOf(a.Get(vxlanLearning)) == 1
	case "geneve":
		d.VNI, d.UDPPort = a.Uint32(1), int(big16(a.Get(5)))
		d.Remote = address(first(a.Get(2), a.Get(7)))
	case "bridge":
		d.Bridge = parseBridge(a)
	case "vlan":
		d.VLAN = int(native16(a.Get(1)))
	case "macvlan", "macvtap":
		d.Mode = map[uint32]string{1: "private", 2: "vepa", 4: "bridge", 8: "passthru", 16: "source"}[a.Uint32(1)]
	case "ipvlan":
		d.Mode = map[uint16]string{0: "l2", 1: "l3", 2: "l3s"}[native16(a.Get(1))]
	case "bond":
		modes := []string{"balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"}
		if m := byteOf(a.Get(1)); int(m) < len(modes) {
			d.Mode = modes[m]
		}
	case "vrf":
		d.VRFTable = a.Uint32(1)
	case "ipip", "sit", "ip6tnl":
		d.Local, d.Remote = anyAddress(a.Get(2)), anyAddress(a.Get(3))
	case "gre", "gretap", "ip6gre", "ip6gretap":
		d.Local, d.Remote = anyAddress(a.Get(6)), anyAddress(a.Get(7))
	}
}

func parseBridge(a rtnl.Attrs) *snapshot.BridgeData {
	if len(a) == 0 {
		return nil
	}
	return &snapshot.BridgeData{
		STP: a.Uint32(brSTP) != 0, VLANFiltering: byteOf(a.Get(brVLANFiltering)) != 0,
		ForwardDelay: float64(a.Uint32(brForwardDelay)) / userHz, Ageing: float64(a.Uint32(brAgeing)) / userHz,
		Snooping: byteOf(a.Get(brSnooping)) != 0, IPTables: byteOf(a.Get(brIPTables)) != 0, DefaultPVID: int(native16(a.Get(brDefaultPVID))),
	}
}

func parsePort(a rtnl.Attrs) *snapshot.BridgePort {
	states := []string{"disabled", "listening", "learning", "forwarding", "blocking"}
	p := &snapshot.BridgePort{Cost: a.Uint32(portCost), Hairpin: byteOf(a.Get(portHairpin)) != 0, Isolated: byteOf(a.Get(portIsolated)) != 0}
	if s := byteOf(a.Get(portState)); int(s) < len(states) {
		p.State = states[s]
	}
	p.NoLearn = len(a.Get(portLearning)) > 0 && byteOf(a.Get(portLearning)) == 0
	p.NoFlood = len(a.Get(portFlood)) > 0 && byteOf(a.Get(portFlood)) == 0
	return p
}

// anyAddress is an address, empty for the unspecified one.
func anyAddress(b []byte) string {
	if ip, ok := netip.AddrFromSlice(b); ok && !ip.IsUnspecified() {
		return ip.String()
	}
	return ""
}

func byteOf(b []byte) byte {
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

func native16(b []byte) uint16 {
	if len(b) < 2 {
		return 0
	}
	return binary.NativeEndian.Uint16(b)
}

func big16(b []byte) uint16 {
	if len(b) < 2 {
		return 0
	}
	return binary.BigEndian.Uint16(b)
}
