// Package module is the fault of a module of the kernel that something on the
// node works by, and that is not loaded.
package module

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. Where the loader of modules is
// masked, that is systemd/masked.
var Fault = &fault.Fault{
	ID:     "host/module",
	Layer:  fault.Host,
	Needs:  []snapshot.Section{snapshot.SectionModules, snapshot.SectionSystemd},
	Uses:   []snapshot.Section{snapshot.SectionLogs, snapshot.SectionNetwork, snapshot.SectionKubelet, snapshot.SectionSysctls},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes},
		{Symptom: symptom.PodNetworkDown, Strength: symptom.Sometimes},
		{Symptom: symptom.SandboxFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.SandboxRefused, Strength: symptom.Sometimes},
		{Symptom: symptom.ContainersFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.RuntimeDown, Strength: symptom.Sometimes},
		{Symptom: symptom.ImagesFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
		{Symptom: symptom.PodTrafficSlow, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.NodePortDegraded, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
}

const loader = "systemd-modules-load.service"

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	spoken := map[string]bool{}
	for _, n := range s.Modules.Needed {
		if there(n) || masked(s, n.Name) {
			continue
		}
		facts := missed(s, n, spoken)
		if len(facts) == 0 {
			continue
		}
		out = append(out, finding.Finding{
			Subject:  finding.Subject{Kind: "module", Name: n.Name},
			Summary:  fmt.Sprintf("the kernel module %s is missed and not loaded: %s", n.Name, because(s.Modules, n)),
			Facts:    append(facts, kept(s.Modules, n)...),
			Commands: []string{"lsmod | grep " + n.Name, "modprobe -v " + n.Name, "grep -rn " + n.Name + " /etc/modprobe.d /etc/modules-load.d /proc/cmdline"},
		})
	}
	return out
}

func there(n snapshot.NeededModule) bool { return n.State == "loaded" || n.State == "builtin" }

// masked reports whether the module would be loaded at boot if the unit that
// does so were not masked.
func masked(s *snapshot.Snapshot, name string) bool {
	u, _ := s.Systemd.Unit(loader)
	return u.Masked && slices.ContainsFunc(s.Modules.Lines, func(l snapshot.ModuleLine) bool { return l.Kind == "load" && same(l.Module, name) })
}

// same compares names of modules, in which - and _ are one.
func same(a, b string) bool {
	return strings.ReplaceAll(a, "-", "_") == strings.ReplaceAll(b, "-", "_")
}

// because says in some words why the module is not there.
func because(m *snapshot.Modules, n snapshot.NeededModule) string {
	switch {
	case len(barring(m, n.Name)) > 0:
		l := barring(m, n.Name)[0]
		return fmt.Sprintf("%s:%d keeps it from being loaded", l.File, l.Line)
	case !m.Supported:
		return "this kernel loads no modules"
	case n.State == "absent" || n.State == "listed":
		return "the files of the running kernel " + m.Release + " do not have it"
	case m.Dir == "":
		return "the folder of the running kernel's modules, /lib/modules/" + m.Release + ", is not there"
	case m.Disabled:
		return "loading modules has been switched off until the next boot"
	}
	return "nothing loads it"
}

// barring are the lines that keep a module from being loaded: one that names
// it as not to be loaded by itself, and one that runs something in its place
// that does not load it either.
func barring(m *snapshot.Modules, name string) []snapshot.ModuleLine {
	var out []snapshot.ModuleLine
	for _, l := range m.Lines {
		instead := l.Kind == "install" && !strings.Contains(l.Value, "modprobe") && !strings.Contains(l.Value, "insmod")
		if same(l.Module, name) && (l.Kind == "blacklist" || instead) {
			out = append(out, l)
		}
	}
	return out
}

// kept quotes what keeps the module from being loaded.
func kept(m *snapshot.Modules, n snapshot.NeededModule) []finding.Fact {
	var out []finding.Fact
	for _, l := range barring(m, n.Name) {
		out = append(out, finding.Fact{Source: l.File, Line: l.Line, Got: l.Raw, Want: "no such line"})
	}
	if m.Disabled {
		out = append(out, finding.Fact{Source: "/proc/sys/kernel/modules_disabled", Got: "1", Want: "0"})
	}
	state := finding.Fact{Source: n.Source, Got: n.State + ", and not loaded", Want: "loaded"}
	if n.Source == "" {
		state.Source, state.Got = "/proc/modules", "not there"
	}
	return append(out, state)
}

// remedy takes away what keeps the module from being loaded, names it among
// those that are loaded at boot, and lets systemd load them.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	m, name := s.Modules, f.Subject.Name
	n, _ := m.NeededModule(name)
	switch {
	case n.State != "available":
		return nil, fmt.Errorf("cannot load %s: %s; install the package of the kernel's modules, or boot the kernel that is installed", name, because(m, n))
	case m.Disabled:
		return nil, fmt.Errorf("cannot load %s: kernel.modules_disabled is 1 and stays so until the next boot; find what sets it and boot", name)
	}
	if u, ok := s.Systemd.Unit(loader); !ok || u.Path == "" || u.Masked {
		return nil, errors.New("cannot load a module: systemd has no " + loader + " to do it")
	}
	var plan op.Plan
	files := slices.Clone(m.Files)
	for _, l := range slices.Backward(barring(m, name)) {
		i := slices.IndexFunc(files, func(t snapshot.Text) bool { return t.Path == l.File })
		if i < 0 {
			return nil, fmt.Errorf("cannot load %s: %s says not to; change what the boot loader gives the kernel, and boot", name, l.File)
		}
		files[i].Content = without(files[i].Content, l)
	}
	for i, t := range files {
		if t.Content == m.Files[i].Content {
			continue
		}
		o, err := fault.Rewrite(m.Files[i], t.Content, "it keeps "+name+" from being loaded")
		if err != nil {
			return nil, err
		}
		plan = append(plan, o)
	}
	if !slices.ContainsFunc(m.Lines, func(l snapshot.ModuleLine) bool { return l.Kind == "load" && same(l.Module, name) }) {
		plan = append(plan, op.WriteFile{Path: "/etc/modules-load.d/zz-" + name + ".conf", Data: []byte(name + "\n"), Mode: 0o644, Why: "it is loaded at boot"})
	}
	return append(plan, op.Unit{Verb: "restart", Name: loader}), nil
}

// without is a file's text with a line of modprobe.d, and those that go on
// from it, made a comment.
func without(text string, l snapshot.ModuleLine) string {
	lines := strings.Split(text, "\n")
	for i := l.Line - 1; i >= 0 && i < len(lines); i++ {
		goes := strings.HasSuffix(strings.TrimSpace(lines[i]), `\`)
		lines[i] = "# " + strings.TrimSuffix(strings.TrimSpace(lines[i]), `\`)
		if !goes {
			break
		}
	}
	return strings.Join(lines, "\n")
}
