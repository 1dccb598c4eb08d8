package nospace

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// A key fills etcd when what was written to it would take a tenth of the
// quota. At most maxFillers are told.
const (
	share      = 10
	maxFillers = 3
)

// fillers are the keys that fill etcd, the first one most.
func fillers(e *snapshot.Etcd) []snapshot.EtcdWriter {
	var out []snapshot.EtcdWriter
	for _, w := range e.Writers {
		if len(out) < maxFillers && w.Churn >= e.Quota/share && !heartbeat(w) {
			out = append(out, w)
		}
	}
	return out
}

// heartbeat reports whether the key is one that Kubernetes itself writes every
// few seconds: on a cluster of some age that adds up to more than any quota,
// and compaction has long taken it away.
func heartbeat(w snapshot.EtcdWriter) bool {
	return slices.ContainsFunc([]string{"leases", "minions", "masterleases", "events"}, func(x string) bool {
		return strings.Contains(w.Key, "/"+x+"/")
	})
}

// object is what the key holds, as kubectl would name it.
func object(w snapshot.EtcdWriter) string {
	switch {
	case w.Name == "":
		return w.Key
	case w.Namespace == "":
		return w.Kind + " " + w.Name
	}
	return w.Kind + " " + w.Namespace + "/" + w.Name
}

func by(w snapshot.EtcdWriter) string {
	if w.Manager == "" {
		return ""
	}
	return " by " + w.Manager
}

// A hand is something that writes the object that fills etcd. One of entry,
// manifest and workload is set, or none for a process that nothing here starts.
type hand struct {
	facts    []finding.Fact
	entry    *snapshot.Persistent
	manifest *snapshot.Manifest
	workload *snapshot.Workload
}

// hands are whatever names one of the objects and can write it.
func hands(s *snapshot.Snapshot, fillers []snapshot.EtcdWriter) []hand {
	var names []*regexp.Regexp
	for _, w := range fillers {
		if x := mention(w); x != nil {
			names = append(names, x)
		}
	}
	if len(names) == 0 {
		return nil
	}
	var out []hand
	if s.Persistence != nil {
		for i := range s.Persistence.Entries {
			if p := &s.Persistence.Entries[i]; (p.Enabled || p.Running) && !component.MatchString(p.Command) {
				out = append(out, entry(p, names)...)
			}
		}
	}
	if s.Static != nil {
		for i := range s.Static.Manifests {
			m := &s.Static.Manifests[i]
			if component.MatchString(m.Content) {
				continue
			}
			if line, text := find(m.Text, names); line > 0 && writes.MatchString(m.Content) {
				out = append(out, hand{manifest: m, facts: []finding.Fact{{Source: m.Path, Line: line, Got: text}}})
			}
		}
	}
	if s.Cluster != nil {
		for i := range s.Cluster.Workloads {
			w := &s.Cluster.Workloads[i]
			if text := strings.Join(w.Commands, "; "); w.Replicas > 0 && writes.MatchString(text) && named(names, text) {
				out = append(out, hand{workload: w, facts: []finding.Fact{{Source: w.Kind + " " + w.Namespace + "/" + w.Name, Got: text}}})
			}
		}
	}
	if len(out) == 0 && s.Processes != nil {
		out = strays(s.Processes, names)
	}
	return out
}

// entry is p as a hand, if it, or a script that it runs, writes the object.
func entry(p *snapshot.Persistent, names []*regexp.Regexp) []hand {
	start := finding.Fact{Source: p.Source, Line: p.Line, Got: p.Text}
	if start.Got == "" {
		start.Got = p.Command
	}
	if named(names, p.Command) && (p.Running || writes.MatchString(p.Command)) {
		return []hand{{entry: p, facts: []finding.Fact{start}}}
	}
	for _, t := range p.Scripts {
		if line, text := find(t, names); line > 0 && writes.MatchString(t.Content) {
			return []hand{{entry: p, facts: []finding.Fact{start, {Source: t.Path, Line: line, Got: text}}}}
		}
	}
	return nil
}

// strays are processes that name an object and that nothing found starts.
func strays(list *snapshot.Processes, names []*regexp.Regexp) []hand {
	var out []hand
	for _, p := range list.List {
		if text := strings.Join(p.Args, " "); named(names, text) && writes.MatchString(text) {
			out = append(out, hand{facts: []finding.Fact{{Source: fmt.Sprintf("/proc/%d/cmdline", p.PID), Got: text, At: p.Start}}})
		}
	}
	return out
}

// writes matches a text that can change objects: with a client, with a request
// to the API, or in etcd itself.
var writes = regexp.MustCompile(`\b(?:kubectl|curl|wget|etcdctl|helm|kustomize)\b|/api/v1/|/apis/|:6443\b|:2379\b|kubernetes\.default`)

// component matches what starts a part of Kubernetes itself, in a manifest or
// a unit: such a part may name an object, as etcd's manifest names its node,
// and is never what is to be stopped.
var component = regexp.MustCompile(`(?m)(?:^\s*-\s*|^\s*command:\s*\[\s*|^)["']?(?:/\S*/)?(?:etcd|kubelet|kube-apiserver|kube-controller-manager|kube-scheduler|kube-proxy|k3s|rke2|containerd|crio)["']?(?:\s|,|\]|$)`)

var numbered = regexp.MustCompile(`^(.{4,}?[-.]?)[0-9]+$`)

// mention matches a text that names the object: its whole name, or, for one of
// a numbered series, the name with a variable in the place of the number. A
// name of less than four letters proves nothing.
func mention(w snapshot.EtcdWriter) *regexp.Regexp {
	name := w.Name
	if name == "" {
		name = w.Key
	}
	if len(name) < 4 {
		return nil
	}
	text := `(?:^|[^\w.-])` + regexp.QuoteMeta(name) + `(?:$|[^\w-])`
	if m := numbered.FindStringSubmatch(name); m != nil {
		text += `|(?:^|[^\w.-])` + regexp.QuoteMeta(m[1]) + `["']?[$%{]`
	}
	return regexp.MustCompile(text)
}

func named(names []*regexp.Regexp, text string) bool {
	for _, x := range names {
		if x.MatchString(text) {
			return true
		}
	}
	return false
}

// find returns the first line that names an object.
func find(t snapshot.Text, names []*regexp.Regexp) (int, string) {
	for i, l := range t.Lines() {
		if named(names, l) {
			return i + 1, strings.TrimSpace(l)
		}
	}
	return 0, ""
}
