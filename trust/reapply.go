package trust

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/script"
	"github.com/klustered/klustered/snapshot"
)

// An Undoing is something that runs by itself and puts a break back that is in
// force now, so that a repair does not last.
type Undoing struct {
	Entry  snapshot.Persistent
	Deed   script.Deed
	Object string // the thing that is broken: a unit, a file, a setting
	// Facts are the line that does it, and what shows that it is in force.
	Facts []finding.Fact
}

// Undoings are the entries that run by themselves, are no package's, and do
// what is in force on the node and hurts what Kubernetes needs. It reads
// section persistence, and systemd, sysctls, static, cni, processes and files
// where they are there. Limits of control groups and of interfaces are left to
// those who know what they hold back.
func Undoings(s *snapshot.Snapshot) []Undoing {
	if s.Persistence == nil {
		return nil
	}
	var out []Undoing
	for _, e := range s.Persistence.Entries {
		if !e.Enabled && !e.Running || e.Package != "" {
			continue
		}
		out = append(out, undoings(s, e, e.Command, e.Source, max(e.Line, 1)-1)...)
		for _, t := range e.Scripts {
			out = append(out, undoings(s, e, t.Content, t.Path, 0)...)
		}
	}
	return out
}

// undoings are those of one text, whose first line is line before+1 of a file.
func undoings(s *snapshot.Snapshot, e snapshot.Persistent, text, file string, before int) []Undoing {
	var out []Undoing
	type deed struct{ kind, verb, object string }
	seen := map[deed]bool{}
	for _, d := range script.Deeds(text) {
		k := deed{d.Kind, d.Verb, d.Object}
		if seen[k] {
			continue
		}
		seen[k] = true
		object, how, want := inForce(s, d, text)
		if how == "" || slices.ContainsFunc(out, func(u Undoing) bool { return u.Object == object }) {
			continue
		}
		out = append(out, Undoing{Entry: e, Deed: d, Object: object, Facts: []finding.Fact{
			{Source: file, Line: before + d.Line, Got: shown(d.Text), Want: "nothing that does this by itself"},
			{Source: object, Got: how, Want: want},
		}})
	}
	return out
}

// needed are the units that a node needs to run.
var needed = []string{"kubelet.service", "containerd.service", "crio.service", "docker.service", "cri-docker.service", "etcd.service", "k3s.service", "k3s-agent.service", "rke2-server.service", "rke2-agent.service"}

// static are kubeadm's manifests of a control plane.
var static = []string{"etcd.yaml", "kube-apiserver.yaml", "kube-controller-manager.yaml", "kube-scheduler.yaml"}

// off are the settings that Kubernetes needs to be on.
var off = []string{"net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding", "net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables"}

// inForce says what is broken now just as a deed breaks it: the thing, how it
// is, and how it should be. A text that puts it right again afterwards, such as
// a restart, does not break it.
func inForce(s *snapshot.Snapshot, d script.Deed, text string) (object, how, want string) {
	switch d.Kind {
	case "unit":
		name := d.Object
		if !strings.Contains(name, ".") {
			name += ".service"
		}
		if !slices.Contains(needed, name) || starts(text, d.Object) || s.Systemd == nil {
			return "", "", ""
		}
		u, ok := s.Systemd.Unit(name)
		if ok && (u.Masked && d.Verb == "mask" || d.Verb != "disable" && (u.Active == "inactive" || u.Active == "failed")) {
			return name, strings.TrimSpace("ActiveState=" + u.Active + " " + u.Load), "active"
		}
	case "sysctl":
		key, value, _ := strings.Cut(d.Object, "=")
		if s.Sysctls == nil || !slices.Contains(off, key) || strings.Trim(value, ` "'`) != "0" {
			return "", "", ""
		}
		for _, x := range s.Sysctls.Keys {
			if x.Key == key && x.There && strings.TrimSpace(x.Value) == "0" {
				return key, key + " = 0", key + " = 1"
			}
		}
	case "process":
		name := strings.Trim(d.Object, `"'^$`)
		if s.Processes == nil || !slices.Contains(components, name) || starts(text, name) {
			return "", "", ""
		}
		for _, p := range s.Processes.List {
			if (p.Name == name || strings.HasPrefix(name, p.Name) && len(p.Name) == 15) && p.State == "T" {
				return name, fmt.Sprintf("process %d is stopped (state T)", p.PID), "a process that runs"
			}
		}
	case "fixed":
		if s.Files != nil && slices.ContainsFunc(s.Files.Fixed, func(f snapshot.Special) bool { return f.Path == d.Object }) && guarded(d.Object) {
			return d.Object, "it is immutable", "a file that can be written"
		}
	case "file":
		return ofFile(s, d)
	}
	return "", "", ""
}

// starts reports whether a text also starts what it stops.
func starts(text, name string) bool {
	name = strings.TrimSuffix(name, ".service")
	for _, c := range script.Commands(text) {
		prog, args := c.Call()
		if base := path.Base(prog); base != "systemctl" && base != "service" {
			continue
		}
		if slices.ContainsFunc(args, func(a string) bool { return strings.TrimSuffix(a, ".service") == name }) &&
			slices.ContainsFunc(args, func(a string) bool {
				return a == "start" || a == "restart" || a == "try-restart" || a == "reload-or-restart" || a == "enable" || a == "unmask"
			}) {
			return true
		}
	}
	return false
}

// guarded reports whether a file is Kubernetes' or its runtime's.
func guarded(name string) bool {
	return slices.ContainsFunc([]string{"/etc/kubernetes/", "/var/lib/kubelet/", "/etc/cni/", "/opt/cni/", "/etc/containerd/"}, func(dir string) bool { return strings.HasPrefix(name, dir) })
}

// ofFile judges a file that is removed or written: a manifest of the control
// plane that is not there, a pod network's configuration that is gone or does
// not parse.
func ofFile(s *snapshot.Snapshot, d script.Deed) (object, how, want string) {
	dir, base := path.Split(d.Object)
	switch {
	case s.Static != nil && path.Clean(dir) == s.Static.Dir && slices.Contains(static, base) && d.Verb == "remove":
		others := false
		for _, m := range s.Static.Manifests {
			if m.Path == d.Object {
				return "", "", ""
			}
			others = others || slices.Contains(static, path.Base(m.Path))
		}
		if others {
			return d.Object, "it is not there", "the manifest of the control plane"
		}
	case s.CNI != nil && path.Clean(dir) == "/etc/cni/net.d":
		sound := slices.ContainsFunc(s.CNI.Files, func(f snapshot.CNIFile) bool { return f.Error == "" })
		at := slices.IndexFunc(s.CNI.Files, func(f snapshot.CNIFile) bool { return f.Path == d.Object })
		switch {
		case d.Verb == "remove" && !sound && at < 0:
			return d.Object, "no configuration of a pod network is there", "the pod network's file"
		case d.Verb == "write" && at >= 0 && s.CNI.Files[at].Error != "":
			return d.Object, "it does not parse: " + s.CNI.Files[at].Error, "no such file"
		}
	}
	return "", "", ""
}
