package cri

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// ipamDir is where host-local keeps a folder for each network, unless the
// configuration names another one.
const ipamDir = "/var/lib/cni/networks"

// The bounds of what is read of it.
const (
	maxNetworks  = 50
	maxAddresses = 20000 // files of one network
	keptAddress  = 300
)

// readIPAM reads the state of host-local, of the networks that a configuration
// names and of those that it named once.
func readIPAM(e *source.Env, c *snapshot.CNI, known map[string]bool) {
	var nets []snapshot.IPAMNetwork
	for _, f := range c.Files {
		n, ok := ParseIPAM([]byte(f.Content))
		if !ok || f.Error != "" {
			continue
		}
		n.Config = f.Path
		if n.Dir == "" {
			n.Dir = ipamDir
		}
		n.Dir = path.Join(n.Dir, n.Name)
		if !slices.ContainsFunc(nets, func(x snapshot.IPAMNetwork) bool { return x.Dir == n.Dir }) {
			nets = append(nets, n)
		}
	}
	list, err := e.ReadDir(ipamDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.Gap(snapshot.SectionCNI, ipamDir, err)
	}
	for _, x := range list {
		dir := path.Join(ipamDir, x.Name())
		if x.IsDir() && !slices.ContainsFunc(nets, func(n snapshot.IPAMNetwork) bool { return n.Dir == dir }) {
			nets = append(nets, snapshot.IPAMNetwork{Name: x.Name(), Dir: dir})
		}
	}
	if len(nets) > maxNetworks {
		e.Gap(snapshot.SectionCNI, ipamDir, fmt.Errorf("more than %d networks", maxNetworks))
		nets = nets[:maxNetworks]
	}
	for i := range nets {
		readNetwork(e, &nets[i], known)
	}
	c.IPAM = nets
}

// readNetwork reads one network's folder: a file for each address, whose lines
// are the container and its interface.
func readNetwork(e *source.Env, n *snapshot.IPAMNetwork, known map[string]bool) {
	list, err := e.ReadDir(n.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.Gap(snapshot.SectionCNI, n.Dir, err)
	}
	if len(list) > maxAddresses {
		e.Gap(snapshot.SectionCNI, n.Dir, fmt.Errorf("more than %d files", maxAddresses))
		list = list[:maxAddresses]
	}
	var used []netip.Addr
	for _, x := range list {
		name := path.Join(n.Dir, x.Name())
		set, last := strings.CutPrefix(x.Name(), "last_reserved_ip.")
		ip, err := netip.ParseAddr(x.Name())
		switch {
		case x.Name() == "lock":
			n.Lock = true
		case last:
			if data, err := e.ReadFile(name); err == nil && len(data) < 100 {
				if n.Last == nil {
					n.Last = map[string]string{}
				}
				n.Last[set] = strings.TrimSpace(string(data))
			}
		case err != nil:
			if len(n.Others) < maxNetworks {
				n.Others = append(n.Others, x.Name())
			}
		default:
			used = append(used, ip)
			a := readAddress(e, name, known)
			a.IP, a.Outside = x.Name(), len(n.Ranges) > 0 && !slices.ContainsFunc(n.Ranges, func(r snapshot.IPAMRange) bool { return within(r, ip) })
			if a.Known == snapshot.No {
				n.Leaked++
			}
			n.Used++
			n.Addresses = append(n.Addresses, a)
		}
	}
	order.By(n.Addresses, func(a, b snapshot.IPAMAddress) int {
		return netip.MustParseAddr(a.IP).Compare(netip.MustParseAddr(b.IP))
	})
	n.Addresses = n.Addresses[:min(len(n.Addresses), keptAddress)]
	for i := range n.Ranges {
		left(&n.Ranges[i], used)
	}
}

// readAddress reads the file of one address.
func readAddress(e *source.Env, name string, known map[string]bool) snapshot.IPAMAddress {
	var a snapshot.IPAMAddress
	if i, err := e.Stat(name); err == nil {
		a.Modified = i.Modified
	}
	data, err := e.ReadFile(name)
	if err != nil || len(data) > 4096 {
		return a
	}
	a.Sum = fmt.Sprintf("%x", sha256.Sum256(data))
	id, ifname, _ := strings.Cut(strings.ToValidUTF8(string(data), "?"), "\n")
	a.Container, a.Interface = strings.TrimSpace(id), strings.TrimSpace(ifname)
	if known != nil {
		a.Known = snapshot.Answered(known[a.Container])
	}
	return a
}

// left counts what of a range is free.
func left(r *snapshot.IPAMRange, used []netip.Addr) {
	r.Free = r.Total
	for _, ip := range used {
		if within(*r, ip) && ip.String() != r.Gateway && r.Free > 0 {
			r.Free--
		}
	}
}

// within reports whether an address is of the range.
func within(r snapshot.IPAMRange, ip netip.Addr) bool {
	from, err1 := netip.ParseAddr(r.From)
	to, err2 := netip.ParseAddr(r.To)
	return err1 == nil && err2 == nil && from.Compare(ip) <= 0 && ip.Compare(to) <= 0
}

// A rangeConf is one range as host-local's configuration has it.
type rangeConf struct {
	Subnet  string `json:"subnet"`
	From    string `json:"rangeStart"`
	To      string `json:"rangeEnd"`
	Gateway string `json:"gateway"`
}

// An ipamConf is the ipam object of a plugin.
type ipamConf struct {
	Type    string        `json:"type"`
	DataDir string        `json:"dataDir"`
	Ranges  [][]rangeConf `json:"ranges"`
	rangeConf
}

// ParseIPAM reads the ranges of host-local out of a network configuration,
// list or single plugin. ok is false when it does not use host-local.
func ParseIPAM(data []byte) (n snapshot.IPAMNetwork, ok bool) {
	var x struct {
		Name    string   `json:"name"`
		IPAM    ipamConf `json:"ipam"`
		Plugins []struct {
			IPAM ipamConf `json:"ipam"`
		} `json:"plugins"`
	}
	if json.Unmarshal(data, &x) != nil || x.Name == "" || strings.ContainsAny(x.Name, "/\x00") {
		return n, false
	}
	all := []ipamConf{x.IPAM}
	for _, p := range x.Plugins {
		all = append(all, p.IPAM)
	}
	n.Name = x.Name
	for _, c := range all {
		if c.Type != "host-local" {
			continue
		}
		ok, n.Dir = true, c.DataDir
		sets := c.Ranges
		if c.Subnet != "" {
			sets = append([][]rangeConf{{c.rangeConf}}, sets...)
		}
		for i, set := range sets {
			for _, r := range set {
				if y, err := rangeOf(r); err == nil && len(n.Ranges) < maxNetworks {
					y.Set = i
					n.Ranges = append(n.Ranges, y)
				}
			}
		}
	}
	return n, ok
}

// rangeOf fills in what host-local takes where nothing is said: all of the
// subnet but its first address and, of IPv4, its last; the gateway is the
// first one that is left.
func rangeOf(r rangeConf) (snapshot.IPAMRange, error) {
	p, err := netip.ParsePrefix(r.Subnet)
	if err != nil {
		return snapshot.IPAMRange{}, err
	}
	p = p.Masked()
	x := snapshot.IPAMRange{Subnet: p.String(), From: p.Addr().Next().String(), To: lastOf(p).String(), Gateway: r.Gateway}
	if x.Gateway == "" {
		x.Gateway = x.From
	}
	if a, err := netip.ParseAddr(r.From); err == nil {
		x.From = a.String()
	}
	if a, err := netip.ParseAddr(r.To); err == nil {
		x.To = a.String()
	}
	x.Total = count(x)
	return x, nil
}

// lastOf is the last address of a subnet that may be given.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	last, _ := netip.AddrFromSlice(b)
	if last.Is4() && p.Bits() < 31 {
		return last.Prev()
	}
	return last
}

// count is how many addresses of a range may be given.
func count(r snapshot.IPAMRange) uint64 {
	from, err1 := netip.ParseAddr(r.From)
	to, err2 := netip.ParseAddr(r.To)
	if err1 != nil || err2 != nil || to.Compare(from) < 0 || from.Is4() != to.Is4() {
		return 0
	}
	n := new(big.Int).Sub(new(big.Int).SetBytes(to.AsSlice()), new(big.Int).SetBytes(from.AsSlice()))
	n.Add(n, big.NewInt(1))
	if gw, err := netip.ParseAddr(r.Gateway); err == nil && within(r, gw) {
		n.Sub(n, big.NewInt(1))
	}
	if !n.IsUint64() {
		return 1<<64 - 1
	}
	return n.Uint64()
}

// sandboxes are the pods that the runtime has, by its own account or, when it
// does not answer, by what it stored; nil when neither is known.
func sandboxes(s *snapshot.Snapshot) map[string]bool {
	out := map[string]bool{}
	if r := s.Runtime; r != nil && r.Reachable && r.Error == "" {
		for _, x := range r.Sandboxes {
			out[x.ID] = true
		}
		return out
	}
	if c := s.Containerd; c != nil && c.Error == "" {
		for _, n := range c.Namespaces {
			for _, x := range n.Containers {
				out[x.ID] = true
			}
		}
		return out
	}
	return nil
}
