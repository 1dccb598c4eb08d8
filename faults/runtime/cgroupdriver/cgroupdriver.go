// Package cgroupdriver is the fault of a kubelet and a runtime that manage
// control groups in two ways.
package cgroupdriver

import (
	"errors"
	"fmt"
	"strconv"
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
	ID:     "runtime/cgroupdriver",
	Layer:  fault.Runtime,
	Needs:  []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionKubelet, snapshot.SectionLogs},
	Uses:   []snapshot.Section{snapshot.SectionSystemd},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.SandboxRefused, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually},
		{Symptom: symptom.ContainersFailing, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

// key is the setting of containerd that decides, of its default runtime.
func key(r *snapshot.Runtime) string {
	return cri.Runtime + "containerd/runtimes/" + r.Settings.DefaultHandler + "/options/SystemdCgroup"
}

// drivers are what the runtime and the kubelet are configured to, or "".
func drivers(s *snapshot.Snapshot) (runtime, kubelet string) {
	for _, h := range s.Runtime.Settings.Handlers {
		if h.Name == s.Runtime.Settings.DefaultHandler {
			runtime = "cgroupfs"
			if h.SystemdCgroup == snapshot.Yes {
				runtime = "systemd"
			}
		}
	}
	return runtime, s.Kubelet.CgroupDriver
}

// asks reports whether the kubelet takes the driver from the runtime as it
// starts: since Kubernetes v1.31, and where the runtime tells it, which
// containerd does since 2.0.
func asks(s *snapshot.Snapshot) bool {
	_, minor, _ := strings.Cut(s.Kubelet.Version, ".")
	minor, _, _ = strings.Cut(minor, ".")
	n, _ := strconv.Atoi(minor)
	version := s.Runtime.Version
	for _, h := range s.Runtime.Settings.Handlers {
		if _, v, ok := strings.Cut(moduleOf(h), " "); ok && version == "" {
			version = v
		}
	}
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	m, _ := strconv.Atoi(major)
	return n >= 31 && m >= 2
}

func moduleOf(h snapshot.RuntimeHandler) string {
	if h.ShimBinary == nil {
		return ""
	}
	return h.ShimBinary.GoModule
}

// detect tells of two drivers where nothing makes them one, or where the log
// shows that they meet: a kubelet that was started before the runtime's
// configuration changed goes on as it was told.
func detect(s *snapshot.Snapshot) []finding.Finding {
	r := s.Runtime
	if !cri.Used(s) || !cri.Readable(r) || r.Settings.Kind != "containerd" {
		return nil
	}
	runtime, kubelet := drivers(s)
	met := cri.Said(s, "kubelet-cgroup-driver")
	if runtime == "" || kubelet == "" || len(met) == 0 && (runtime == kubelet || asks(s)) || runtime != "systemd" && len(met) > 0 {
		return nil
	}
	facts := []finding.Fact{{Source: r.Settings.Kind, Got: "SystemdCgroup is false by default: " + runtime, Want: "the kubelet's: " + kubelet}}
	where := "by default"
	if x, ok := cri.Setting(r, key(r)); ok {
		where, facts = fmt.Sprintf("%s:%d", x.Path, x.Line), cri.Quote(r, x, "the kubelet's driver: "+kubelet)
	}
	told := finding.Fact{Source: "kubelet", Got: "cgroupDriver: " + kubelet}
	if e, ok := s.Kubelet.Effective["cgroupDriver"]; ok {
		told.Source, told.Line = e.Source, e.Line
	}
	if asks(s) {
		told.Got += ", which the runtime's answer replaces when the kubelet starts"
	}
	summary := fmt.Sprintf("the runtime makes control groups by %s (%s), the kubelet by %s", runtime, where, kubelet)
	if runtime == kubelet {
		summary = fmt.Sprintf("the runtime makes control groups by %s (%s), and the kubelet that runs was started when it did not", runtime, where)
	}
	return []finding.Finding{{
		Subject:  finding.Subject{Kind: "setting", Name: key(r)},
		Summary:  summary,
		Facts:    append(append(facts, told), met...),
		Commands: cri.Commands(s, "containerd config dump | grep SystemdCgroup", "grep cgroupDriver /var/lib/kubelet/config.yaml", "ls -d /sys/fs/cgroup/kubepods* /sys/fs/cgroup/*/kubepods* 2>/dev/null"),
	}}
}

// remedy lets the runtime do as the kubelet does: the node's pods are in
// groups that the kubelet made.
func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	runtime, kubelet := drivers(s)
	if runtime == kubelet {
		return op.Plan{op.Unit{Verb: "restart", Name: "kubelet.service"}}, nil
	}
	want := fmt.Sprint(kubelet == "systemd")
	x, ok := cri.Setting(s.Runtime, key(s.Runtime))
	if !ok {
		return cri.Put(s, key(s.Runtime), want)
	}
	t, _ := cri.File(s.Runtime, x.Path)
	return cri.Change(s, x.Path, x.Line, []string{cri.Assign(t, x.Line, want)}, "the kubelet's driver, "+kubelet)
}

// drill makes the runtime ask systemd for groups on a node whose kubelet makes
// them itself, and lets a pod come.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Kubelet == nil || s.Runtime == nil || !cri.Used(s) {
		return nil, errors.New("cannot part the drivers of control groups: they are not known")
	}
	if runtime, kubelet := drivers(s); runtime != "cgroupfs" || kubelet != "cgroupfs" {
		return nil, fmt.Errorf("cannot part the drivers of control groups: the runtime's is %q, the kubelet's %q", runtime, kubelet)
	}
	pod, err := cri.Newcomer(s, d)
	if err != nil {
		return nil, err
	}
	plan, err := cri.Set(s, d, key(s.Runtime), "true")
	return append(plan, pod), err
}
