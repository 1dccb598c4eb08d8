// Package urls is the fault of an etcd that is told to listen where it cannot,
// or where nobody calls it.
package urls

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "etcd/urls",
	Layer:  fault.Etcd,
	Needs:  []snapshot.Section{snapshot.SectionStatic, snapshot.SectionNetwork},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.EtcdDown, Strength: symptom.Usually},
		{Symptom: symptom.ComponentDown, Strength: symptom.Usually},
		{Symptom: symptom.APIDown, Strength: symptom.Usually, Cluster: true},
	},
	Remedy: remedy,
	Drill:  drill,
}

// The flags by which etcd listens.
const (
	clients = "listen-client-urls"
	peers   = "listen-peer-urls"
)

func detect(s *snapshot.Snapshot) []finding.Finding {
	etcd, ok := manifest.Find(s, "etcd")
	if !ok {
		return nil
	}
	var out []finding.Finding
	for _, name := range []string{clients, peers} {
		f, ok := etcd.Flag(name)
		if !ok {
			continue
		}
		why, want := wrong(s, etcd, f)
		if why == "" {
			continue
		}
		x := finding.Finding{
			Subject: etcd.Subject(name), Summary: fmt.Sprintf("etcd is told to listen at %s: %s", f.Value, why),
			Facts:    []finding.Fact{etcd.Quote(f.Line, want)},
			Commands: []string{"grep -n -- '-urls=' " + etcd.File.Path, "ip -brief address", manifest.Log("etcd")},
		}
		if api, ok := manifest.Find(s, "kube-apiserver"); ok && name == clients {
			if servers, ok := api.Flag("etcd-servers"); ok {
				x.Facts = append(x.Facts, api.Quote(servers.Line, ""))
			}
		}
		out = append(out, x)
	}
	return out
}

// wrong says why etcd cannot be had at what the flag says, and what it wants.
func wrong(s *snapshot.Snapshot, etcd manifest.Part, f snapshot.Flag) (why, want string) {
	var at []*url.URL
	for v := range strings.SplitSeq(f.Value, ",") {
		u, err := url.Parse(v)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "unix" && u.Scheme != "unixs" {
			return fmt.Sprintf("%q is no URL to listen at", v), "URLs such as https://127.0.0.1:2379"
		}
		ip, err := netip.ParseAddr(u.Hostname())
		if err == nil && !has(s, ip) {
			return fmt.Sprintf("no interface of the node has the address %s", ip), "an address of the node"
		}
		if err != nil && u.Hostname() != "localhost" && !strings.HasPrefix(u.Scheme, "unix") {
			return fmt.Sprintf("%q is no address, and etcd listens at addresses alone", u.Hostname()), "an address of the node"
		}
		at = append(at, u)
	}
	if f.Name != clients {
		return "", ""
	}
	return unreached(s, etcd, f, at)
}

// has reports whether the host has the address, or may listen at it.
func has(s *snapshot.Snapshot, ip netip.Addr) bool {
	if ip.IsUnspecified() || ip.IsLoopback() {
		return true
	}
	known := false
	for _, n := range s.Network.Namespaces {
		for _, l := range n.Links {
			for _, a := range l.Addresses {
				p, err := netip.ParsePrefix(a)
				if err != nil || !n.Host {
					continue
				}
				known = true
				if p.Addr().Unmap() == ip.Unmap() {
					return true
				}
			}
		}
	}
	return !known
}

// unreached looks for an address of this node that the API server calls, and
// at which etcd does not listen. Where kubeadm gives the API server another,
// its flag is what is wrong.
func unreached(s *snapshot.Snapshot, etcd manifest.Part, f snapshot.Flag, at []*url.URL) (why, want string) {
	api, ok := manifest.Find(s, "kube-apiserver")
	if !ok {
		return "", ""
	}
	servers, _ := api.Flag("etcd-servers")
	if v, ok := manifest.Kubeadm(s, "kube-apiserver", "etcd-servers"); ok && v != servers.Value {
		return "", ""
	}
	if v, ok := manifest.Kubeadm(s, "etcd", clients); ok && same(v, f.Value) {
		return "", ""
	}
	for v := range strings.SplitSeq(servers.Value, ",") {
		u, err := url.Parse(v)
		if err != nil {
			continue
		}
		ip, err := netip.ParseAddr(u.Hostname())
		if err != nil || !has(s, ip) || slices.ContainsFunc(at, func(x *url.URL) bool { return answers(x, u) }) {
			continue
		}
		return fmt.Sprintf("the API server of this node calls it at %s", v), v + " among them"
	}
	return "", ""
}

func same(a, b string) bool {
	x, y := strings.Split(a, ","), strings.Split(b, ",")
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// answers reports whether who listens at x is reached at u.
func answers(x, u *url.URL) bool {
	if x.Scheme != u.Scheme || x.Port() != u.Port() {
		return false
	}
	a, err := netip.ParseAddr(x.Hostname())
	b, errB := netip.ParseAddr(u.Hostname())
	switch {
	case err != nil || errB != nil:
		return x.Hostname() == u.Hostname() || x.Hostname() == "localhost" && errB == nil && b.IsLoopback()
	case a.IsUnspecified():
		return true
	}
	return a == b
}

func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	etcd, ok := manifest.Find(s, "etcd")
	if !ok {
		return nil, errors.New("cannot change where etcd listens: its manifest was not read")
	}
	name := strings.TrimPrefix(f.Subject.Name, "etcd --")
	want, ok := manifest.Kubeadm(s, "etcd", name)
	if !ok {
		return nil, fmt.Errorf("cannot say where etcd is to listen: set --%s in %s to an address of this node that the API server calls", name, etcd.File.Path)
	}
	return etcd.Change().Set(etcd, name, want).Plan("etcd listens where it is called")
}

// drill lets etcd listen at another port, or at an address of another machine.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	etcd, ok := manifest.Find(s, "etcd")
	if !ok || !manifest.IsKubeadm(s) {
		return nil, errors.New("cannot change where etcd listens: no manifest of kubeadm starts it")
	}
	f, ok := etcd.Flag(fault.Pick(d, []string{clients, peers}))
	if !ok {
		return nil, errors.New("cannot change where etcd listens: it does not say where")
	}
	value := strings.ReplaceAll(f.Value, ":2379", fmt.Sprintf(":%d", d.Int(2382, 2399)))
	first, err := url.Parse(strings.Split(f.Value, ",")[strings.Count(f.Value, ",")])
	if err != nil {
		return nil, err
	}
	if ip, err := netip.ParseAddr(first.Hostname()); err == nil && ip.Is4() && (f.Name == peers || d.Int(0, 1) == 0) {
		b := ip.As4()
		for b[3]++; has(s, netip.AddrFrom4(b)); b[3]++ {
		}
		b[2] ^= byte(d.Int(1, 31))
		value = strings.ReplaceAll(f.Value, ip.String(), netip.AddrFrom4(b).String())
	}
	return etcd.Change().Set(etcd, f.Name, value).Plan("etcd listens elsewhere")
}
