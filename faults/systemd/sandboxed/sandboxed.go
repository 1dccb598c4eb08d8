// Package sandboxed is the fault of a unit whose settings take away folders or
// rights that its program needs.
package sandboxed

import (
	"errors"
	"fmt"
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
	ID:     "systemd/sandboxed",
	Layer:  fault.Systemd,
	Needs:  []snapshot.Section{snapshot.SectionSystemd},
	Uses:   []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletDown, Strength: symptom.Usually},
		{Symptom: symptom.RuntimeFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.RuntimeDown, Strength: symptom.Usually},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.SandboxFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.DiskReadOnly, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, u := range unit.Node(s) {
		if h := harms(u); len(h) > 0 {
			out = append(out, unit.Finding(u, h, unit.Said(s, u, "unit-exec-failed", "unit-environment-failed")...))
		}
	}
	return out
}

// harms are the lines of the unit that no package wrote and that take away
// what its program needs.
func harms(u snapshot.Unit) []unit.Harm {
	var out []unit.Harm
	for _, x := range u.Settings {
		if x.Section != "Service" || x.Replaced || !unit.Foreign(u, x.Source) || unknown(u, x) {
			continue
		}
		why, want := "", ""
		switch x.Key {
		case "ReadOnlyPaths", "InaccessiblePaths", "NoExecPaths", "TemporaryFileSystem", "BindPaths", "BindReadOnlyPaths":
			why, want = paths(u, x)
		case "CapabilityBoundingSet":
			why, want = capabilities(u, x)
		case "SystemCallFilter":
			why, want = calls(u, x.Value)
		default:
			why, want = plain(u, x)
		}
		if why != "" {
			out = append(out, unit.Harm{Setting: x, Why: why, Want: want})
		}
	}
	return out
}

// unknown reports whether a line names a user that is not there: it keeps the
// unit from being started, which is another fault, and takes nothing away.
func unknown(u snapshot.Unit, x snapshot.Setting) bool {
	return slices.ContainsFunc(u.Unmet, func(r snapshot.Requirement) bool {
		return r.Key == "User" && r.Source == x.Source && r.Line == x.Line
	})
}

// yes reports whether a setting switches something on.
func yes(v string) bool {
	return slices.Contains([]string{"yes", "true", "on", "1", "y", "t"}, strings.ToLower(v))
}

// plain judges the settings that are one word.
func plain(u snapshot.Unit, x snapshot.Setting) (why, want string) {
	kubelet, name := u.Name == unit.Kubelet, unit.Program(u)
	switch {
	case x.Key == "ProtectSystem" && x.Value == "strict":
		return "every file system is read-only for it", "no such line: " + name + " writes to " + folders(u)[0].path
	case x.Key == "ProtectControlGroups" && (yes(x.Value) || x.Value == "private" || x.Value == "strict"):
		return "it makes control groups for pods, and cannot", "no such line"
	case x.Key == "ProtectKernelTunables" && yes(x.Value) && !kubelet:
		return "its network plugins set sysctls, and cannot", "no such line"
	case x.Key == "ProcSubset" && x.Value == "pid":
		return "it reads /proc/meminfo and /proc/sys, and they are hidden", "no such line"
	case x.Key == "PrivateUsers" && (yes(x.Value) || x.Value == "self"):
		return "it is root in a user namespace of its own, and not on the node", "no such line"
	case x.Key == "PrivateDevices" && yes(x.Value) && !kubelet:
		return "it may not make the devices of containers", "no such line"
	case x.Key == "RestrictNamespaces" && x.Value != "no" && x.Value != "false" && !kubelet && !namespaces(x.Value):
		return "it may not make the namespaces of containers", "no such line"
	case x.Key == "User" && x.Value != "root" && x.Value != "0":
		return "it does not run as root", "no such line: it is root's work"
	case kubelet && ownMounts(x):
		return "it gets a mount namespace of its own, and what it mounts for pods is not seen by the runtime", "no such line: the kubelet shares the host's mounts"
	}
	return "", ""
}

// ownMounts reports whether a setting gives a service mounts of its own, from
// which nothing comes back to the host: systemd.exec(5), "Sandboxing".
func ownMounts(x snapshot.Setting) bool {
	switch x.Key {
	case "PrivateTmp", "PrivateMounts", "PrivateDevices", "ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs", "ProtectHostname":
		return yes(x.Value) || x.Value == "disconnected"
	case "ProtectHome":
		return yes(x.Value) || x.Value == "read-only" || x.Value == "tmpfs"
	case "ProtectSystem":
		return yes(x.Value) || x.Value == "full"
	case "MountFlags":
		return x.Value == "slave" || x.Value == "private"
	}
	return false
}

// namespaces reports whether a list of RestrictNamespaces allows what every
// container has.
func namespaces(v string) bool {
	deny, list := strings.HasPrefix(v, "~"), strings.Fields(strings.TrimPrefix(v, "~"))
	for _, n := range []string{"mnt", "net", "pid", "ipc", "uts"} {
		if slices.Contains(list, n) == deny {
			return false
		}
	}
	return true
}

// A folder is one that a component cannot do without.
type folder struct {
	path   string
	writes bool
}

func folders(u snapshot.Unit) []folder {
	if u.Name == unit.Kubelet {
		return []folder{{"/var/lib/kubelet", true}, {"/var/log/pods", true}, {"/run", true}, {"/sys/fs/cgroup", true}, {"/etc/kubernetes", false}, {"/proc", false}}
	}
	return []folder{{"/var/lib/" + unit.Program(u), true}, {"/run", true}, {"/sys/fs/cgroup", true}, {"/var/lib/cni", true}, {"/etc/cni/net.d", false}, {"/opt/cni/bin", false}}
}

// paths judges the lists of paths: each of them against each folder, above it
// or below.
func paths(u snapshot.Unit, x snapshot.Setting) (why, want string) {
	for w := range strings.FieldsSeq(x.Value) {
		p := strings.TrimLeft(w, "-+")
		from, to, ok := strings.Cut(p, ":")
		if !ok && x.Key == "BindPaths" {
			continue // shown where it is
		}
		if ok {
			p = to
			if x.Key == "TemporaryFileSystem" {
				p = from
			} else if i := strings.IndexByte(to, ':'); i >= 0 {
				p = to[:i]
			}
			if strings.HasPrefix(x.Key, "Bind") && p == from {
				continue
			}
		}
		for _, f := range folders(u) {
			if x.Key == "NoExecPaths" && f.path != "/opt/cni/bin" || (x.Key == "ReadOnlyPaths" || x.Key == "BindReadOnlyPaths" && p == f.path) && !f.writes {
				continue
			}
			if !within(f.path, p) && !within(p, f.path) || spared(u, f.path, p) {
				continue
			}
			verb := map[string]string{"ReadOnlyPaths": "it writes to %s, which is read-only for it", "InaccessiblePaths": "it needs %s, which is hidden from it",
				"NoExecPaths": "it runs what is in %s, and may not"}[x.Key]
			if verb == "" {
				verb = "it needs %s, and something else lies over it"
			}
			return fmt.Sprintf(verb, longer(f.path, p)), unit.Program(u) + " has " + f.path + " as it is"
		}
	}
	return "", ""
}

// spared reports whether a ReadWritePaths= line opens again what a broader one
// has closed.
func spared(u snapshot.Unit, folder, closed string) bool {
	for _, x := range u.Settings {
		if x.Key != "ReadWritePaths" || x.Replaced {
			continue
		}
		for w := range strings.FieldsSeq(x.Value) {
			if p := strings.TrimLeft(w, "-+"); within(folder, p) && len(p) > len(closed) {
				return true
			}
		}
	}
	return false
}

func longer(a, b string) string {
	if len(a) > len(b) {
		return a
	}
	return b
}

func within(name, dir string) bool {
	rest, ok := strings.CutPrefix(name, strings.TrimSuffix(dir, "/"))
	return ok && (rest == "" || rest[0] == '/')
}

// capabilities judges the set that the program is held to.
func capabilities(u snapshot.Unit, x snapshot.Setting) (why, want string) {
	need := []string{"CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SYS_PTRACE", "CAP_SYS_CHROOT", "CAP_SETUID", "CAP_SETGID"}
	if u.Name == unit.Kubelet {
		need = []string{"CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER"}
	}
	deny, list := strings.HasPrefix(x.Value, "~"), strings.Fields(strings.TrimPrefix(x.Value, "~"))
	var lost []string
	for _, c := range need {
		if slices.Contains(list, c) == deny && !added(u, x, c) {
			lost = append(lost, c)
		}
	}
	if len(lost) == 0 {
		return "", ""
	}
	return "it is denied " + strings.Join(lost, ", "), "no such line: it is root with every capability"
}

// added reports whether another line of the set gives the capability: they are
// merged.
func added(u snapshot.Unit, but snapshot.Setting, c string) bool {
	return slices.ContainsFunc(u.Settings, func(x snapshot.Setting) bool {
		return x.Key == but.Key && x != but && !strings.HasPrefix(x.Value, "~") && slices.Contains(strings.Fields(x.Value), c)
	})
}

// calls judges a filter of system calls by what a container runtime, or the
// kubelet, has to call.
func calls(u snapshot.Unit, v string) (why, want string) {
	if rest, deny := strings.CutPrefix(v, "~"); deny {
		for w := range strings.FieldsSeq(rest) {
			name, _, _ := strings.Cut(w, ":")
			if slices.Contains([]string{"@mount", "@privileged", "@network-io", "@process", "@file-system", "@basic-io", "@io-event", "mount", "umount2", "unshare", "clone", "execve", "socket", "connect", "openat"}, name) {
				return "it may not call " + name, "no such line"
			}
		}
		return "", ""
	}
	list := strings.Fields(v)
	if slices.Contains(list, "@mount") || slices.Contains(list, "mount") || slices.Contains(list, "@known") {
		return "", ""
	}
	return "it may not mount, and it mounts for every pod", "no such line"
}

func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	u, err := unit.OfUnit(s, f.Subject.Name)
	if err != nil {
		return nil, err
	}
	return unit.Without(s, u, unit.Lines(harms(u)), unit.Program(u)+" needs what it takes away")
}

// drill adds a drop-in that looks like hardening.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	units := slices.DeleteFunc(unit.Node(s), func(u snapshot.Unit) bool { return !unit.Runs(u) })
	if len(units) == 0 {
		return nil, errors.New("cannot sandbox a unit: none of the node's runs")
	}
	u := fault.Pick(d, units)
	line := fault.Pick(d, map[bool][]string{
		true:  {"ReadOnlyPaths=/var/lib", "InaccessiblePaths=/etc/kubernetes", "ProtectSystem=strict", "ReadOnlyPaths=/var/lib/kubelet", "TemporaryFileSystem=/var/lib/kubelet"},
		false: {"ProtectSystem=strict", "ReadOnlyPaths=/var/lib/containerd /var/cache", "ReadOnlyPaths=/var/lib", "InaccessiblePaths=-/var/lib/" + unit.Program(u), "ReadOnlyPaths=/run"},
	}[u.Name == unit.Kubelet])
	return unit.Drop(u, d, "[Service]\n"+fault.Pick(d, []string{"LockPersonality=yes\n", "UMask=0022\n", ""})+line+"\n"), nil
}
