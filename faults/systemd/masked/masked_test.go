package masked

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

const mask = "/etc/systemd/system/" + modules

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		unit := op.File{Data: []byte("[Service]\nType=oneshot\nExecStart=/usr/lib/systemd/systemd-modules-load\n"), Mode: 0o644}
		if err := m.WriteFile("/usr/lib/systemd/system/"+modules, unit); err != nil {
			t.Fatal(err)
		}
		if err := m.WriteFile(mask, op.File{Link: "/dev/null", Mode: 0o777}); err != nil {
			t.Fatal(err)
		}
	}), faulttest.Effect(func(m *faulttest.Machine, s *snapshot.Snapshot) {
		state := "loaded"
		if _, err := m.ReadFile(mask); err == nil {
			state = "available"
		}
		s.Modules = kernel(state, "/etc/modules-load.d/k8s.conf")
	}))
}

func kernel(state, file string) *snapshot.Modules {
	return &snapshot.Modules{Needed: []snapshot.NeededModule{{Name: "br_netfilter", State: state, File: "/lib/modules/6/br_netfilter.ko"}},
		Lines: []snapshot.ModuleLine{{Kind: "load", Module: "br-netfilter", File: file, Line: 2}, {Kind: "load", Module: "loop", File: file, Line: 3}}}
}

func unit(name string, links ...string) snapshot.Unit {
	return snapshot.Unit{Name: name, Path: "/etc/systemd/system/" + name, Link: "/dev/null", Masked: true, Load: "masked", Active: "inactive", WantedBy: links}
}

func names(servers ...string) *snapshot.Names {
	r := snapshot.Resolver{Path: "/etc/resolv.conf", For: []string{"node"}, Link: "../run/systemd/resolve/stub-resolv.conf"}
	for i, x := range servers {
		r.Servers = append(r.Servers, snapshot.ConfLine{Line: i + 1, Key: "nameserver", Value: x})
	}
	if len(servers) == 0 {
		r.Error = "open /etc/resolv.conf: no such file or directory"
	}
	return &snapshot.Names{Resolvers: []snapshot.Resolver{r}}
}

func sockets(at ...string) *snapshot.Sockets {
	x := &snapshot.Sockets{Listening: []snapshot.Socket{{NetNS: "kube-system/coredns", Protocol: "udp", Address: "[::]:53"}, {NetNS: "host", Protocol: "udp", Address: "0.0.0.0:5353"}}}
	for _, a := range at {
		x.Listening = append(x.Listening, snapshot.Socket{NetNS: "host", Protocol: "udp", Address: a})
	}
	return x
}

func network(addresses ...string) *snapshot.Network {
	return &snapshot.Network{Namespaces: []snapshot.NetNS{{Host: true, Links: []snapshot.Link{{Name: "lo", Addresses: []string{"127.0.0.1/8"}},
		{Name: "eth0", Kind: "device", Addresses: addresses}, {Name: "cni0", Kind: "bridge", Addresses: []string{"10.244.0.1/24"}}}}}}
}

func TestDetect(t *testing.T) {
	const load, wants = "/etc/modules-load.d/k8s.conf", "/etc/systemd/system/multi-user.target.wants/x"
	live := unit(resolved, wants)
	live.Active = "active"
	open := unit(modules)
	open.Masked = false
	run := func(names ...string) *snapshot.Processes {
		x := &snapshot.Processes{List: []snapshot.Process{{Name: "kubelet"}}}
		for _, n := range names {
			x.List = append(x.List, snapshot.Process{Name: n})
		}
		return x
	}
	for name, tt := range map[string]struct {
		u    snapshot.Unit
		s    snapshot.Snapshot
		want bool
	}{
		"stub, and nobody there":       {unit(resolved, wants), snapshot.Snapshot{Names: names("127.0.0.53"), Sockets: sockets()}, true},
		"disabled as well":             {unit(resolved), snapshot.Snapshot{Names: names("127.0.0.53"), Sockets: sockets()}, true},
		"the file is gone":             {unit(resolved, wants), snapshot.Snapshot{Names: names()}, true},
		"it still runs":                {live, snapshot.Snapshot{Names: names("127.0.0.53"), Sockets: sockets()}, false},
		"dnsmasq is there":             {unit(resolved), snapshot.Snapshot{Names: names("127.0.0.53"), Sockets: sockets("127.0.0.53:53")}, false},
		"one for all addresses":        {unit(resolved), snapshot.Snapshot{Names: names("127.0.0.53"), Sockets: sockets("0.0.0.0:53")}, false},
		"sockets were not read":        {unit(resolved), snapshot.Snapshot{Names: names("127.0.0.53")}, false},
		"another server":               {unit(resolved), snapshot.Snapshot{Names: names("10.0.0.2"), Sockets: sockets()}, false},
		"another server behind":        {unit(resolved), snapshot.Snapshot{Names: names("127.0.0.53", "10.0.0.2"), Sockets: sockets()}, false},
		"names were not read":          {unit(resolved), snapshot.Snapshot{Sockets: sockets()}, false},
		"a module is missing":          {unit(modules), snapshot.Snapshot{Modules: kernel("available", load)}, true},
		"it is loaded":                 {unit(modules), snapshot.Snapshot{Modules: kernel("loaded", load)}, false},
		"it is built in":               {unit(modules), snapshot.Snapshot{Modules: kernel("builtin", load)}, false},
		"this kernel has none":         {unit(modules), snapshot.Snapshot{Modules: kernel("absent", load)}, false},
		"a container's kernel":         {unit(modules), snapshot.Snapshot{Modules: kernel("unknown", load)}, false},
		"named on the command line":    {unit(modules), snapshot.Snapshot{Modules: kernel("available", "/proc/cmdline")}, false},
		"not masked":                   {open, snapshot.Snapshot{Modules: kernel("available", load)}, false},
		"no address":                   {unit(managers[0], wants), snapshot.Snapshot{Network: network("fe80::1/64"), Processes: run()}, true},
		"NetworkManager's, no address": {unit(managers[1], wants), snapshot.Snapshot{Network: network(), Processes: run()}, true},
		"disabled, and by hand":        {unit(managers[0]), snapshot.Snapshot{Network: network(), Processes: run()}, false},
		"another gives addresses":      {unit(managers[0], wants), snapshot.Snapshot{Network: network(), Processes: run("NetworkManager")}, false},
		"it has an address":            {unit(managers[0], wants), snapshot.Snapshot{Network: network("192.0.2.7/24"), Processes: run()}, false},
		"processes were not read":      {unit(managers[0], wants), snapshot.Snapshot{Network: network()}, false},
		"of no use to Kubernetes":      {unit("apt-daily.service", wants), snapshot.Snapshot{Names: names("127.0.0.53"), Sockets: sockets(), Network: network(), Processes: run()}, false},
		"swap is masked on purpose":    {unit("swap.target"), snapshot.Snapshot{}, false},
		"nobody keeps the time either": {unit("systemd-timesyncd.service", wants), snapshot.Snapshot{}, false},
	} {
		s := tt.s
		s.Systemd = &snapshot.Systemd{Units: []snapshot.Unit{tt.u}}
		got := detect(&s)
		if len(got) > 0 != tt.want {
			t.Errorf("%s: %+v", name, got)
		}
		if len(got) == 0 {
			continue
		}
		plan, err := Fault.Remedy(&s, got[0])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		last, ok := plan[len(plan)-1].(op.Unit)
		if !ok || last.Verb != "start" || last.Name != tt.u.Name || !strings.Contains(plan[1].String(), "remove "+tt.u.Path) {
			t.Errorf("%s: plan %v", name, plan)
		}
		for _, o := range plan {
			if _, enables := o.(op.WriteFile); enables != (name == "disabled as well" && o.Kind() == "write-file") {
				t.Errorf("%s: %v", name, o)
			}
		}
	}
}
