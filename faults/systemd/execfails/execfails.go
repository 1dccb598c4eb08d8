// Package execfails is the fault of a unit whose program cannot be started.
package execfails

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/unit"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "systemd/execfails",
	Layer:  fault.Systemd,
	Needs:  []snapshot.Section{snapshot.SectionSystemd},
	Uses:   []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletDown, Strength: symptom.Usually},
		{Symptom: symptom.RuntimeFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.RuntimeDown, Strength: symptom.Usually},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, u := range unit.Node(s) {
		bad := slices.DeleteFunc(slices.Clone(u.Unmet), func(r snapshot.Requirement) bool { return r.Optional })
		switch {
		case len(bad) > 0:
			out = append(out, wanting(s, u, bad))
		case u.Active != "" && !unit.Runs(u):
			out = append(out, stepped(s, u)...)
		}
	}
	return out
}

// wanting tells of lines that want what is not there.
func wanting(s *snapshot.Snapshot, u snapshot.Unit, bad []snapshot.Requirement) finding.Finding {
	r := bad[0]
	f := finding.Finding{
		Subject:  finding.Subject{Kind: "unit", Name: u.Name},
		Summary:  fmt.Sprintf("%s cannot start: %s=%s in %s:%d, and %s", u.Name, r.Key, r.Value, r.Source, r.Line, r.Error),
		Commands: []string{"systemctl status " + u.Name, "systemctl cat " + u.Name, "ls -l " + strings.TrimPrefix(r.Value, "!")},
	}
	if unit.Runs(u) {
		f.Summary = strings.Replace(f.Summary, "cannot start", "cannot start again", 1)
	}
	for _, r := range bad {
		f.Facts = append(f.Facts, finding.Fact{Source: r.Source, Line: r.Line, Got: fmt.Sprintf("%s=%s: %s", r.Key, r.Value, r.Error), Want: wish(r.Key)})
	}
	f.Facts = append(f.Facts, unit.State(u)...)
	if !unit.Runs(u) {
		f.Facts = append(f.Facts, unit.Said(s, u, "unit-exec-failed", "unit-environment-failed")...)
	}
	return f
}

// wish says what a line of that key wants.
func wish(key string) string {
	switch {
	case strings.HasPrefix(key, "Exec"):
		return "a program that can be run"
	case key == "User", key == "Group":
		return "a name that the node knows"
	case strings.HasPrefix(key, "Condition"), strings.HasPrefix(key, "Assert"):
		return "a condition that holds"
	}
	return "a path that is there"
}

// steps are the settings that systemd applies in a step before the program is
// started: src/core/exec-invoke.c and exit-status.c of systemd.
var steps = map[string][]string{
	"NAMESPACE":    {"BindPaths", "BindReadOnlyPaths", "InaccessiblePaths", "MountFlags", "PrivateDevices", "PrivateTmp", "ProtectHome", "ProtectSystem", "ReadOnlyPaths", "ReadWritePaths", "RootDirectory", "RootImage", "TemporaryFileSystem"},
	"CAPABILITIES": {"AmbientCapabilities", "CapabilityBoundingSet"}, "SECCOMP": {"SystemCallArchitectures", "SystemCallFilter"},
	"NETWORK": {"NetworkNamespacePath", "PrivateNetwork"}, "NETWORK_NAMESPACE": {"NetworkNamespacePath"},
	"APPARMOR_PROFILE": {"AppArmorProfile"}, "APPARMOR": {"AppArmorProfile"}, "SELINUX_CONTEXT": {"SELinuxContext"}, "LIMITS": {"LimitNOFILE", "LimitNPROC", "LimitMEMLOCK"},
	"CGROUP": {"Slice"}, "CHROOT": {"RootDirectory"}, "CHDIR": {"WorkingDirectory"}, "USER": {"User"}, "GROUP": {"Group"}, "STDIN": {"StandardInput"},
	"STDOUT": {"StandardOutput"}, "STDERR": {"StandardError"}, "CPUAFFINITY": {"CPUAffinity"}, "NUMA_POLICY": {"NUMAPolicy"}, "NICE": {"Nice"}, "OOM_ADJUST": {"OOMScoreAdjust"},
	"STATE_DIRECTORY": {"StateDirectory"}, "RUNTIME_DIRECTORY": {"RuntimeDirectory"}, "CREDENTIALS": {"LoadCredential", "SetCredential"}, "USER_NAMESPACING": {"PrivateUsers"},
	"EXEC": {"ExecStart", "ExecStartPre", "ExecCondition"},
}

// lately is how old systemd's own word may be.
const lately = 2 * time.Minute

// stepped tells of a unit that the manager fails to start, by its own word: at
// which step, and which lines of the unit that step applies.
func stepped(s *snapshot.Snapshot, u snapshot.Unit) []finding.Finding {
	if s.Logs == nil {
		return nil
	}
	for _, o := range s.Logs.Seen("unit-exec-failed", s.At, lately) {
		if o.Params["unit"] != u.Name || o.Params["step"] == "" {
			continue
		}
		f := finding.Finding{
			Subject:  finding.Subject{Kind: "unit", Name: u.Name},
			Summary:  fmt.Sprintf("%s cannot start: systemd fails at the step %s: %s", u.Name, o.Params["step"], o.Params["error"]),
			Commands: []string{"systemctl status " + u.Name, "journalctl -u " + u.Name + " -n 20", "systemctl cat " + u.Name},
		}
		f.Facts = append(f.Facts, finding.Fact{Source: o.Source, Got: o.Sample, Want: "a started " + unit.Program(u), At: o.Last})
		for _, x := range u.Settings {
			if !x.Replaced && slices.Contains(steps[o.Params["step"]], x.Key) {
				f.Facts = append(f.Facts, unit.Quote(x, ""))
			}
		}
		f.Facts = append(f.Facts, unit.State(u)...)
		return []finding.Finding{f}
	}
	return nil
}
