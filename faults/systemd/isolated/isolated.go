// Package isolated is the fault of a unit whose settings cut its program off
// from the network.
package isolated

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/unit"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "systemd/isolated",
	Layer:  fault.Systemd,
	Needs:  []snapshot.Section{snapshot.SectionSystemd},
	Uses:   []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionLogs, snapshot.SectionNetwork},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.KubeletDown, Strength: symptom.Usually},
		{Symptom: symptom.RuntimeDown, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
		{Symptom: symptom.SandboxFailing, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, u := range unit.Node(s) {
		if h := harms(s, u); len(h) > 0 {
			out = append(out, unit.Finding(u, h, unit.Said(s, u, "unit-exec-failed")...))
		}
	}
	return out
}

// harms are the lines of the unit that no package wrote and that take the
// host's network away from its program.
func harms(s *snapshot.Snapshot, u snapshot.Unit) []unit.Harm {
	var out []unit.Harm
	for _, x := range u.Settings {
		if x.Section != "Service" || x.Replaced || !unit.Foreign(u, x.Source) {
			continue
		}
		why, want := "", "no such line: it works in the host's network"
		switch x.Key {
		case "PrivateNetwork":
			if yes(x.Value) {
				why = "it has a network of its own with nothing but a loopback"
			}
		case "NetworkNamespacePath":
			if x.Value != "" && x.Value != "/proc/1/ns/net" {
				why = "it is put into the network of " + x.Value
			}
		case "RestrictAddressFamilies":
			why = families(x.Value)
		case "IPAddressDeny":
			why = denied(s, u, x)
		case "RestrictNetworkInterfaces":
			if rest, deny := strings.CutPrefix(x.Value, "~"); !deny && !slices.Contains(strings.Fields(rest), "lo") || deny && slices.Contains(strings.Fields(rest), "lo") {
				why = "it may not use the loopback interface"
			}
		case "SocketBindDeny":
			if x.Value == "any" || u.Name == unit.Kubelet && strings.HasSuffix(x.Value, "10250") {
				why = "it may not listen on its port"
			}
		}
		if why != "" {
			out = append(out, unit.Harm{Setting: x, Why: why, Want: want})
		}
	}
	return out
}

func yes(v string) bool {
	return slices.Contains([]string{"yes", "true", "on", "1", "y", "t"}, strings.ToLower(v))
}

// families says which kind of socket a list withholds that every component
// opens: to its neighbours on the node, to others, to the kernel.
func families(v string) string {
	rest, deny := strings.CutPrefix(v, "~")
	list := strings.Fields(rest)
	if v == "none" || v == "" {
		list, deny = nil, false
	}
	for _, need := range []string{"AF_UNIX", "AF_INET", "AF_NETLINK"} {
		if slices.Contains(list, need) == deny {
			return "it may not open sockets of " + need
		}
	}
	return ""
}

// denied says which address that the program talks to a list refuses, and no
// other line allows: systemd.resource-control(5) lets the allowed win.
func denied(s *snapshot.Snapshot, u snapshot.Unit, x snapshot.Setting) string {
	need := []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	if s.Network != nil && u.Name == unit.Kubelet && len(s.Network.Namespaces) > 0 {
		for _, l := range s.Network.Namespaces[0].Links {
			for _, x := range l.Addresses {
				if p, err := netip.ParsePrefix(x); err == nil && p.Addr().Is4() {
					need = append(need, p.Addr())
				}
			}
		}
	}
	for _, a := range need[:min(len(need), 64)] {
		if covers(x.Value, a) && !slices.ContainsFunc(u.Settings, func(y snapshot.Setting) bool { return y.Key == "IPAddressAllow" && !y.Replaced && covers(y.Value, a) }) {
			return "it may not talk to " + a.String()
		}
	}
	return ""
}

// covers reports whether a list of addresses, as systemd takes it, has a.
func covers(list string, a netip.Addr) bool {
	for w := range strings.FieldsSeq(list) {
		switch w {
		case "any":
			return true
		case "localhost":
			w = "127.0.0.0/8"
		case "link-local":
			w = "169.254.0.0/16"
		case "multicast":
			w = "224.0.0.0/4"
		}
		if p, err := netip.ParsePrefix(w); err == nil && p.Contains(a) {
			return true
		}
		if b, err := netip.ParseAddr(w); err == nil && b == a {
			return true
		}
	}
	return false
}

func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	u, err := unit.OfUnit(s, f.Subject.Name)
	if err != nil {
		return nil, err
	}
	return unit.Without(s, u, unit.Lines(harms(s, u)), unit.Program(u)+" works in the host's network")
}

// drill adds a drop-in that looks like hardening.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	i := slices.IndexFunc(unit.Node(s), func(u snapshot.Unit) bool { return u.Name == unit.Kubelet && unit.Runs(u) })
	if i < 0 {
		return nil, errors.New("cannot isolate the kubelet: it does not run")
	}
	line := fault.Pick(d, []string{"PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX AF_NETLINK", "RestrictAddressFamilies=~AF_INET AF_INET6", "PrivateNetwork=true"})
	return unit.Drop(unit.Node(s)[i], d, fmt.Sprintf("[Service]\n%s%s\n", fault.Pick(d, []string{"", "NoNewPrivileges=no\n"}), line)), nil
}
