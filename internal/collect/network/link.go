package network

import (
	"net"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

const (
	lowerUp = 0x10000 // IFF_LOWER_UP
	ifLen   = unix.SizeofIfInfomsg
	addrLen = unix.SizeofIfAddrmsg
)

// device is a link with what only pairing and naming need.
type device struct {
	snapshot.Link
	master, lower int
}

// readLinks lists the interfaces and their addresses.
func readLinks(c *rtnl.Conn) ([]snapshot.Link, []snapshot.Address, error) {
	var all []device
	err := c.Dump(unix.RTM_GETLINK, make([]byte, ifLen), func(m rtnl.Message) error {
		if d, ok := parseLink(m.Body); ok && m.Type == unix.RTM_NEWLINK {
			all = append(all, d)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	addrs := map[int][]snapshot.Address{}
	err = c.Dump(unix.RTM_GETADDR, make([]byte, addrLen), func(m rtnl.Message) error {
		if i, a, ok := parseAddr(m.Body); ok {
			addrs[i] = append(addrs[i], a)
		}
		return nil
	})
	links, list := named(all, addrs)
	return links, list, err
}

// named gives masters and lower interfaces their names and links their
// addresses.
func named(all []device, addrs map[int][]snapshot.Address) (links []snapshot.Link, list []snapshot.Address) {
	names := map[int]string{}
	for _, d := range all {
		names[d.Index] = d.Name
	}
	for _, d := range all {
		d.Master = names[d.master]
		if d.Data != nil || d.lower > 0 && d.Kind != "veth" {
			if lower := names[d.lower]; lower != "" && lower != d.Name {
				if d.Data == nil {
					d.Data = &snapshot.LinkData{}
				}
				d.Data.Lower = lower
			}
		}
		for _, a := range addrs[d.Index] {
			a.Link = d.Name
			d.Addresses = append(d.Addresses, a.Address)
			list = append(list, a)
		}
		links = append(links, d.Link)
	}
	return links, list
}

// parseLink reads an RTM_NEWLINK message.
func parseLink(body []byte) (device, bool) {
	if len(body) < ifLen {
		return device{}, false
	}
	a := rtnl.ParseAttrs(body, ifLen)
	flags := rtnl.Uint32(body, 8)
	d := device{master: int(a.Uint32(unix.IFLA_MASTER))}
	d.Link = snapshot.Link{
		Index:   int(int32(rtnl.Uint32(body, 4))),
		Name:    a.Text(unix.IFLA_IFNAME),
		Kind:    a.Nested(unix.IFLA_LINKINFO).Text(unix.IFLA_INFO_KIND),
		Up:      flags&unix.IFF_UP != 0,
		Carrier: flags&lowerUp != 0,
		MTU:     int(a.Uint32(unix.IFLA_MTU)),
	}
	if d.Kind == "" {
		d.Kind = "device"
	}
	if d.Kind == "veth" {
		d.Peer = int(a.Uint32(unix.IFLA_LINK))
	}
	if mac := a.Get(unix.IFLA_ADDRESS); len(mac) == 6 {
		d.MAC = net.HardwareAddr(mac).String()
	}
	// struct rtnl_link_stats64: rx and tx packets, bytes, errors, dropped.
	s := a.Get(unix.IFLA_STATS64)
	d.RxBytes, d.TxBytes = rtnl.Uint64(s, 16), rtnl.Uint64(s, 24)
	d.RxDropped, d.TxDropped = rtnl.Uint64(s, 48), rtnl.Uint64(s, 56)
	detailLink(&d, flags, a)
	return d, d.Name != ""
}

// pairPeers notes for each veth in which namespace its other end lies. Index
// numbers are of each namespace's own, so a pair is one whose two ends name
// each other.
func pairPeers(all []snapshot.NetNS) {
	from := len(all)
	if from > 64 {
		from = 1 // pods pair with the host; pods with pods is rare, and quadratic to look for
	}
	for i := range from {
		for j := i + 1; j < len(all); j++ {
			pair(&all[i], &all[j])
		}
	}
}

func pair(a, b *snapshot.NetNS) {
	byIndex := map[int]int{}
	for i, l := range a.Links {
		if l.Peer > 0 && l.PeerNS == 0 {
			byIndex[l.Index] = i
		}
	}
	for j, l := range b.Links {
		i, ok := byIndex[l.Peer]
		if !ok || l.PeerNS != 0 || a.Links[i].Peer != l.Index {
			continue
		}
		a.Links[i].PeerNS, b.Links[j].PeerNS = b.Inode, a.Inode
	}
}
