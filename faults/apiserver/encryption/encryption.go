// Package encryption is the fault of an API server that cannot read what etcd
// holds, since its keys are not those by which it was encrypted.
package encryption

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/certs"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// flagName names the file with the keys.
const flagName = "encryption-provider-config"

// Fault is declared once and never changed. It has no drill: what an API server
// does without its objects differs from cluster to cluster.
var Fault = &fault.Fault{
	ID:     "apiserver/encryption",
	Layer:  fault.APIServer,
	Needs:  []snapshot.Section{snapshot.SectionStatic, snapshot.SectionEtcd},
	Uses:   []snapshot.Section{snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.APIDown, Strength: symptom.Sometimes, Cluster: true}, // its informers never end their first list
		{Symptom: symptom.APIWritesFail, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes},
		{Symptom: symptom.ControllersIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsLackInput, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.NamespaceStuck, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	p, list := look(s)
	if len(list) == 0 {
		return nil
	}
	x := finding.Finding{Subject: list[0].subject(p), Summary: "the API server cannot read what etcd holds: " + list[0].why}
	for _, m := range list {
		x.Facts = append(x.Facts, m.fact)
		if m.held != "" {
			x.Facts = append(x.Facts, finding.Fact{Source: "etcd /registry/" + m.resource, Got: m.held})
		}
	}
	x.Commands = []string{"grep -n " + flagName + " " + p.File.Path,
		"etcdctl get /registry/" + list[0].resource + "/ --prefix --limit 3 --print-value-only | cut -c 1-60 | grep -a k8s:enc", "grep -nE 'resources:|name:|identity' " + list[0].file, manifest.Log("kube-apiserver")}
	return []finding.Finding{x}
}

// A misfit is a resource of which etcd holds objects that the API server has no
// key for.
type misfit struct {
	resource, why string
	fact          finding.Fact
	held          string // what etcd holds
	file          string // that the flag names, or the manifest
	entry         *entry // of plain objects: where identity is missing
}

func (m misfit) subject(p manifest.Part) finding.Subject {
	if m.file == p.File.Path {
		return p.Subject(flagName)
	}
	return finding.Subject{Kind: "file", Name: m.file}
}

// look compares the keys that etcd's objects name with those of the file.
func look(s *snapshot.Snapshot) (manifest.Part, []misfit) {
	p, ok := manifest.Find(s, "kube-apiserver")
	if !ok || s.Etcd.Store == nil {
		return p, nil
	}
	f, given := p.Flag(flagName)
	if !given {
		return p, without(s, p)
	}
	for _, n := range s.Static.Named {
		if n.Manifest != p.File.Path || n.Component != p.Name() || n.Flag != flagName || n.Line != f.Line || n.Host == "" || n.Text == nil || n.Error != "" || len(n.Problems) > 0 {
			continue
		}
		entries := parse(n.Fields)
		if len(entries) == 0 {
			return p, nil // another fault
		}
		list := append(locked(s, n, entries), plain(s, n, entries)...)
		if len(list) == 0 {
			list = other(s, n, entries)
		}
		return p, list
	}
	return p, nil
}

// without: there are no keys at all.
func without(s *snapshot.Snapshot, p manifest.Part) []misfit {
	var out []misfit
	for _, c := range held(s) {
		out = append(out, misfit{resource: c.resource, file: p.File.Path, held: c.String(),
			why:  fmt.Sprintf("it is started without --%s, and %s", flagName, c),
			fact: finding.Fact{Source: p.File.Path, Line: p.Container.Line, Got: "no --" + flagName, Want: fmt.Sprintf("--%s=FILE with the %s key %q", flagName, c.provider, c.key)}})
	}
	return out
}

// locked are resources encrypted by a key that the file does not have for them.
func locked(s *snapshot.Snapshot, n snapshot.NamedFile, entries []entry) []misfit {
	var out []misfit
	for _, c := range held(s) {
		of := serving(entries, c.resource)
		if slices.ContainsFunc(of, func(e entry) bool { return e.has(c) }) {
			continue
		}
		got, line := "no entry for "+c.resource, 1
		if len(of) > 0 {
			got, line = "for "+c.resource+" "+of[0].String(), of[0].line
		}
		out = append(out, misfit{resource: c.resource, file: n.Host, held: c.String(), why: fmt.Sprintf("%s, which %s does not have for them", c, n.Host),
			fact: finding.Fact{Source: n.Host, Line: line, Got: got, Want: fmt.Sprintf("%s with the key %q among them", c.provider, c.key)}})
	}
	return out
}

// plain are resources of which objects are not encrypted, while the file does
// not say that there may be such.
func plain(s *snapshot.Snapshot, n snapshot.NamedFile, entries []entry) []misfit {
	count := map[string]int{"secrets": s.Etcd.Store.PlainSecret}
	for _, x := range s.Etcd.Prefixes {
		name := resource(strings.Trim(strings.TrimPrefix(x.Prefix, "/registry"), "/"))
		hidden := 0
		for _, c := range held(s) {
			if c.resource == name {
				hidden += c.count
			}
		}
		if left := x.Keys - hidden; name != "secrets" && left*2 >= x.Keys { // the two are not counted in one moment
			count[name] = left
		}
	}
	var out []misfit
	for _, name := range slices.Sorted(maps.Keys(count)) {
		of := serving(entries, name)
		if count[name] == 0 || len(of) == 0 || slices.ContainsFunc(of, func(e entry) bool { return e.identity }) {
			continue
		}
		m := misfit{resource: name, file: n.Host, why: fmt.Sprintf("%d %s are not encrypted, and %s takes none for %s that is not", count[name], name, n.Host, name),
			fact: finding.Fact{Source: n.Host, Line: of[0].line, Got: "for " + name + " " + of[0].String(), Want: "identity: {} after them, until all are encrypted"}}
		if len(of) == 1 {
			m.entry = &of[0]
		}
		out = append(out, m)
	}
	return out
}

// remedy lets the API server read what is not encrypted, after the keys: what
// it writes is encrypted all the same. A key that is gone cannot be made up.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	p, list := look(s)
	if len(list) == 0 || list[0].subject(p) != f.Subject {
		return nil, errors.New("cannot find what does not fit any more")
	}
	var plan op.Plan
	done := map[int]bool{}
	for _, m := range list {
		if m.entry == nil {
			return nil, fmt.Errorf("cannot make up the key of %s: bring the file and the flag back from another control plane or a backup; without the key these objects are lost", m.resource)
		}
		if done[m.entry.last] {
			continue
		}
		done[m.entry.last] = true
		o, err := allow(s, m)
		if err != nil {
			return nil, err
		}
		plan = append(plan, o)
	}
	if len(plan) > 1 {
		return nil, fmt.Errorf("cannot change several places of %s at once: add identity: {} to the providers of each by hand", list[0].file)
	}
	return append(plan, certs.RestartStatic(s, p.Name())...), nil
}

// allow plans the line with identity after the last provider of an entry.
func allow(s *snapshot.Snapshot, m misfit) (op.Op, error) {
	for _, n := range s.Static.Named {
		if n.Host != m.file || n.Text == nil {
			continue
		}
		indent, rest, ok := strings.Cut(n.Text.LineAt(m.entry.first), "- ")
		if !ok || strings.TrimSpace(indent) != "" || strings.ContainsAny(rest, "{[") || m.entry.last < m.entry.first || n.Text.SHA256 == "" {
			break
		}
		return op.EditLine{Path: n.Host, Pin: n.Text.SHA256, Line: m.entry.last + 1, New: []string{indent + "- identity: {}"}, Why: "what is not encrypted can be read; what is written is encrypted"}, nil
	}
	return nil, fmt.Errorf("cannot change %s: its providers do not stand one a line; add identity: {} as the last one by hand", m.file)
}
