// Package confined is the fault of a component that AppArmor or SELinux keeps
// from its work.
package confined

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/ground"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "host/confined",
	Layer:  fault.Host,
	Needs:  []snapshot.Section{snapshot.SectionLogs},
	Uses:   []snapshot.Section{snapshot.SectionTrail, snapshot.SectionKernel, snapshot.SectionSystemd, snapshot.SectionProcesses, snapshot.SectionStatic},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletCrashing, Strength: symptom.Sometimes},
		{Symptom: symptom.KubeletDown, Strength: symptom.Sometimes},
		{Symptom: symptom.RuntimeFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.RuntimeDown, Strength: symptom.Sometimes},
		{Symptom: symptom.SandboxFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.SandboxRefused, Strength: symptom.Sometimes},
		{Symptom: symptom.ContainersFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.EtcdDown, Strength: symptom.Sometimes},
		{Symptom: symptom.APIDown, Strength: symptom.Sometimes},
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes},
		{Symptom: symptom.NamespaceStuck, Strength: symptom.Sometimes, Cluster: true}, // pods that cannot be killed
	},
}

// since is how old a denial may be: what fails is tried again every five
// minutes at last.
const since = 15 * time.Minute

// components are the programs that a node works by, as the kernel names their
// processes, in 15 bytes.
var components = []string{"kubelet", "containerd", "containerd-shim", "runc", "crun", "crio", "conmon", "dockerd",
	"etcd", "kube-apiserver", "kube-controller", "kube-scheduler", "kube-proxy", "coredns"}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, d := range denials(s) {
		name := d.component()
		if name == "" || s.At.Sub(d.at) > since {
			continue
		}
		harm := harm(s, d, name)
		subject := finding.Subject{Kind: "program", Name: name}
		if len(harm) == 0 || slices.ContainsFunc(out, func(f finding.Finding) bool { return f.Subject == subject }) {
			continue
		}
		out = append(out, finding.Finding{
			Subject:  subject,
			Summary:  fmt.Sprintf("%s keeps %s from its work: %s is denied", d.by(), name, d.what()),
			Facts:    slices.Concat([]finding.Fact{{Source: d.source, Got: d.text, At: d.at, Want: "not denied"}}, rules(s, d), harm),
			Commands: d.commands(),
		})
	}
	return out
}

// harm is how the denial shows: the component says itself that it was denied
// that, or it does not run.
func harm(s *snapshot.Snapshot, d denial, component string) []finding.Fact {
	out := ground.Said(s, since, func(_, line string) bool { return d.told(line) })
	switch component {
	case "kubelet", "containerd", "crio", "dockerd":
		if s.Systemd == nil {
			break
		}
		unit := strings.TrimSuffix(component, "d") + "d.service"
		if component != "containerd" && component != "dockerd" {
			unit = component + ".service"
		}
		if u, ok := s.Systemd.Unit(unit); ok && (u.Active == "failed" || u.Active == "activating") {
			out = append(out, finding.Fact{Source: unit, Got: "ActiveState=" + u.Active + " SubState=" + u.Sub, Want: "ActiveState=active"})
		}
	case "etcd", "kube-apiserver", "kube-controller", "kube-scheduler":
		if file := manifest(s, component); file != "" && !runs(s, component) {
			out = append(out, finding.Fact{Source: file, Got: "no process of " + component + " runs", Want: "one that runs"})
		}
	}
	return out
}

// manifest is the static pod that is to run the component here.
func manifest(s *snapshot.Snapshot, component string) string {
	if s.Static == nil {
		return ""
	}
	for _, m := range s.Static.Manifests {
		for _, c := range m.Containers {
			if c.Command != "" && strings.HasPrefix(c.Command, component) {
				return m.Path
			}
		}
	}
	return ""
}

// runs reports whether a process of the component is there, or may be: nobody
// looked.
func runs(s *snapshot.Snapshot, component string) bool {
	return s.Processes == nil || slices.ContainsFunc(s.Processes.List, func(p snapshot.Process) bool {
		return strings.HasPrefix(p.Name, component) && p.State != "Z"
	})
}

// rules are where the rules stand that deny it, as far as that is known.
func rules(s *snapshot.Snapshot, d denial) []finding.Fact {
	if s.Kernel == nil {
		return nil
	}
	if d.context != "" {
		if c := s.Kernel.LSM.SEConfig; c != nil {
			return []finding.Fact{{Source: c.File, Line: c.Line, Got: c.Raw}}
		}
		return nil
	}
	for _, f := range s.Kernel.LSM.Files {
		if d.profile != "" && (f.Name == d.profile || f.Attach == d.profile) {
			got := "profile " + f.Name
			if f.Package == "" {
				got += ", of no package"
			}
			return []finding.Fact{{Source: f.File, Line: f.Line, Got: got, Want: "one that lets it do its work, or none"}}
		}
	}
	return nil
}
