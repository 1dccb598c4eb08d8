// Package masked is the fault of a service of the system that a node works by,
// and that a mask keeps from being started.
package masked

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. A masked kubelet or
// runtime is told by the fault of those that are stopped.
var Fault = &fault.Fault{
	ID:    "systemd/masked",
	Layer: fault.Systemd,
	Needs: []snapshot.Section{snapshot.SectionSystemd},
	Uses: []snapshot.Section{snapshot.SectionNames, snapshot.SectionSockets, snapshot.SectionModules, snapshot.SectionNetwork,
		snapshot.SectionProcesses},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletCutOff, Strength: symptom.Sometimes},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes},
		{Symptom: symptom.ImagesFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.SandboxFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.PodNetworkDown, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Sometimes},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
}

const (
	resolved = "systemd-resolved.service"
	modules  = "systemd-modules-load.service"
)

// managers are the services that give the node its addresses, and the names of
// all programs that do.
var (
	managers = []string{"systemd-networkd.service", "NetworkManager.service"}
	programs = []string{"systemd-networkd", "systemd-network", "NetworkManager", "wickedd", "dhclient", "dhcpcd", "udhcpc", "connmand", "ifplugd"}
)

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, u := range s.Systemd.Units {
		if !u.Masked || u.Active == "active" || u.Active == "activating" {
			continue
		}
		what, facts := lacking(s, u)
		if len(facts) == 0 {
			continue
		}
		out = append(out, finding.Finding{
			Subject:  finding.Subject{Kind: "unit", Name: u.Name},
			Own:      true,
			Summary:  fmt.Sprintf("%s is masked by %s: %s", u.Name, u.Path, what),
			Facts:    append(facts, finding.Fact{Source: u.Path, Got: "leads to /dev/null or is empty", Want: "no file here: it hides the unit's own"}),
			Commands: []string{"systemctl status " + u.Name, "ls -l " + u.Path},
		})
	}
	return out
}

// lacking is what the node lacks of a masked unit; no facts when it lacks
// nothing, or has it of another.
func lacking(s *snapshot.Snapshot, u snapshot.Unit) (string, []finding.Fact) {
	switch {
	case u.Name == resolved:
		return "the name server that the node's resolv.conf leads to is not there", unresolved(s)
	case u.Name == modules:
		return "the kernel modules that the node's files name are not loaded at boot", unloaded(s)
	case slices.Contains(managers, u.Name) && len(u.WantedBy) > 0:
		return "nothing else gives the node an address", unaddressed(s, u)
	}
	return "", nil
}

// unresolved are the lines that lead to systemd-resolved, where it does not
// answer or its file is not there.
func unresolved(s *snapshot.Snapshot) []finding.Fact {
	if s.Names == nil {
		return nil
	}
	var out []finding.Fact
	for _, r := range s.Names.Resolvers {
		own := strings.Contains(r.Link, "run/systemd/resolve/") || strings.HasPrefix(r.Path, "/run/systemd/resolve/")
		if own && strings.Contains(r.Error, "no such file") {
			out = append(out, finding.Fact{Source: r.Path, Got: "leads to a file of systemd-resolved that is not there: " + r.Error, Want: "name servers"})
		}
		for i, x := range r.Servers {
			stub := x.Value == "127.0.0.53" || x.Value == "127.0.0.54"
			if i < 3 && stub && slices.Contains(r.For, "node") && !listens(s, x.Value) && only(r.Servers) {
				out = append(out, finding.Fact{Source: r.Path, Line: x.Line, Got: "nameserver " + x.Value + ", and nothing has its port 53", Want: "a name server that runs"})
			}
		}
	}
	return out
}

// only reports whether all servers that are asked are systemd-resolved's.
func only(servers []snapshot.ConfLine) bool {
	for _, x := range servers[:min(3, len(servers))] {
		if x.Value != "127.0.0.53" && x.Value != "127.0.0.54" {
			return false
		}
	}
	return true
}

// listens reports whether something has port 53 of the address, or may have:
// nobody looked.
func listens(s *snapshot.Snapshot, ip string) bool {
	if s.Sockets == nil {
		return true
	}
	return slices.ContainsFunc(s.Sockets.Listening, func(x snapshot.Socket) bool {
		host, _, _ := strings.Cut(x.Address, "%")
		return x.NetNS == "host" && x.Protocol == "udp" && (strings.HasPrefix(host, ip) || strings.HasPrefix(host, "0.0.0.0:") || strings.HasPrefix(host, "[::]:")) &&
			(strings.HasSuffix(x.Address, ":53"))
	})
}

// unloaded are the lines of modules-load.d that name a module which Kubernetes
// needs, and which could be loaded and is not.
func unloaded(s *snapshot.Snapshot) []finding.Fact {
	if s.Modules == nil {
		return nil
	}
	var out []finding.Fact
	for _, l := range s.Modules.Lines {
		m, ok := s.Modules.NeededModule(strings.ReplaceAll(l.Module, "-", "_"))
		if l.Kind == "load" && strings.Contains(l.File, "modules-load.d/") && ok && m.State == "available" {
			out = append(out, finding.Fact{Source: l.File, Line: l.Line, Got: l.Module + ", which is not loaded", Want: "loaded, from " + m.File})
		}
	}
	return out
}

// unaddressed tells that no interface to the outside has an address, and that
// no program runs that would give it one.
func unaddressed(s *snapshot.Snapshot, u snapshot.Unit) []finding.Fact {
	if s.Network == nil || s.Processes == nil || len(s.Network.Namespaces) == 0 || !s.Network.Namespaces[0].Host {
		return nil
	}
	if slices.ContainsFunc(s.Processes.List, func(p snapshot.Process) bool { return slices.Contains(programs, p.Name) }) {
		return nil
	}
	var bare []string
	for _, l := range s.Network.Namespaces[0].Links {
		if l.Name == "lo" || slices.Contains(inner, l.Kind) && !bears(s.Network.Namespaces[0].Links, l) {
			continue
		}
		if slices.ContainsFunc(l.Addresses, global) {
			return nil
		}
		if l.Kind == "device" {
			bare = append(bare, l.Name)
		}
	}
	if len(bare) == 0 {
		return nil
	}
	return []finding.Fact{
		{Source: "ip addr", Got: "no address on " + strings.Join(bare, ", "), Want: "the node's address"},
		{Source: u.WantedBy[0], Got: u.Name + " is enabled", Want: "one that may start"},
	}
}

// inner are the kinds of interfaces whose addresses are for the node's pods.
var inner = []string{"bridge", "dummy", "vxlan", "geneve", "ipip", "tun", "wireguard"}

// bears reports whether a device of the machine is a port of the interface.
func bears(links []snapshot.Link, of snapshot.Link) bool {
	return slices.ContainsFunc(links, func(l snapshot.Link) bool { return l.Master == of.Name && (l.Kind == "device" || l.Kind == "bond") })
}

func global(a string) bool {
	p, err := netip.ParsePrefix(a)
	return err != nil || p.Addr().IsGlobalUnicast()
}

// remedy takes the mask away and starts the unit. The loader of modules is
// wanted by its package's own link.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	u, ok := s.Systemd.Unit(f.Subject.Name)
	if !ok {
		return nil, fmt.Errorf("cannot unmask %s: the unit is not known", f.Subject.Name)
	}
	if u.Name == modules {
		u.WantedBy = []string{"sysinit.target"}
	}
	return fault.StartAgain(u)
}
