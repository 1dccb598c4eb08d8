package memberlost

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// remedy takes a member off the list whose machine is no part of the cluster any
// more. Of one that is, a person decides: once it is off the list, its data
// cannot join again.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	e := s.Etcd
	i := slices.IndexFunc(e.Members, func(m snapshot.EtcdMember) bool { return called(m) == f.Subject.Name })
	if i < 0 {
		return nil, errors.New("cannot remove the member: it is not on the list any more")
	}
	m := e.Members[i]
	if err := agree(e, m); err != nil {
		return nil, fmt.Errorf("cannot remove the member %s: %w", called(m), err)
	}
	if err := left(s, m); err != nil {
		return nil, fmt.Errorf("cannot remove the member %s: %w", called(m), err)
	}
	return op.Plan{op.EtcdRemoveMember{Member: op.EtcdMember(m), Why: "nobody answers there, and the cluster has no node of it"}}, nil
}

// agree is an error unless the members agree on something now, and will without
// this one.
func agree(e *snapshot.Etcd, gone snapshot.EtcdMember) error {
	if !e.Reachable || e.Status == nil || e.Status.Leader == "" || e.Status.Leader == "0" {
		return errors.New("without a majority nothing can be taken off the list: start a member that was lost, or begin anew from a snapshot")
	}
	voters, live := 0, 0
	for _, m := range e.Members {
		if m.Learner || m.ID == gone.ID {
			continue
		}
		voters++
		if m.ID == e.Status.MemberID || !absent(e, m) {
			live++
		}
	}
	if need := voters/2 + 1; live < need {
		return fmt.Errorf("%d of the other %d are there, and %d are needed", live, voters, need)
	}
	return nil
}

// left is an error unless the cluster's nodes are known, and none of them is the
// member's: kubeadm calls a member as its node.
func left(s *snapshot.Snapshot, m snapshot.EtcdMember) error {
	if s.Cluster == nil || !slices.ContainsFunc(s.Cluster.Nodes, func(n snapshot.Node) bool { return n.Name == s.Node }) {
		return errors.New("the cluster's nodes are not known: its own may come back")
	}
	for _, n := range s.Cluster.Nodes {
		if n.Name == m.Name || slices.ContainsFunc(slices.Concat(m.PeerURLs, m.ClientURLs), func(u string) bool { return lies(u, n) }) {
			return fmt.Errorf("its node %s is in the cluster still, and it may come back: start it there, or, if the machine is gone for good, delete the Node first", n.Name)
		}
	}
	return nil
}

// lies reports whether an address is one of the node's.
func lies(address string, n snapshot.Node) bool {
	u, err := url.Parse(address)
	if err != nil {
		return true // nobody knows whose
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return slices.ContainsFunc(n.Addresses, func(a string) bool {
		other, err2 := netip.ParseAddr(a)
		return a == u.Hostname() || err == nil && err2 == nil && ip.Unmap() == other.Unmap()
	})
}
