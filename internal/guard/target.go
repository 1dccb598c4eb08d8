package guard

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/repair"
	"github.com/klustered/klustered/op"
)

// Usual are the places where nodes are broken, watched when nothing was
// repaired and nothing is named.
var Usual = []string{
	"/etc/kubernetes", "/var/lib/kubelet/config.yaml", "/var/lib/kubelet/kubeadm-flags.env", "/var/lib/kubelet/pki",
	"/etc/default/kubelet", "/etc/sysconfig/kubelet", "/etc/containerd", "/etc/crictl.yaml", "/etc/cni/net.d", "/opt/cni/bin",
	"/root/.kube/config", "/root/.bashrc", "/root/.profile", "/etc/profile", "/etc/profile.d", "/etc/bash.bashrc", "/etc/ld.so.preload", "/etc/ld.so.conf.d",
	"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/hostname", "/etc/passwd", "/etc/sudoers.d", "/etc/ssh",
	"/etc/crontab", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/var/spool/cron", "/etc/rc.local",
	"/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system/kubelet.service.d", "/usr/lib/systemd/system/containerd.service", "/usr/lib/systemd/system/kubelet.service",
	"/etc/systemd/system-generators", "/usr/lib/systemd/system-generators", "/etc/sysctl.d", "/etc/sysctl.conf", "/etc/modprobe.d", "/etc/modules-load.d", "/etc/udev/rules.d",
	"/etc/apt/apt.conf.d", "/etc/nftables.conf", "/etc/iptables",
}

// Paths are targets of files and folders, and of kernel parameters and limits
// of control groups, of which the kernel tells nobody. A relative path is one
// below the working directory.
func Paths(list []string) ([]Target, error) {
	var out []Target
	for _, p := range list {
		abs, err := filepath.Abs(p)
		if err != nil {
			return nil, fmt.Errorf("cannot watch %q: %w", p, err)
		}
		t := Target{Kind: "file", Name: abs}
		switch {
		case strings.HasPrefix(abs, "/proc/sys/"):
			t = Target{Kind: "sysctl", Name: strings.TrimPrefix(abs, "/proc/sys/"), Key: abs}
		case strings.HasPrefix(abs, "/sys/fs/cgroup/"):
			t = Target{Kind: "group", Name: abs, Key: abs}
		case strings.HasPrefix(abs, "/proc/"), strings.HasPrefix(abs, "/sys/"):
			return nil, fmt.Errorf("cannot watch %q: the kernel tells nobody when it changes", p)
		}
		out = append(out, t)
	}
	return out, nil
}

// Repaired are the targets of the changes of repairs that stand. The last
// repair of a thing holds.
func Repaired(list []repair.Remain) []Target {
	at := map[string]int{}
	var out []Target
	for _, s := range list {
		for _, t := range targets(s.Op) {
			t.Repair = s.Number
			if t.Kind == "file" && s.Op.Kind() != "unit" {
				t.before(s.Before)
			}
			if t.Part != "" {
				t.was(s.Before)
			}
			key := t.Kind + " " + t.Name + " " + t.Part
			if i, ok := at[key]; ok {
				if s.Op.Kind() == "unit" && t.Kind == "file" {
					continue // it only started what another step or repair wrote
				}
				if t.Repair == out[i].Repair { // a later step of one repair
					t.Before, t.Absent = out[i].Before, out[i].Absent
				}
				out[i] = t
				continue
			}
			at[key] = len(out)
			out = append(out, t)
		}
	}
	return out
}

// before takes in how the file was, from what an op kept of it.
func (t *Target) before(s op.State) {
	var was struct {
		Absent bool    `json:"absent"`
		File   op.File `json:"file"`
	}
	if json.Unmarshal(s, &was) != nil {
		return
	}
	t.Absent = was.Absent
	if !was.Absent && (len(was.File.Data) > 0 || was.File.Link != "") {
		t.Before = was.File.Sum()
	}
}

// was takes in how a part of an object was, from what an op kept of it: its
// value, or the merge patch that undoes it.
func (t *Target) was(s op.State) {
	var value struct {
		Value json.RawMessage `json:"value"`
	}
	if t.Was = string(s); strings.HasPrefix(t.Part, "[") && json.Unmarshal(s, &value) == nil {
		t.Was = string(value.Value)
	}
}

// targets are the things that an op changed.
func targets(o op.Op) []Target {
	file := func(paths ...string) (out []Target) {
		for _, p := range paths {
			if p != "" {
				out = append(out, Target{Kind: "file", Name: p})
			}
		}
		return out
	}
	one := func(kind, name string) []Target { return []Target{{Kind: kind, Name: name}} }
	switch x := o.(type) {
	case op.WriteFile:
		return file(x.Path)
	case op.RemoveFile:
		return file(x.Path)
	case op.CopyFile:
		return file(x.To)
	case op.Chmod:
		return file(x.Path)
	case op.FileAttr:
		return file(x.Path)
	case op.EditLine:
		return file(x.Path)
	case op.Splice:
		return file(x.Path)
	case op.PublishKey:
		return file(x.Path)
	case op.IssueKubeconfig:
		return file(x.Path)
	case op.IssueCertificate:
		return file(x.Cert, x.Key)
	case op.Unit:
		unit := Target{Kind: "unit", Name: x.Name, Undo: "inactive"}
		if x.Verb == "stop" {
			unit.Undo = "active"
		}
		// masked, enabled and changed units are files
		return append([]Target{unit}, file("/etc/systemd/system/"+x.Name, "/etc/systemd/system/"+x.Name+".d")...)
	case op.Sysctl:
		return []Target{{Kind: "sysctl", Name: x.Name, Key: x.Path(), Undo: strings.Join(strings.Fields(x.Old), " ")}}
	case op.SetGroupLimit:
		return []Target{{Kind: "group", Name: x.File, Key: x.File}}
	case op.SetIOLimit:
		return []Target{{Kind: "group", Name: x.File, Key: x.File}}
	case op.Freeze:
		name, was := x.Group+"/cgroup.freeze", map[bool]string{true: "0", false: "1"}
		if strings.Contains(x.Group, "/freezer/") { // the first version of control groups
			name, was = x.Group+"/freezer.state", map[bool]string{true: "THAWED", false: "FROZEN"}
		}
		return []Target{{Kind: "group", Name: name, Key: name, Undo: was[x.Frozen]}}
	case op.Unmount:
		return one("mount", x.Mount.Path)
	case op.MountOver:
		return []Target{{Kind: "mount", Name: x.Mount.Path, Undo: "gone"}}
	case op.PatchObject:
		return object(Target{Name: x.Path, Part: string(x.Patch)})
	case op.DeleteObject:
		return object(Target{Name: x.Path, Undo: "made"})
	case op.CreateObject:
		return object(Target{Name: x.Path, Undo: "removed"})
	case op.SetField:
		steps, err := json.Marshal(x.Field)
		if err != nil {
			return nil
		}
		return object(Target{Name: x.Path, Part: string(steps)})
	}
	return wires(o)
}

// object is a target that is an object. A lease is none: to be written again and
// again is what it is for.
func object(t Target) []Target {
	if strings.Contains(t.Name, "/leases/") {
		return nil
	}
	t.Kind = "object"
	return []Target{t}
}

// wires are the things of the network that an op changed in the host's own
// namespace. Of pods' namespaces nothing is heard.
func wires(o op.Op) []Target {
	host := func(ns uint64, t Target) []Target {
		if ns != 0 {
			return nil
		}
		return []Target{t}
	}
	switch x := o.(type) {
	case op.DeleteQdisc:
		return host(x.Qdisc.NetNS, Target{Kind: "qdisc", Name: x.Qdisc.Link, Undo: "added " + x.Qdisc.Kind})
	case op.AddQdisc:
		return host(x.Qdisc.NetNS, Target{Kind: "qdisc", Name: x.Qdisc.Link, Undo: "removed " + x.Qdisc.Kind})
	case op.DeleteRoute:
		return host(x.Route.NetNS, routeTarget(x.Route, "added"))
	case op.AddRoute:
		return host(x.Route.NetNS, routeTarget(x.Route, "removed"))
	case op.DeleteRule:
		return host(x.At.NetNS, filterTarget(x.At))
	case op.AddRule:
		return host(x.At.NetNS, filterTarget(x.At))
	case op.DeleteFilter:
		return host(x.At.NetNS, filterTarget(x.At))
	case op.AddFilter:
		return host(x.Filter.NetNS, filterTarget(x.Filter.FilterPlace))
	case op.GuardPorts:
		return []Target{{Kind: "ruleset", Name: x.String(), Key: "table inet " + x.Guard.Name}}
	case op.SetLink:
		t := Target{Kind: "link", Name: x.At.Link}
		switch {
		case x.NewMTU != x.OldMTU:
			t.Undo = fmt.Sprintf("MTU %d to %d", x.NewMTU, x.OldMTU)
		case x.NewUp != x.OldUp:
			t.Undo = map[bool]string{true: "set up", false: "set down"}[x.OldUp]
		}
		return host(x.At.NetNS, t)
	}
	return nil
}

func filterTarget(p op.FilterPlace) Target {
	p.Pod = ""
	return Target{Kind: "ruleset", Name: p.String(), Key: p.String()}
}

// routeTarget reads the text of a route, a rule of routing or a neighbour, see
// snapshot.Route.
func routeTarget(r op.Route, undo string) Target {
	words := strings.Fields(r.Text)
	after := func(name, none string) string {
		if i := slices.Index(words, name); i >= 0 && i+1 < len(words) {
			return words[i+1]
		}
		return none
	}
	switch r.Kind {
	case "rule":
		return Target{Kind: "policy", Name: r.Text, Key: after("priority", "0"), Undo: undo}
	case "neighbour":
		return Target{Kind: "neighbour", Name: r.Text}
	}
	to := ""
	if len(words) > 0 {
		to = words[0]
	}
	if slices.Contains([]string{"blackhole", "unreachable", "prohibit", "throw"}, to) && len(words) > 1 {
		to = words[1]
	}
	if to == "::/0" {
		to = "default"
	}
	return Target{Kind: "route", Name: r.Text, Key: fmt.Sprintf("%s table %s", to, after("table", "254")), Undo: undo}
}

// acts leave nothing behind that somebody could put back.
var acts = []string{"reload-units", "restart-static", "revive-static", "node-room", "etcd-snapshot", "etcd-compact", "etcd-defragment", "etcd-prove-write", "etcd-remember", "etcd-keep-quorum"}

// Unwatched says what repairs changed that cannot be watched, a line each.
func Unwatched(list []repair.Remain) []string {
	var out []string
	for _, s := range list {
		if len(targets(s.Op)) > 0 || slices.Contains(acts, s.Op.Kind()) || strings.Contains(s.Op.String(), "/leases/") {
			continue
		}
		if text := fmt.Sprintf("what repair %d did is not watched: %s", s.Number, s.Op); !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}
