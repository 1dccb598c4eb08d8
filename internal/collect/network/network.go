// Package network collects what rtnetlink and nfnetlink say: the interfaces,
// routes and queueing disciplines of the host's network namespace and of
// every pod's, the netfilter translations and verdicts, and the connection
// tracking table.
package network

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

// maxNamespaces bounds the pods that are looked into: more than twice what a
// kubelet allows by default.
const maxNamespaces = 300

// Collectors collects snapshot.Network. Pods are named by the runtime's answer
// or, when it is down, by the processes' cgroups and the kubelet's log folders.
func Collectors() []source.Collector {
	return []source.Collector{{
		Section: snapshot.SectionNetwork,
		After:   []snapshot.Section{snapshot.SectionProcesses, snapshot.SectionRuntime},
		Live:    true,
		Collect: collect,
	}}
}

func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	n := &snapshot.Network{}
	host, err := readNamespace(hostPath(e))
	if err != nil {
		return err
	}
	host.Host = true
	n.Namespaces = append(n.Namespaces, host)
	for i, place := range podPlaces(e, s, host.Inode) {
		if err := ctx.Err(); err != nil || i == maxNamespaces {
			e.Gap(snapshot.SectionNetwork, place.name(), fmt.Errorf("cannot look into every pod's network: %w", errors.Join(errTooMany, err)))
			break
		}
		pod, err := readNamespace(place.path)
		if err != nil {
			e.Gap(snapshot.SectionNetwork, place.name(), err)
			continue
		}
		pod.Namespace, pod.Pod = place.namespace, place.pod
		n.Namespaces = append(n.Namespaces, pod)
	}
	pairPeers(n.Namespaces)
	for path, into := range map[string]**snapshot.Text{"/etc/resolv.conf": &n.Resolv, "/etc/hosts": &n.Hosts} {
		t, err := e.Text(path, 64<<10)
		if err != nil {
			e.Gap(snapshot.SectionNetwork, path, err)
			continue
		}
		*into = &t
	}
	netfilterInto(ctx, e, n)
	s.Network = n
	return nil
}

var errTooMany = errors.New("there are too many, or the time is over")

// readNamespace reads one namespace over one socket in it.
func readNamespace(path string) (snapshot.NetNS, error) {
	ns := snapshot.NetNS{Path: path}
	var err error
	if ns.Inode, err = rtnl.Inode(path); err != nil {
		return ns, err
	}
	c, err := rtnl.DialIn(path, unix.NETLINK_ROUTE)
	if err != nil {
		return ns, err
	}
	defer c.Close()
	if ns.Links, err = readLinks(c); err != nil {
		return ns, fmt.Errorf("cannot list the interfaces of %s: %w", path, err)
	}
	names := map[int]string{}
	for _, l := range ns.Links {
		names[l.Index] = l.Name
	}
	if ns.Routes, err = readRoutes(c, names); err != nil {
		return ns, fmt.Errorf("cannot list the routes of %s: %w", path, err)
	}
	if ns.Qdiscs, err = readQdiscs(c, names); err != nil {
		return ns, fmt.Errorf("cannot list the qdiscs of %s: %w", path, err)
	}
	return ns, nil
}
