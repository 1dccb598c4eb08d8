// Package configinvalid is the fault of a kubelet configuration, or a drop-in
// of it, that the kubelet does not start with.
package configinvalid

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/kubelet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "kubelet/configinvalid",
	Layer:  fault.Kubelet,
	Needs:  []snapshot.Section{snapshot.SectionKubelet},
	Uses:   []snapshot.Section{snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletCrashing, Strength: symptom.Always},
		{Symptom: symptom.KubeletDown, Strength: symptom.Usually},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

// A flaw is one thing that the kubelet does not start with.
type flaw struct {
	file string
	line int
	key  string // "" when the whole file is none
	why  string
}

var atLine = regexp.MustCompile(`line (\d+)`)

// flaws are what is wrong with the configuration's files. Fields that are
// unknown or stand twice are none: the kubelet reads on with a warning.
func flaws(k *snapshot.Kubelet) []flaw {
	var out []flaw
	files := slices.Concat([]string{k.ConfigPath}, k.DropIns)
	if name, why := unread(k); why != "" {
		f := flaw{file: name, why: why}
		if m := atLine.FindStringSubmatch(why); m != nil {
			f.line, _ = strconv.Atoi(m[1])
		}
		out = append(out, f)
		files = append(files, name)
	}
	for _, p := range k.Problems {
		if !slices.Contains(files, p.Source) || p.Kind != "wrong-type" && p.Kind != "bad-value" && p.Kind != "unknown-gate" {
			continue
		}
		why := p.Detail
		if p.Kind == "unknown-gate" {
			why = "there is " + p.Detail
		}
		out = append(out, flaw{p.Source, p.Line, p.Path, p.Path + ": " + why})
	}
	for _, r := range kubelet.Refusals(k) {
		e := k.Effective[r.Key]
		out = append(out, flaw{e.Source, e.Line, r.Key, fmt.Sprintf("%s: %s %s", r.Key, e.Value, r.Why)})
	}
	return append(out, nameless(k)...)
}

// unread says which file does not parse, and why. A file that is missing or
// has a key twice is another matter.
func unread(k *snapshot.Kubelet) (name, why string) {
	why = k.ConfigErr
	if why == "" || k.Config == nil || strings.Contains(why, "already defined") {
		return "", ""
	}
	name = k.Config.Path
	if file, rest, ok := strings.Cut(why, ": "); ok && strings.HasPrefix(file, "/") {
		name, why = file, rest
	}
	return name, strings.Join(strings.Fields(why), " ")
}

// nameless are files that do not say what they are.
func nameless(k *snapshot.Kubelet) []flaw {
	var out []flaw
	for _, name := range k.DropIns {
		t, ok := kubelet.File(k, name)
		if !ok || t.Truncated {
			continue
		}
		if _, kind := t.Find("kind:"); kind == 0 {
			out = append(out, flaw{file: name, line: 1, why: "it has no apiVersion and kind"})
		}
	}
	return out
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	k := s.Kubelet
	var files []string
	bad := map[string][]flaw{}
	for _, f := range flaws(k) {
		if kubelet.Up(k) && !kubelet.Changed(k, f.file) {
			continue // it runs with that
		}
		if bad[f.file] == nil {
			files = append(files, f.file)
		}
		bad[f.file] = append(bad[f.file], f)
	}
	var out []finding.Finding
	for _, name := range files {
		x := finding.Finding{
			Subject:  finding.Subject{Kind: "file", Name: name},
			Summary:  fmt.Sprintf("the kubelet does not start with %s: %s", kubelet.Where(snapshot.Origin{Source: name, Line: bad[name][0].line}), bad[name][0].why),
			Commands: kubelet.Commands("cat -A " + name),
		}
		for _, f := range bad[name] {
			x.Facts = append(x.Facts, finding.Fact{Source: name, Line: f.line, Got: kubelet.Line(k, name, f.line, f.why), Want: "a value that the kubelet takes; " + f.why})
		}
		x.Facts = append(x.Facts, kubelet.Exits(s)...)
		out = append(out, x)
	}
	return out
}

// remedy takes out the lines whose default does as well, and writes the whole
// file again where it does not parse.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	k := s.Kubelet
	drop := map[string]string{}
	for _, x := range flaws(k) {
		if x.file != f.Subject.Name {
			continue
		}
		if vital(x.key) {
			return nil, fmt.Errorf("cannot correct %s: what %s is to be must be decided", x.file, x.key)
		}
		if x.key == "" || k.Effective[x.key].Source != x.file || k.Effective[x.key].Line != x.line {
			drop = nil
			break
		}
		drop[x.key] = ""
	}
	if len(drop) > 0 {
		return kubelet.Want(k, drop, "the kubelet does not take it")
	}
	if slices.Contains(k.DropIns, f.Subject.Name) || k.Config == nil || k.Config.Path != f.Subject.Name {
		t, ok := kubelet.File(k, f.Subject.Name)
		if !ok || !t.Whole() {
			return nil, fmt.Errorf("cannot correct %s: its content was not read whole", f.Subject.Name)
		}
		return append(op.Plan{fault.Remove(t, "the kubelet does not take it")}, kubelet.Restart()...), nil
	}
	return kubelet.Restore(s, f.Subject.Name, "as kubeadm keeps it in the cluster")
}

// vital reports whether the default of a setting would make another node of
// it.
func vital(key string) bool {
	return slices.Contains([]string{"staticPodPath", "clusterDNS", "cgroupDriver", "containerRuntimeEndpoint", "authentication.x509.clientCAFile"}, key)
}
