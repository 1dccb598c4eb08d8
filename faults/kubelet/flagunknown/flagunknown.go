// Package flagunknown is the fault of a kubelet that is started with words
// which its release does not take.
package flagunknown

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/component"
	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/kubelet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "kubelet/flagunknown",
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

// A word is an argument that the kubelet refuses.
type word struct {
	snapshot.Word
	text    string // as written, with its value
	flag    string // "" of what is no flag
	why     string
	nearest string
	known   bool // the flag is one of the release
}

// refused are the words of the next start that the kubelet does not take. A
// kubelet that is well has taken those that it runs with. Where the release is
// not known for sure, its own log must name the word.
func refused(s *snapshot.Snapshot) []word {
	k := s.Kubelet
	c, exact := kubelet.Table(k)
	words := kubelet.Next(k)
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = w.Text
	}
	var out []word
	for _, a := range c.Parse(texts) {
		w := word{Word: words[a.Index], text: strings.Join(texts[a.Index:a.Index+a.Words], " "), why: a.Problem, nearest: a.Nearest, known: a.Known}
		name := strings.TrimLeft(w.Text, "-")
		if w.flag = a.Name; a.Name != "" {
			name = a.Name
		}
		if a.Name == "feature-gates" && w.why == "" {
			_, problems := component.ReleaseOf(k.Version).SetGates(a.Value)
			w.why, name = strings.Join(problems, "; "), "feature gate"
		}
		taken := k.Running && kubelet.Up(k) && slices.Contains(k.Args, w.Text)
		named := len(kubelet.Exits(s, name)) > 0
		if w.why != "" && !taken && (exact && k.VersionFrom != "manifest" || named) {
			out = append(out, w)
		}
	}
	return out
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var files []string
	bad := map[string][]word{}
	for _, w := range refused(s) {
		if bad[w.Source] == nil {
			files = append(files, w.Source)
		}
		bad[w.Source] = append(bad[w.Source], w)
	}
	var out []finding.Finding
	for _, name := range files {
		first := bad[name][0]
		f := finding.Finding{
			Subject:  finding.Subject{Kind: "file", Name: name},
			Summary:  fmt.Sprintf("%s starts the kubelet with %s, which %s", first.Place(), first.text, clause(first.why)),
			Commands: kubelet.Commands("kubelet --help | grep -e " + strings.TrimLeft(first.flag, "-")),
		}
		for _, w := range bad[name] {
			want := "no such argument"
			switch {
			case w.nearest != "":
				want = "perhaps --" + w.nearest
			case w.known:
				want = "a value that --" + w.flag + " takes"
			}
			f.Facts = append(f.Facts, finding.Fact{Source: w.Source, Line: w.Line, Got: kubelet.Line(s.Kubelet, w.Source, w.Line, w.text), Want: want})
		}
		f.Facts = append(f.Facts, kubelet.Exits(s)...)
		out = append(out, f)
	}
	return out
}

// clause makes a clause of what the table says.
func clause(why string) string {
	if strings.HasPrefix(why, "is ") || strings.HasPrefix(why, "needs ") || strings.HasPrefix(why, "ends ") {
		return why
	}
	return "it refuses: " + why
}

// vital are flags without which the kubelet runs and serves no cluster.
var vital = []string{"config", "kubeconfig", "bootstrap-kubeconfig", "container-runtime-endpoint"}

func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	var drop []snapshot.Origin
	for _, w := range refused(s) {
		if w.Source != f.Subject.Name {
			continue
		}
		if slices.Contains(vital, w.nearest) {
			return nil, fmt.Errorf("cannot drop %s: --%s may be meant, without which the node serves no cluster; correct %s", w.text, w.nearest, w.Place())
		}
		drop = append(drop, snapshot.Origin{Source: w.Source, Line: w.Line, Flag: w.flag, Value: w.text})
	}
	return kubelet.Drop(s.Kubelet, drop, "the kubelet does not take it")
}

// Place is where the word stands.
func (w word) Place() string {
	return kubelet.Where(snapshot.Origin{Source: w.Source, Line: w.Line})
}
