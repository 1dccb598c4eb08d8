// Package network collects what rtnetlink and nfnetlink say: the interfaces,
// routes and queueing disciplines of the host's network namespace and of
// every pod's, the netfilter translations and verdicts, and the connection
// tracking table.
package network

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/netfilter"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

// maxNamespaces bounds the pods that are looked into: more than twice what a
// kubelet allows by default.
const (
	maxNamespaces = 300
	maxOthers     = 32
	atOnce        = 4
	podsUntil     = 900 * time.Millisecond
)

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
	k := NewKernel(e)
	host, rules, err := readNamespace(k, hostPath(e), maxHostRules)
	if err != nil && !tolerable(err) {
		return err
	}
	e.Gap(snapshot.SectionNetwork, "host", err)
	host.Host = true
	pods := podPlaces(e, s, host.Inode)
	n.Namespaces = append([]snapshot.NetNS{host}, readAll(ctx, k, pods[:min(len(pods), maxNamespaces)])...)
	n.Others = readAll(ctx, k, otherPlaces(e, s, n.Namespaces))
	if len(pods) > maxNamespaces {
		e.Gap(snapshot.SectionNetwork, pods[maxNamespaces].name(), fmt.Errorf("cannot look into every pod's network: there are more than %d", maxNamespaces))
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
	netfilterInto(ctx, k, n, rules)
	s.Network = n
	return nil
}

// readAll reads namespaces, a few at once, until the time for it is over. They
// are returned in the order of their places.
func readAll(ctx context.Context, k *Kernel, places []place) []snapshot.NetNS {
	e := k.env
	ctx, cancel := context.WithTimeout(ctx, podsUntil)
	defer cancel()
	read := make([]snapshot.NetNS, len(places))
	left := make([]bool, len(places))
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i, p := range places {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if left[i] = ctx.Err() != nil; left[i] {
				return
			}
			ns, _, err := readNamespace(k, p.path, maxPodRules)
			e.Gap(snapshot.SectionNetwork, p.name(), err)
			if err == nil || tolerable(err) {
				ns.Namespace, ns.Pod, ns.Named, ns.PID = p.namespace, p.pod, p.named, p.pid
				read[i] = ns
			}
		})
	}
	wg.Wait()
	if i := slices.Index(left, true); i >= 0 {
		e.Gap(snapshot.SectionNetwork, places[i].name(), fmt.Errorf("cannot look into every network namespace: the time of %v is over", podsUntil))
	}
	return slices.DeleteFunc(read, func(ns snapshot.NetNS) bool { return ns.Inode == 0 })
}

// readNamespace reads one namespace from a thread in it. An error that is
// tolerable is of a part.
func readNamespace(k *Kernel, path string, most int) (ns snapshot.NetNS, rules *netfilter.Ruleset, err error) {
	ns.Path = path
	enter := k.env.Abs(path)
	if ns.Inode, err = rtnl.Inode(enter); err != nil {
		return ns, nil, err
	}
	err = rtnl.In(enter, func() error {
		c, err := rtnl.Dial(unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		defer c.Close()
		if err = readInto(c, &ns); err != nil && !tolerable(err) {
			return err
		}
		var more error
		if rules, more = filterInto(k, &ns, most); more != nil {
			err = partial(errors.Join(err, more))
		}
		return err
	})
	return ns, rules, err
}

// readInto reads what rtnetlink says. Of what was added to it later a refusal
// is one of that part alone: older kernels have none of it.
func readInto(c *rtnl.Conn, ns *snapshot.NetNS) (err error) {
	if ns.Links, ns.Addresses, err = readLinks(c); err != nil {
		return fmt.Errorf("cannot list the interfaces of %s: %w", ns.Path, err)
	}
	names, vxlan := map[int]string{}, map[int]bool{}
	for _, l := range ns.Links {
		names[l.Index] = l.Name
		if l.Kind == "vxlan" {
			vxlan[l.Index] = true
		}
	}
	all := 0
	if ns.Routes, all, err = readRoutes(c, names); err != nil {
		return fmt.Errorf("cannot list the routes of %s: %w", ns.Path, err)
	}
	if err = trafficInto(c, ns, names); err != nil {
		return fmt.Errorf("cannot list the qdiscs of %s: %w", ns.Path, err)
	}
	var errs [3]error
	if ns.PolicyRules, errs[0] = readPolicyRules(c); errs[0] != nil {
		errs[0] = fmt.Errorf("cannot list the routing rules of %s: %w", ns.Path, errs[0])
	}
	if ns.Neighbours, errs[1] = readNeighbours(c, names, vxlan); errs[1] != nil {
		errs[1] = fmt.Errorf("cannot list the neighbours of %s: %w", ns.Path, errs[1])
	}
	if all > maxRoutes {
		errs[2] = fmt.Errorf("cannot keep all %d routes of %s: the first %d are kept", all, ns.Path, maxRoutes)
	}
	return partial(errors.Join(errs[:]...))
}

// errPartial is an error beside which a namespace was read.
type errPartial struct{ error }

// tolerable reports whether an error is one of a part of a namespace.
func tolerable(err error) bool {
	var p errPartial
	return errors.As(err, &p)
}

func partial(err error) error {
	if err == nil {
		return nil
	}
	return errPartial{err}
}
