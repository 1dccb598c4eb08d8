package harden

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/klustered/klustered/snapshot"
)

// A Proof is a connection to a port of etcd that must, or must not, come about.
type Proof struct {
	Node string `json:"node"`          // where it is made from
	Who  string `json:"who"`           // member, api-server, itself, stranger
	Pod  string `json:"pod,omitempty"` // namespace/name, when it is made from within a pod
	Path string `json:"path,omitempty"`
	To   string `json:"to"` // address:port
	Open bool   `json:"open"`
}

func (p Proof) String() string {
	from := p.Node
	if p.Pod != "" {
		from = "pod " + p.Pod + " on " + p.Node
	}
	verb := "does not reach"
	if p.Open {
		verb = "reaches"
	}
	return fmt.Sprintf("%s (%s) %s %s", from, p.Who, verb, p.To)
}

// Proofs lists, for the guards that EtcdAccess plans, what proves them from
// the nodes seen: members and API servers still come in, the node itself does,
// and strangers do not. A pod stands for a stranger on its own node.
func Proofs(nodes []*snapshot.Snapshot) ([]Proof, error) {
	a, err := access(nodes)
	if err != nil {
		return nil, err
	}
	var out []Proof
	for _, target := range nodes {
		if target.Etcd == nil || !target.Etcd.Running {
			continue
		}
		own := a.own(target)
		for _, from := range nodes {
			out = append(out, a.from(from, target.Node, own)...)
		}
	}
	return out, nil
}

// own are the addresses of members that are this node's.
func (a allowance) own(s *snapshot.Snapshot) []netip.Addr {
	var out []netip.Addr
	for _, ip := range hostAddresses(s) {
		if slices.Contains(a.members, ip) {
			out = append(out, netip.MustParseAddr(ip))
		}
	}
	return out
}

// hostAddresses are a node's own, by its interfaces, else by its Node object.
func hostAddresses(s *snapshot.Snapshot) []string {
	var out []string
	if s.Network != nil && s.Network.Host() != nil {
		for _, l := range s.Network.Host().Links {
			for _, x := range l.Addresses {
				if p, err := netip.ParsePrefix(x); err == nil {
					out = append(out, p.Addr().String())
				}
			}
		}
	}
	if s.Cluster != nil {
		if n, ok := s.Cluster.Node(s.Node); ok {
			out = append(out, addresses(n.Addresses)...)
		}
	}
	return tidy(out)
}

// from lists the proofs from one node, and from one of its pods, to the etcd
// ports of a node.
func (a allowance) from(s *snapshot.Snapshot, target string, addrs []netip.Addr) []Proof {
	var out []Proof
	mine := hostAddresses(s)
	among := func(list []string) bool {
		return slices.ContainsFunc(mine, func(ip string) bool { return slices.Contains(list, ip) })
	}
	add := func(ports []int, open bool, p Proof) {
		for _, ip := range addrs {
			for _, port := range ports {
				p.To, p.Open = netip.AddrPortFrom(ip, uint16(port)).String(), open
				out = append(out, p)
			}
		}
	}
	p := Proof{Node: s.Node, Who: "stranger"}
	switch {
	case s.Node == target:
		p.Who = "itself"
	case among(a.members):
		p.Who = "member"
	case among(a.servers):
		p.Who = "api-server"
	}
	add(a.clientPorts, p.Who != "stranger", p)
	add(a.peerPorts, p.Who == "itself" || p.Who == "member", p)
	if pod := stranger(s); pod != nil && s.Node == target {
		add(append(slices.Clone(a.clientPorts), a.peerPorts...), false, Proof{Node: s.Node, Who: "stranger", Pod: pod.Name(), Path: pod.Path})
	}
	return out
}

// stranger is a pod with a network of its own.
func stranger(s *snapshot.Snapshot) *snapshot.NetNS {
	if s.Network == nil {
		return nil
	}
	for i := range s.Network.Namespaces {
		if n := &s.Network.Namespaces[i]; !n.Host && n.Path != "" {
			return n
		}
	}
	return nil
}

// An Outcome is a proof that was tried.
type Outcome struct {
	Proof
	Holds bool   `json:"holds"`
	Error string `json:"error,omitempty"` // why the connection did not come about
}

// Dial makes a connection from p.Node, within the network namespace at p.Path
// if that is set. Arrived reports whether any answer came, a refusal included;
// err is why there is no connection. One that is dropped must fail after a
// while.
type Dial func(ctx context.Context, p Proof) (arrived bool, err error)

// Prove tries every proof, at once. A refusal shows that packets arrive, and
// so does not prove that a port is closed to strangers.
func Prove(ctx context.Context, dial Dial, proofs []Proof) []Outcome {
	out := make([]Outcome, len(proofs))
	done := make(chan struct{})
	for i, p := range proofs {
		go func() {
			defer func() { done <- struct{}{} }()
			arrived, err := dial(ctx, p)
			out[i] = Outcome{Proof: p, Holds: p.Open && err == nil || !p.Open && !arrived}
			if err != nil {
				out[i].Error = err.Error()
			}
		}()
	}
	for range proofs {
		<-done
	}
	return out
}
