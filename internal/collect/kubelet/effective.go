package kubelet

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/klustered/klustered/component"
	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// A loader makes the settings of one command line, of the files it names and
// of the defaults of a release.
type loader struct {
	env     *source.Env
	kubelet *snapshot.Kubelet
	program *component.Component
	release *component.Release
	schema  *component.Schema
}

func newLoader(e *source.Env, k *snapshot.Kubelet) loader {
	program, _ := component.Of("kubelet", k.Version)
	return loader{e, k, program, component.ReleaseOf(program.Version), component.SchemaOf(program.Version)}
}

// load returns the settings of a command line. With tell it notes the files
// and what is wrong in the kubelet's section.
func (l loader) load(list []snapshot.Word, tell bool) map[string]snapshot.Effective {
	args := l.program.Parse(texts(list))
	s := newStack(l.schema)
	path, dir := kubeadmConfig, ""
	named := false
	for _, a := range args {
		switch a.Name {
		case "config":
			path, named = a.Value, true
		case "config-dir":
			dir = a.Value
		}
	}
	files := []string{path}
	for _, p := range dropIns(l.env, dir) {
		files = append(files, p)
	}
	if !named {
		files = files[1:]
		l.legacy(s)
	}
	for i, p := range files {
		l.file(s, p, named && i == 0, tell)
	}
	for _, a := range args {
		if !a.Plain {
			w := list[a.Index]
			s.flag(l.release, a, snapshot.Origin{Source: w.Source, Line: w.Line})
		}
		if tell && a.Problem != "" {
			l.argument(a, list[a.Index])
		}
	}
	s.defaults()
	l.gates(s, tell && l.kubelet.ConfigErr == "")
	return s.set
}

// legacy sets what the kubelet's flags default to where no file is named.
func (l loader) legacy(s *stack) {
	for _, name := range []string{"anonymous-auth", "authentication-token-webhook", "authorization-mode", "read-only-port"} {
		if f, ok := l.program.Flag(name); ok {
			if path, ok := l.release.Binding(name); ok {
				s.put(path, snapshot.Origin{Value: f.Default, Source: "default", Flag: name})
			}
		}
	}
}

// file lays one configuration file over the settings; of one that does not parse
// the parts that do, since it was written with them.
func (l loader) file(s *stack, name string, main, tell bool) {
	data, err := l.env.ReadFile(name)
	if err != nil {
		return
	}
	doc, whole := parse(data)
	if whole != nil && len(data) <= source.MaxParsed { // told by readConfig
		doc, err = parse(legible(data))
	}
	if err != nil || doc == nil {
		return
	}
	s.document(doc, name)
	if !tell || whole != nil {
		return
	}
	if main {
		l.kubelet.ConfigPath = name
	} else {
		l.kubelet.DropIns = append(l.kubelet.DropIns, name)
	}
	l.kubelet.Problems = append(l.kubelet.Problems, check(l.schema, doc, kind, name)...)
}

// argument tells what is wrong with an argument.
func (l loader) argument(a component.Arg, w snapshot.Word) {
	p := snapshot.FieldProblem{Kind: "bad-value", Path: "--" + a.Name, Source: w.Source, Line: w.Line, Detail: a.Problem}
	switch {
	case a.Plain:
		p.Kind, p.Path = "unknown-field", clip(a.Value)
	case !a.Known:
		p.Kind = "unknown-field"
		if a.Nearest != "" {
			p.Nearest = "--" + a.Nearest
		}
	}
	l.kubelet.Problems = append(l.kubelet.Problems, p)
}

// gates tells the feature gates that the release does not know.
func (l loader) gates(s *stack, tell bool) {
	for _, key := range slices.Sorted(maps.Keys(s.set)) {
		name, ok := strings.CutPrefix(key, "featureGates.")
		if !ok || !tell {
			continue
		}
		e := s.set[key]
		if problem := l.release.CheckGate(name, e.Value); problem != "" {
			l.kubelet.Problems = append(l.kubelet.Problems, snapshot.FieldProblem{Kind: "unknown-gate", Path: key, Source: e.Source, Line: e.Line, Detail: problem,
				Nearest: nearestGate(l.release, name)})
		}
	}
}

func nearestGate(r *component.Release, name string) string {
	if _, ok := r.Gate(name); ok {
		return ""
	}
	return r.NearestGate(name)
}

// running are the words of the running process, each with the place of the
// unit that writes it where the unit still does.
func running(args []string, s *snapshot.Start) []snapshot.Word {
	places := map[string][]snapshot.Word{}
	if s != nil {
		for _, w := range s.Words {
			places[w.Text] = append(places[w.Text], w)
		}
	}
	var out []snapshot.Word
	for _, a := range args {
		w := snapshot.Word{Text: a, Source: "argv"}
		if p := places[a]; len(p) > 0 {
			w, places[a] = p[0], p[1:]
		}
		out = append(out, w)
	}
	return out
}

// differs are the settings that the next start changes.
func differs(now, next map[string]snapshot.Effective) []snapshot.StartChange {
	var out []snapshot.StartChange
	keys := maps.Clone(now)
	maps.Copy(keys, next)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if now[key].Value != next[key].Value && len(out) < maxProblems {
			x := snapshot.StartChange{Key: key, Running: conceal(key, now[key].Value), Next: next[key].Origin}
			x.Next.Value = conceal(key, x.Next.Value)
			out = append(out, x)
		}
	}
	return out
}

// settle sets what flags, files and defaults together say.
func settle(k *snapshot.Kubelet, set map[string]snapshot.Effective) {
	k.Effective = set
	k.StaticPodPath = set["staticPodPath"].Value
	k.CgroupDriver = cmp.Or(set["cgroupDriver"].Value, "cgroupfs")
	k.Endpoint = cmp.Or(set["containerRuntimeEndpoint"].Value, defaultSocket)
	k.ClusterDNS = nil
	_ = json.Unmarshal([]byte(set["clusterDNS"].Value), &k.ClusterDNS)
	k.NodeName = strings.ToLower(set["--hostname-override"].Value)
	for key, e := range set {
		e.Value = conceal(key, e.Value)
		for i, o := range e.Overrides {
			e.Overrides[i].Value = conceal(key, o.Value)
		}
		set[key] = e
	}
}

// conceal is a value of the setting key without what it grants. Headers that
// the kubelet sends to get manifests carry logins.
func conceal(key, value string) string {
	name := key[strings.LastIndexAny(key, ".-")+1:]
	if strings.HasPrefix(key, "staticPodURLHeader.") && value != "" || hidden(name, value) {
		return secret.Mark(value)
	}
	return secret.Scrub(value)
}

// stale are the files that changed after the process started.
func stale(e *source.Env, p snapshot.Process, files []string) []string {
	var out []string
	for _, name := range files {
		if i, err := e.Stat(name); err == nil && !p.Start.IsZero() && i.Modified.After(p.Start) {
			out = append(out, name)
		}
	}
	return out
}

// exists says whether a path is there; what could not be looked at is a gap.
func exists(e *source.Env, name string) bool {
	_, err := e.Stat(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.Gap(snapshot.SectionKubelet, name, fmt.Errorf("cannot look at it: %w", err))
	}
	return err == nil
}
