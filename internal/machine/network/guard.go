package network

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sort"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/op"
)

// A guard is a table of family inet. The ports it guards are a set whose
// elements time out, so that it is the kernel that lifts a guard which nobody
// confirmed; the addresses let through are a set for each port and family:
//
//	table inet NAME {
//		set guarded { type inet_service; flags timeout; elements = { 2379 timeout 60s } }
//		set v4-2379 { type ipv4_addr; elements = { 10.0.0.1 } }
//		set v6-2379 { type ipv6_addr; }
//		chain input {
//			type filter hook input priority -10; policy accept;
//			iif lo accept
//			tcp dport 2379 tcp dport @guarded ip saddr != @v4-2379 counter drop
//			tcp dport 2379 tcp dport @guarded ip6 saddr != @v6-2379 counter drop
//		}
//	}
const (
	guardedSet = "guarded"
	chainName  = "input"
	before     = -10 // the priority of filter is 0
	loopback   = 1   // its index in every network namespace
)

// nft opens a connection in the host's namespace and gives it to f.
func (n *Network) nft(f func(c *nftables.Conn) error) error {
	ns, err := hostFD(n.host)
	if err != nil {
		return err
	}
	defer ns.Close()
	c, err := nftables.New(nftables.WithNetNSFd(int(ns.Fd())))
	if err != nil {
		return fmt.Errorf("cannot speak with nftables: %w", err)
	}
	return f(c)
}

// table returns the guard's table, or nil when there is none.
func table(c *nftables.Conn, name string) (*nftables.Table, error) {
	all, err := c.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return nil, fmt.Errorf("cannot list the nftables tables: %w", err)
	}
	for _, t := range all {
		if t.Name == name {
			return t, nil
		}
	}
	return nil, nil
}

// WriteGuard makes the guard in one transaction, in the place of one with the
// same name.
func (n *Network) WriteGuard(g op.Guard) error {
	return n.nft(func(c *nftables.Conn) error {
		t := &nftables.Table{Family: nftables.TableFamilyINet, Name: g.Name}
		c.AddTable(t)
		c.DelTable(t)
		c.AddTable(t)
		if err := fill(c, t, g); err != nil {
			return err
		}
		if err := c.Flush(); err != nil {
			return fmt.Errorf("cannot write the guard %s: %w", g.Name, err)
		}
		return nil
	})
}

func fill(c *nftables.Conn, t *nftables.Table, g op.Guard) error {
	accept := nftables.ChainPolicyAccept
	chain := c.AddChain(&nftables.Chain{
		Name: chainName, Table: t, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput,
		Priority: nftables.ChainPriorityRef(before), Policy: &accept,
	})
	guarded := &nftables.Set{Table: t, Name: guardedSet, KeyType: nftables.TypeInetService, HasTimeout: true, KeyByteOrder: binaryutil.BigEndian}
	var ports []nftables.SetElement
	for _, p := range g.Ports {
		ports = append(ports, nftables.SetElement{Key: portKey(p.Port), Timeout: g.Expires})
	}
	if err := c.AddSet(guarded, ports); err != nil {
		return fmt.Errorf("cannot write the guard %s: %w", g.Name, err)
	}
	c.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIF, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(loopback)},
		&expr.Verdict{Kind: expr.VerdictAccept},
	}})
	for _, p := range g.Ports {
		for _, family := range []byte{unix.NFPROTO_IPV4, unix.NFPROTO_IPV6} {
			if err := allow(c, t, chain, guarded, p, family); err != nil {
				return fmt.Errorf("cannot write the guard %s: %w", g.Name, err)
			}
		}
	}
	return nil
}

// allow adds the set of the addresses of one family that may reach a port,
// and the rule that drops the others.
func allow(c *nftables.Conn, t *nftables.Table, chain *nftables.Chain, guarded *nftables.Set, p op.GuardPort, family byte) error {
	key, offset, size, prefix := nftables.TypeIPAddr, uint32(12), uint32(4), "v4-"
	if family == unix.NFPROTO_IPV6 {
		key, offset, size, prefix = nftables.TypeIP6Addr, 8, 16, "v6-"
	}
	set := &nftables.Set{Table: t, Name: prefix + strconv.Itoa(p.Port), KeyType: key}
	var list []nftables.SetElement
	for _, a := range p.Allow {
		ip, err := netip.ParseAddr(a)
		if err != nil {
			return fmt.Errorf("%q is no address", a)
		}
		if ip = ip.Unmap(); ip.Is4() == (family == unix.NFPROTO_IPV4) {
			list = append(list, nftables.SetElement{Key: ip.AsSlice()})
		}
	}
	if err := c.AddSet(set, list); err != nil {
		return err
	}
	c.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{family}},
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: portKey(p.Port)},
		&expr.Lookup{SourceRegister: 1, SetName: guarded.Name, SetID: guarded.ID},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: size},
		&expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID, Invert: true},
		&expr.Counter{},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})
	return nil
}

func portKey(p int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(p)) }

// ReadGuard returns the guard that is in force: ports in rising order, the
// addresses of each sorted, Expires the time that the kernel was given. A
// guard whose time has run out has no ports.
func (n *Network) ReadGuard(name string) (g op.Guard, ok bool, err error) {
	g.Name = name
	err = n.nft(func(c *nftables.Conn) error {
		t, err := table(c, name)
		if err != nil || t == nil {
			return err
		}
		ok = true
		return readPorts(c, t, &g)
	})
	if err != nil {
		return op.Guard{}, false, fmt.Errorf("cannot read the guard %s: %w", name, err)
	}
	return g, ok, nil
}

func readPorts(c *nftables.Conn, t *nftables.Table, g *op.Guard) error {
	ports, err := elements(c, t, guardedSet)
	if err != nil {
		return err
	}
	sort.Slice(ports, func(i, j int) bool { return bytes.Compare(ports[i].Key, ports[j].Key) < 0 })
	for _, e := range ports {
		if len(e.Key) < 2 {
			continue
		}
		p := op.GuardPort{Port: int(binary.BigEndian.Uint16(e.Key))}
		for _, prefix := range []string{"v4-", "v6-"} {
			list, err := elements(c, t, prefix+strconv.Itoa(p.Port))
			if err != nil {
				return err
			}
			for _, a := range list {
				if ip, ok := netip.AddrFromSlice(a.Key); ok {
					p.Allow = append(p.Allow, ip.String())
				}
			}
		}
		sort.Strings(p.Allow)
		g.Ports = append(g.Ports, p)
		g.Expires = e.Timeout
	}
	return nil
}

func elements(c *nftables.Conn, t *nftables.Table, name string) ([]nftables.SetElement, error) {
	sets, err := c.GetSets(t)
	if err != nil {
		return nil, err
	}
	for _, s := range sets {
		if strings.TrimRight(s.Name, "\x00") == name {
			return c.GetSetElements(s)
		}
	}
	return nil, nil
}

// RemoveGuard removes the guard; none of that name is no error.
func (n *Network) RemoveGuard(name string) error {
	return n.nft(func(c *nftables.Conn) error {
		t, err := table(c, name)
		if err != nil || t == nil {
			return err
		}
		c.DelTable(t)
		if err := c.Flush(); err != nil {
			return fmt.Errorf("cannot remove the guard %s: %w", name, err)
		}
		return nil
	})
}
