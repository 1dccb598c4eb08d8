package faulttest

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// netns is the namespace with that inode; 0 is the host's.
func (m *Machine) netns(inode uint64) (*snapshot.NetNS, error) {
	for i := range m.World.Network.Namespaces {
		if n := &m.World.Network.Namespaces[i]; n.Inode == inode || inode == 0 && n.Host {
			return n, nil
		}
	}
	return nil, fmt.Errorf("cannot find the network namespace %d: %w", inode, fs.ErrNotExist)
}

// entries are the texts of what there is of a kind.
func entries(n *snapshot.NetNS, kind string) []string {
	var out []string
	switch kind {
	case "route":
		for _, r := range n.Routes {
			out = append(out, r.Text())
		}
	case "rule":
		for _, r := range n.PolicyRules {
			out = append(out, r.Text())
		}
	case "neighbour":
		if n.Neighbours != nil {
			for _, r := range n.Neighbours.List {
				out = append(out, r.Text())
			}
		}
	}
	return out
}

// ReadRoute returns the entry with that text.
func (m *Machine) ReadRoute(r op.Route) (op.Route, bool, error) {
	n, err := m.netns(r.NetNS)
	if err != nil {
		return r, false, err
	}
	return r, slices.Contains(entries(n, r.Kind), r.Text), nil
}

// WriteRoute makes the entry that its text says.
func (m *Machine) WriteRoute(r op.Route) error {
	n, err := m.netns(r.NetNS)
	if err != nil {
		return err
	}
	w := map[string]string{}
	list := strings.Fields(r.Text)
	for i := 0; i < len(list); i++ {
		switch list[i] {
		case "blackhole", "unreachable", "prohibit", "throw":
			w["type"] = list[i]
		case "not":
			w["not"] = "yes"
		case "priority", "from", "to", "via", "dev", "table", "proto", "metric", "mtu", "lladdr", "nud", "iif", "oif", "ipproto", "dport":
			w[list[i]] = list[min(i+1, len(list)-1)]
			i++
		default:
			w[""] = list[i]
		}
	}
	num := func(k string) int { v, _ := strconv.Atoi(w[k]); return v }
	kind := w["type"]
	switch r.Kind {
	case "route":
		if kind == "" {
			kind = "unicast"
		}
		family := "ip"
		if strings.Contains(w[""], ":") {
			family = "ip6"
		}
		if n.Routes[0].Family == "" {
			family = ""
		}
		n.Routes = append(n.Routes, snapshot.Route{Family: family, Dst: w[""], Type: kind, Gateway: w["via"], Link: w["dev"], Table: num("table"), Protocol: w["proto"], Metric: uint32(num("metric")), MTU: uint32(num("mtu"))})
	case "rule":
		if kind == "" {
			kind = "lookup"
		}
		from := w["from"]
		if from == "all" {
			from = ""
		}
		x := snapshot.PolicyRule{Family: "ip", Priority: uint32(num("priority")), Not: w["not"] != "", From: from, To: w["to"], InLink: w["iif"], OutLink: w["oif"], Protocol: w["ipproto"], DstPorts: w["dport"], Action: kind, Table: num("table")}
		n.PolicyRules = append(n.PolicyRules, x)
		order.By(n.PolicyRules, func(a, b snapshot.PolicyRule) int { return int(a.Priority) - int(b.Priority) })
	case "neighbour":
		if n.Neighbours == nil {
			n.Neighbours = &snapshot.Neighbours{}
		}
		state := w["nud"]
		if state == "" {
			state = "reachable"
		}
		x := snapshot.Neighbour{Link: w["dev"], Address: w[""], MAC: w["lladdr"], State: state}
		n.Neighbours.List = slices.DeleteFunc(n.Neighbours.List, func(y snapshot.Neighbour) bool { return y.Address == x.Address && y.Link == x.Link })
		n.Neighbours.List = append(n.Neighbours.List, x)
	}
	return nil
}

// RemoveRoute removes the entry with that text.
func (m *Machine) RemoveRoute(r op.Route) error {
	n, err := m.netns(r.NetNS)
	if err != nil {
		return err
	}
	switch r.Kind {
	case "route":
		n.Routes = slices.DeleteFunc(n.Routes, func(x snapshot.Route) bool { return x.Text() == r.Text })
	case "rule":
		n.PolicyRules = slices.DeleteFunc(n.PolicyRules, func(x snapshot.PolicyRule) bool { return x.Text() == r.Text })
	case "neighbour":
		if n.Neighbours != nil {
			n.Neighbours.List = slices.DeleteFunc(n.Neighbours.List, func(x snapshot.Neighbour) bool { return x.Text() == r.Text })
		}
	}
	return nil
}

func (m *Machine) linkAt(at op.LinkPlace) (*snapshot.NetNS, *snapshot.Link, error) {
	n, err := m.netns(at.NetNS)
	if err != nil {
		return nil, nil, err
	}
	for i := range n.Links {
		if n.Links[i].Name == at.Link {
			return n, &n.Links[i], nil
		}
	}
	return nil, nil, fmt.Errorf("cannot find the interface %s: %w", at, fs.ErrNotExist)
}

// ReadLink returns how an interface is set. The texts of its routes are in the
// place of their messages.
func (m *Machine) ReadLink(at op.LinkPlace) (op.Link, error) {
	n, l, err := m.linkAt(at)
	if err != nil {
		return op.Link{}, err
	}
	out := op.Link{Up: l.Up, MTU: l.MTU}
	for _, r := range n.Routes {
		if r.Link == at.Link && l.Up {
			out.Routes = append(out.Routes, message(r).Body)
		}
	}
	return out, nil
}

// WriteLink sets an interface. Its routes go when it goes down; those of its
// own addresses come back with it.
func (m *Machine) WriteLink(at op.LinkPlace, want op.Link) error {
	n, l, err := m.linkAt(at)
	if err != nil {
		return err
	}
	was := l.Up
	l.Up, l.Carrier, l.MTU = want.Up, want.Up, want.MTU
	if !want.Up {
		n.Routes = slices.DeleteFunc(n.Routes, func(r snapshot.Route) bool { return r.Link == at.Link })
		return nil
	}
	if !was {
		for _, x := range newWorld().Network.Namespaces {
			for _, r := range x.Routes {
				if x.Inode == n.Inode && r.Link == at.Link && r.Gateway == "" && !slices.Contains(entries(n, "route"), r.Text()) {
					n.Routes = append(n.Routes, r)
				}
			}
		}
	}
	for _, body := range want.Routes {
		r, err := unpack[snapshot.Route](op.FilterMessage{Body: body})
		if err != nil {
			return err
		}
		if !slices.Contains(entries(n, "route"), r.Text()) {
			n.Routes = append(n.Routes, r)
		}
	}
	return nil
}

// routeState renders routes, rules, neighbours and interfaces for
// [Machine.State].
func (w *World) routeState(all map[string]string) {
	for i := range w.Network.Namespaces {
		n := &w.Network.Namespaces[i]
		for _, kind := range []string{"route", "rule", "neighbour"} {
			for _, text := range entries(n, kind) {
				all[kind+" "+n.Name()+" "+text] = "there"
			}
		}
		for _, l := range n.Links {
			all["link "+n.Name()+" "+l.Name] = fmt.Sprintf("up %v, MTU %d", l.Up, l.MTU)
		}
	}
}
