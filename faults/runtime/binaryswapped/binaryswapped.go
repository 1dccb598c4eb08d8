// Package binaryswapped is the fault of a container runtime whose programs are
// gone, cannot run, or are others.
package binaryswapped

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/cri"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "runtime/binaryswapped",
	Layer:  fault.Runtime,
	Needs:  []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionKubelet},
	Uses:   []snapshot.Section{snapshot.SectionSystemd, snapshot.SectionPrograms, snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.SandboxRefused, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually},
		{Symptom: symptom.ContainersFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.RuntimeFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.RuntimeDown, Strength: symptom.Sometimes},
		{Symptom: symptom.CommandsMislead, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

// A part is a program of the runtime.
type part struct {
	role string
	snapshot.Binary
	why string
}

// mains are the main packages of the programs that bear these names. A name of
// another runtime is nobody's here.
var mains = map[string]string{
	"runc":                    "github.com/opencontainers/runc",
	"containerd":              "/cmd/containerd",
	"containerd-shim-runc-v2": "/cmd/containerd-shim-runc-v2",
	"crio":                    "/cmd/crio",
}

// parts are the programs of the default runtime that are wrong, and the
// runtime's own.
func parts(s *snapshot.Snapshot) []part {
	c := s.Runtime.Settings
	if !cri.Used(s) || !cri.Readable(s.Runtime) {
		return nil
	}
	var all []part
	for _, h := range c.Handlers {
		if h.Name == c.DefaultHandler && h.Binary != nil && !configured(s, h, "options/BinaryName", h.Binary) {
			all = append(all, part{"the program that starts containers", *h.Binary, ""})
		}
		if h.Name == c.DefaultHandler && h.ShimBinary != nil && !configured(s, h, "runtime_type", h.ShimBinary) && !configured(s, h, "runtime_path", h.ShimBinary) {
			all = append(all, part{"the shim that holds containers", *h.ShimBinary, ""})
		}
	}
	if b, ok := server(s); ok {
		all = append(all, part{"the container runtime", b, ""})
	}
	var out []part
	for _, p := range all {
		if p.why = wrong(p.Binary); p.why != "" {
			out = append(out, p)
		}
	}
	return out
}

// configured reports whether a setting names a program that is not there:
// then the setting is what is wrong.
func configured(s *snapshot.Snapshot, h snapshot.RuntimeHandler, key string, b *snapshot.Binary) bool {
	x, ok := cri.Setting(s.Runtime, cri.Runtime+"containerd/runtimes/"+h.Name+"/"+key)
	usual := key == "runtime_type" && x.Value == "io.containerd.runc.v2"
	return ok && x.Value != "" && !usual && b.Error == "not found"
}

// server is the program that the runtime's unit starts.
func server(s *snapshot.Snapshot) (snapshot.Binary, bool) {
	u, ok := cri.Unit(s)
	x, has := u.Last("Service", "ExecStart")
	if !ok || !has || s.Programs == nil {
		return snapshot.Binary{}, false
	}
	words := strings.Fields(strings.TrimLeft(x.Value, "@-:+!"))
	for _, p := range s.Programs.List {
		if len(words) > 0 && (p.Path == words[0] || slices.Contains(p.Names, words[0])) && p.Container == "" && !p.Deleted {
			return p.Binary, true
		}
	}
	return snapshot.Binary{}, false
}

// wrong says why a file cannot be the program that its name says, or "".
func wrong(b snapshot.Binary) string {
	name := path.Base(b.Path)
	want := mains[name]
	switch {
	case b.Error == "not found":
		return "it is not there"
	case b.Error != "":
		return ""
	case b.Size == 0:
		return "it is empty"
	case b.Script != "" && want != "":
		return "it is a script for " + b.Script + ", and no program"
	case !b.ELF && b.Script == "":
		return "it is no program"
	case !b.Executable():
		return fmt.Sprintf("its mode is %04o: nobody may run it", b.Mode)
	case want != "" && b.GoMain != "" && !strings.HasSuffix(b.GoMain, want) && b.GoMain != "command-line-arguments" && b.PackageSum != "same":
		return "it is " + b.GoMain
	case b.PackageSum == "differs":
		return "it is not the file of the package " + b.Package
	}
	return ""
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, p := range parts(s) {
		fact := finding.Fact{Source: p.Path, Got: fmt.Sprintf("%s: %d bytes, mode %04o", p.why, p.Size, p.Mode), Want: "the program " + path.Base(p.Path)}
		if p.Package != "" {
			fact.Want += " of the package " + p.Package
		}
		facts := append([]finding.Fact{fact}, cri.Answer(s.Runtime)...)
		out = append(out, finding.Finding{
			Subject:  finding.Subject{Kind: "file", Name: p.Path},
			Summary:  fmt.Sprintf("%s, %s, is not what it should be: %s", p.role, p.Path, p.why),
			Facts:    append(facts, cri.Said(s, "kubelet-sandbox-failed", "containerd-runtime-missing")...),
			Commands: cri.Commands(s, "ls -l "+p.Path, "file "+p.Path, "dpkg -V $(dpkg -S "+p.Path+" | cut -d: -f1)"),
		})
	}
	return out
}

// remedy gives the program its run bits back. Its content is in no snapshot.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, p := range parts(s) {
		name := p.Path
		if p.Target != "" {
			name = p.Target
		}
		switch {
		case p.Path != f.Subject.Name:
		case p.Size > 0 && p.ELF && !p.Executable():
			return op.Plan{op.Chmod{Path: name, Old: fs.FileMode(p.Mode & 0o777), New: 0o755}}, nil
		case p.Package != "":
			return nil, fmt.Errorf("cannot bring back %s: install the package %s again", p.Path, p.Package)
		default:
			return nil, fmt.Errorf("cannot bring back %s: copy it from another node, or install its release again", p.Path)
		}
	}
	return nil, errors.New("cannot bring back a program of the runtime: they are as they should be")
}

// drill takes the run bits of the shim away, which no one types as a command,
// and lets a pod come that needs it.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Kubelet == nil || len(parts(s)) > 0 || !cri.Used(s) {
		return nil, errors.New("cannot break the runtime's programs: they are not in order now")
	}
	var programs []snapshot.Binary
	for _, h := range s.Runtime.Settings.Handlers {
		if b := h.ShimBinary; h.Name == s.Runtime.Settings.DefaultHandler && b != nil && b.ELF && b.Target == "" {
			programs = append(programs, *b)
		}
	}
	if len(programs) == 0 {
		return nil, errors.New("cannot break the runtime's programs: none is a file of its own")
	}
	b := fault.Pick(d, programs)
	mode := fs.FileMode(b.Mode & 0o777)
	pod, err := cri.Newcomer(s, d)
	return op.Plan{op.Chmod{Path: b.Path, Old: mode, New: fault.Pick(d, []fs.FileMode{mode &^ 0o111, 0o600, 0o640})}, pod}, err
}
