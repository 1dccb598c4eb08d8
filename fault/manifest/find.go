package manifest

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Explains is what a component of the control plane shows that does not run or
// does not do its work, whichever it is.
var Explains = []symptom.Edge{
	{Symptom: symptom.ComponentDown, Strength: symptom.Usually},
	{Symptom: symptom.EtcdDown, Strength: symptom.Sometimes},
	{Symptom: symptom.APIDown, Strength: symptom.Sometimes, Cluster: true},
	{Symptom: symptom.ControllersIdle, Strength: symptom.Sometimes, Cluster: true},
	{Symptom: symptom.SchedulerIdle, Strength: symptom.Sometimes, Cluster: true},
}

// Needs are the sections that say whether a component runs as its manifest
// asks.
var Needs = []snapshot.Section{snapshot.SectionStatic, snapshot.SectionProcesses}

// Uses quote how a component ended.
var Uses = []snapshot.Section{snapshot.SectionRuntime}

// settled is for how long a process has run that has read its command line
// and its files, and stays.
const settled = 90 * time.Second

// Stays reports whether the component runs for a while with the manifest as it
// is: then nothing in it keeps it from running. A file that was put back has the
// time of its last write: where its inode was changed since, the process has to
// have the manifest's flags.
func Stays(s *snapshot.Snapshot, m snapshot.Manifest, component string) bool {
	p, ok := Running(s, component)
	if !ok || p.Start.IsZero() || m.Modified.IsZero() {
		return false
	}
	return p.Start.After(m.Modified) && (p.Start.After(m.Changed) || has(p, m, component)) && s.At.Sub(p.Start) >= settled
}

// has reports whether the process was given the flags of the manifest, and no
// others.
func has(p snapshot.Process, m snapshot.Manifest, component string) bool {
	for _, c := range m.Containers {
		if c.Command != component || c.Init {
			continue
		}
		given := slices.DeleteFunc(slices.Clone(p.Args), func(a string) bool { return !strings.HasPrefix(a, "-") })
		return len(given) == len(c.Flags) && !slices.ContainsFunc(c.Flags, func(f snapshot.Flag) bool {
			return !slices.ContainsFunc(given, func(a string) bool {
				a = strings.TrimLeft(a, "-")
				return a == f.Name+"="+f.Value || a == f.Name && (f.Value == "" || f.Value == "true")
			})
		})
	}
	return false
}

// Found is a finding about a component's manifest, with the commands that show
// it by hand and how the component ended.
func Found(s *snapshot.Snapshot, m snapshot.Manifest, subject finding.Subject, summary string, facts ...finding.Fact) finding.Finding {
	component := ComponentOf(m)
	commands := []string{}
	for _, f := range facts {
		if f.Source == m.Path && f.Line > 0 && len(commands) == 0 {
			commands = append(commands, fmt.Sprintf("sed -n %d,%dp %s", max(1, f.Line-3), f.Line+3, m.Path))
		}
	}
	if len(commands) == 0 {
		commands = append(commands, "ls -la "+path.Dir(m.Path))
	}
	commands = append(commands, "crictl ps -a --name '^"+component+"$'", Log(component))
	if f, ok := Ended(s, component); ok {
		facts = append(facts, f)
	}
	return finding.Finding{Subject: subject, Summary: summary, Facts: facts, Commands: commands}
}

// Ended quotes how the youngest container of a component ended, where none
// runs.
func Ended(s *snapshot.Snapshot, component string) (finding.Fact, bool) {
	if s.Runtime == nil {
		return finding.Fact{}, false
	}
	var last snapshot.Container
	for _, c := range s.Runtime.Containers {
		if c.Namespace == "kube-system" && c.Name == component && !c.Created.Before(last.Created) {
			last = c
		}
	}
	if last.State != "exited" {
		return finding.Fact{}, false
	}
	return finding.Fact{Source: "container " + last.Pod + "/" + last.Name, At: last.Finished,
		Got: fmt.Sprintf("ended with %s, code %d, in attempt %d", last.Reason, last.ExitCode, last.Attempt+1), Want: "running"}, true
}

// File is a manifest as what a finding is about.
func File(m snapshot.Manifest) finding.Subject { return finding.Subject{Kind: "file", Name: m.Path} }

// A Stray is a manifest that stands beside the one of the same pod or
// component.
type Stray struct {
	File  snapshot.Manifest
	Other snapshot.Manifest // the component's own
	// Wins says that both are the same pod to the kubelet, which takes the one
	// whose file name comes last.
	Wins bool
	Same bool // the same pod to the kubelet
	// Apart says that both serve at ports of their own, as a second scheduler
	// does: neither is in the other's way.
	Apart bool
}

// Strays returns the manifests that run a component which another one, named
// as kubeadm names it, runs too.
func Strays(s *snapshot.Snapshot) []Stray {
	var out []Stray
	if s.Static == nil {
		return nil
	}
	for _, c := range Components {
		own := slices.IndexFunc(s.Static.Manifests, func(m snapshot.Manifest) bool { return path.Base(m.Path) == c+".yaml" })
		for i, m := range s.Static.Manifests {
			named := slices.Contains(Components, strings.TrimSuffix(path.Base(m.Path), ".yaml"))
			if own < 0 || i == own || named || ComponentOf(m) != c || m.Error != "" && m.Name == "" {
				continue
			}
			o := s.Static.Manifests[own]
			if !runs(m, c) {
				continue
			}
			same := m.Name == o.Name && space(m) == space(o) || o.Error != ""
			out = append(out, Stray{File: m, Other: o, Same: same, Wins: same && m.Path > o.Path, Apart: !same && apart(m, o, c)})
		}
	}
	return out
}

// apart reports whether two pods run the component at ports of their own.
func apart(a, b snapshot.Manifest, component string) bool {
	port := func(m snapshot.Manifest) string {
		for _, c := range m.Containers {
			if c.Command == component && !c.Init {
				at, _, _ := Part{m, c}.Served()
				return at
			}
		}
		return ""
	}
	return port(a) != port(b) && port(b) != ""
}

func runs(m snapshot.Manifest, component string) bool {
	return slices.ContainsFunc(m.Containers, func(c snapshot.ManifestContainer) bool { return c.Command == component && !c.Init })
}

func space(m snapshot.Manifest) string {
	if m.Namespace == "" {
		return "default"
	}
	return m.Namespace
}

// Peers are the other components of this node's control plane, with their
// manifests.
func Peers(s *snapshot.Snapshot, component string) []Part {
	return slices.DeleteFunc(All(s), func(p Part) bool { return p.Name() == component })
}

// Dir is the folder of the node's static pods.
func Dir(s *snapshot.Snapshot) string { return strings.TrimSuffix(s.Static.Dir, "/") }

// Tag is the tag of an image's name, or "".
func Tag(image string) string {
	name, _, _ := strings.Cut(path.Base(image), "@")
	_, tag, _ := strings.Cut(name, ":")
	return tag
}

// Repository is an image's name without tag and digest.
func Repository(image string) string {
	name, _, _ := strings.Cut(image, "@")
	if i := strings.LastIndex(name, ":"); i > strings.LastIndex(name, "/") {
		name = name[:i]
	}
	return name
}

// Served is the port, scheme and host at which a component says whether it is
// well, by its flags.
func (p Part) Served() (port, scheme, host string) {
	switch p.Name() {
	case "kube-apiserver":
		return cmp.Or(p.Value("secure-port"), "6443"), "HTTPS", ""
	case "kube-controller-manager":
		return cmp.Or(p.Value("secure-port"), "10257"), "HTTPS", p.Value("bind-address")
	case "kube-scheduler":
		return cmp.Or(p.Value("secure-port"), "10259"), "HTTPS", p.Value("bind-address")
	}
	first, _, _ := strings.Cut(p.Value("listen-metrics-urls"), ",")
	scheme, rest, _ := strings.Cut(first, "://")
	i := strings.LastIndex(rest, ":")
	if i < 0 {
		return "", "", ""
	}
	return rest[i+1:], strings.ToUpper(scheme), strings.Trim(rest[:i], "[]")
}

// Ill reports whether a reader of the manifest does not take the field of that
// name as it is written there: it is misspelt or stands twice.
func Ill(m snapshot.Manifest, field string) bool {
	return slices.ContainsFunc(m.Problems, func(p snapshot.FieldProblem) bool {
		return p.Nearest == field || p.Kind == "duplicate-key" && (p.Path == field || strings.HasSuffix(p.Path, "."+field))
	})
}

// User is whom the pod's first container runs as, 0 where the manifest does not
// say, with its group and the line that says so.
func User(m snapshot.Manifest) (uid, gid int64, line int) {
	for _, x := range []string{"spec.securityContext.", "spec.containers[0].securityContext."} {
		if f, ok := m.Get(x + "runAsUser"); ok {
			uid, _ = strconv.ParseInt(f.Value, 10, 64)
			line = f.Line
		}
		for _, name := range []string{"runAsGroup", "fsGroup", "supplementalGroups[0]"} {
			if f, ok := m.Get(x + name); ok && gid == 0 {
				gid, _ = strconv.ParseInt(f.Value, 10, 64)
			}
		}
	}
	return uid, gid, line
}

// input are the flags that name a file which must be there when the component
// starts; others name what it makes.
var input = regexp.MustCompile(`(cafile|certfile|keyfile|-file|kubeconfig|-config|^config|-certificate|-client-key)$`)

// Inputs are the files that a component reads by its flags.
func (p Part) Inputs(s *snapshot.Snapshot) []snapshot.NamedFile {
	return slices.DeleteFunc(slices.Clone(s.Static.Named), func(n snapshot.NamedFile) bool {
		return n.Manifest != p.File.Path || n.Component != p.Name() || !input.MatchString(n.Flag)
	})
}
