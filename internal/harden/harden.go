// Package harden plans how to close what need not be open, from snapshots
// alone, and proves that it is closed.
package harden

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

const (
	// GuardName is the nftables table of the guard.
	GuardName = "klustered-etcd"
	// Grace is how long the guard holds unless it is confirmed.
	Grace = 60 * time.Second

	rulesPath = "/etc/klustered/etcd-access.nft"
	unitName  = "klustered-etcd-access.service"
	unitPath  = "/etc/systemd/system/" + unitName
	wantsPath = "/etc/systemd/system/multi-user.target.wants/" + unitName
)

// A NodePlan is what is done on one node that runs an etcd member.
type NodePlan struct {
	Node string
	// Try sets the guard for Grace: the kernel forgets it if nobody confirms.
	Try op.Plan
	// Confirm sets the guard for good and makes it last across a reboot.
	Confirm op.Plan
	// Notes are what a person should know of this node.
	Notes []string
}

// EtcdAccess plans, for every node with an etcd member in the snapshots, that
// only members reach the peer port and only API servers, members and the node
// itself the client port. Snapshots of one cluster are given together.
func EtcdAccess(nodes []*snapshot.Snapshot) ([]NodePlan, error) {
	a, err := access(nodes)
	if err != nil {
		return nil, err
	}
	var out []NodePlan
	for _, s := range nodes {
		if s.Etcd == nil || !s.Etcd.Running {
			continue
		}
		p, err := a.plan(s)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	if len(out) == 0 {
		return nil, errors.New("cannot guard etcd: no node of those seen runs a member")
	}
	return out, nil
}

// An allowance is which ports of etcd whom it is to serve.
type allowance struct {
	peerPorts, clientPorts []int
	members, servers       []string // addresses, sorted
}

// access reads who needs etcd from the member list and the Node objects.
func access(nodes []*snapshot.Snapshot) (allowance, error) {
	var a allowance
	var cluster *snapshot.Cluster
	for _, s := range nodes {
		if cluster == nil || s.Cluster != nil && len(s.Cluster.Nodes) > len(cluster.Nodes) {
			cluster = s.Cluster
		}
		if s.Etcd == nil {
			continue
		}
		for _, m := range s.Etcd.Members {
			peers, err := a.addURLs(m.PeerURLs, &a.peerPorts)
			if err != nil {
				return a, fmt.Errorf("cannot guard etcd: member %s: %w", m.Name, err)
			}
			clients, err := a.addURLs(m.ClientURLs, &a.clientPorts)
			if err != nil {
				return a, fmt.Errorf("cannot guard etcd: member %s: %w", m.Name, err)
			}
			a.members = append(append(a.members, peers...), clients...)
		}
	}
	if len(a.members) == 0 {
		return a, errors.New("cannot guard etcd: its list of members was not seen")
	}
	if cluster == nil || len(cluster.Nodes) == 0 {
		return a, errors.New("cannot guard etcd: the Node objects were not seen, so the API servers are not known")
	}
	a.servers = append(a.servers, a.members...)
	for _, n := range cluster.Nodes {
		ips := addresses(n.Addresses)
		if n.ControlPlane {
			a.servers = append(a.servers, ips...)
		}
		if slices.ContainsFunc(ips, func(ip string) bool { return slices.Contains(a.members, ip) }) {
			a.members = append(a.members, ips...) // its other family
		}
	}
	a.members, a.servers = tidy(a.members), tidy(a.servers)
	return a, nil
}

// addURLs notes the ports of URLs and returns their addresses. Loopback is no
// address that others come from.
func (a *allowance) addURLs(urls []string, ports *[]int) ([]string, error) {
	var out []string
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%q is no URL", text)
		}
		ip, err := netip.ParseAddr(u.Hostname())
		if err != nil {
			return nil, fmt.Errorf("%q names no address: a guard needs addresses", text)
		}
		port, err := strconv.Atoi(u.Port())
		if err != nil {
			return nil, fmt.Errorf("%q names no port", text)
		}
		if !slices.Contains(*ports, port) {
			*ports = append(*ports, port)
		}
		if !ip.IsLoopback() && !ip.IsUnspecified() {
			out = append(out, ip.Unmap().String())
		}
	}
	return out, nil
}

func addresses(list []string) []string {
	var out []string
	for _, x := range list {
		if ip, err := netip.ParseAddr(x); err == nil {
			out = append(out, ip.Unmap().String())
		}
	}
	return out
}

func tidy(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// guard is the guard of a node with a member, without an end.
func (a allowance) guard() op.Guard {
	g := op.Guard{Name: GuardName}
	for _, p := range a.clientPorts {
		g.Ports = append(g.Ports, op.GuardPort{Port: p, Allow: a.servers})
	}
	for _, p := range a.peerPorts {
		if !slices.Contains(a.clientPorts, p) {
			g.Ports = append(g.Ports, op.GuardPort{Port: p, Allow: a.members})
		}
	}
	order.By(g.Ports, func(x, y op.GuardPort) int { return x.Port - y.Port })
	return g
}

func (a allowance) plan(s *snapshot.Snapshot) (NodePlan, error) {
	final := a.guard()
	trial := final
	trial.Expires = Grace
	p := NodePlan{Node: s.Node, Try: op.Plan{op.GuardPorts{Guard: trial}}, Confirm: op.Plan{op.GuardPorts{Guard: final}}}
	nft, known := program(s, "nft")
	if known && nft == "" {
		p.Notes = append(p.Notes, "the node has no nft program: the guard holds until the next reboot only")
		return p, nil
	}
	lasting := op.Plan{op.ReloadUnits{}}
	for _, f := range []op.WriteFile{
		{Path: rulesPath, Data: rules(final), Mode: 0o644, Why: "the guard, as nft reads it"},
		{Path: unitPath, Data: unit(nft), Mode: 0o644, Why: "load the guard at boot"},
		{Path: wantsPath, Link: unitPath, Mode: fs.FileMode(0o777), Why: "enable it"},
	} {
		was, found := earlier(s, f.Path)
		f.Pin = was
		if found && was == (op.File{Data: f.Data, Link: f.Link}).Sum() {
			continue
		}
		lasting = append(lasting, f)
	}
	p.Confirm = append(p.Confirm, append(lasting, op.ReloadUnits{})...)
	return p, nil
}

// program returns where the node has a program; known is false when nobody
// looked.
func program(s *snapshot.Snapshot, name string) (path string, known bool) {
	if s.Trust == nil {
		return "", false
	}
	for _, t := range s.Trust.Tools {
		if t.Name != name {
			continue
		}
		if len(t.Hits) > 0 {
			return t.Hits[0].Path, true
		}
		return "", true
	}
	return "", false
}

// earlier returns the sum of a file that an earlier guard left, as what runs by
// itself tells it.
func earlier(s *snapshot.Snapshot, path string) (sum string, found bool) {
	if s.Persistence == nil {
		return "", false
	}
	for _, e := range s.Persistence.Entries {
		for _, t := range append(slices.Clone(e.Files), e.Scripts...) {
			if t.Path != path {
				continue
			}
			if t.Link != "" {
				return op.File{Link: t.Link}.Sum(), true
			}
			return t.SHA256, true
		}
	}
	return "", false
}
