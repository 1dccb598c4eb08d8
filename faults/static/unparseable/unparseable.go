// Package unparseable is the fault of a static pod's manifest that the kubelet
// takes for no pod.
package unparseable

import (
	"fmt"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "static/unparseable",
	Layer:    fault.Kubelet,
	Needs:    manifest.Needs,
	Uses:     []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionLogs, snapshot.SectionKubelet},
	Detect:   detect,
	Explains: manifest.Explains,
	Remedy:   remedy,
	Drill:    drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, m := range s.Static.Manifests {
		c := manifest.ComponentOf(m)
		p, ok := manifest.Find(s, c)
		if c == "" || ok && p.File.Path != m.Path || manifest.Stays(s, m, c) {
			continue
		}
		if why, facts := refused(s, m); why != "" {
			out = append(out, manifest.Found(s, m, manifest.File(m),
				fmt.Sprintf("the kubelet takes %s for no pod (%s), so %s does not run", m.Path, why, c), facts...))
		}
	}
	return out
}

// refused says why the kubelet does not take the manifest, or "".
func refused(s *snapshot.Snapshot, m snapshot.Manifest) (string, []finding.Fact) {
	said := says(s, m)
	if m.Error != "" {
		return m.Error, append([]finding.Fact{manifest.Quote(m, m.ErrorLine, "a pod in YAML or JSON: "+m.Error)}, said...)
	}
	for _, p := range m.Problems {
		if p.Kind == "wrong-type" || p.Kind == "bad-value" {
			return "line " + fmt.Sprint(p.Line) + ": " + p.Path + " " + p.Detail,
				append([]finding.Fact{manifest.Quote(m, p.Line, p.Path+", which "+p.Detail)}, said...)
		}
	}
	return "", nil
}

// says quotes the kubelet's own words about the file, which it repeats every
// 20 seconds.
func says(s *snapshot.Snapshot, m snapshot.Manifest) []finding.Fact {
	if s.Logs == nil {
		return nil
	}
	var facts []finding.Fact
	for _, o := range s.Logs.Seen("kubelet-manifest-unread", s.At, time.Minute) {
		if o.Params["path"] == m.Path {
			facts = append(facts, finding.Fact{Source: o.Source, Got: o.Sample, At: o.Last})
		}
	}
	return facts
}

func version(s *snapshot.Snapshot) string {
	if s.Kubelet == nil {
		return ""
	}
	return s.Kubelet.Version
}

// remedy changes the one line that makes a pod of the file again.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, m := range s.Static.Manifests {
		if m.Path != f.Subject.Name {
			continue
		}
		text, err := manifest.Mend(m.Content, manifest.ComponentOf(m), version(s))
		if err != nil {
			return nil, fmt.Errorf("cannot mend %s: %w; kubeadm init phase writes it anew", m.Path, err)
		}
		w, err := fault.Rewrite(m.Text, text, "a pod again")
		return op.Plan{w}, err
	}
	return nil, fmt.Errorf("cannot find %s", f.Subject.Name)
}

// drill damages one line of a component's manifest.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, fault.Pick(d, []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"}))
	if !ok {
		return nil, fmt.Errorf("cannot find a component's manifest")
	}
	lines := p.File.Lines()
	for range 200 {
		i := d.Int(0, len(lines)-1)
		l := lines[i]
		broken := fault.Pick(d, []string{strings.Replace(l, "  ", "\t", 1), strings.TrimSuffix(l, ":"), " " + l, l + `"`, strings.Replace(l, ": ", ":", 1), strings.Replace(l, "- ", "-", 1)})
		text := strings.Join(append(append(append([]string{}, lines[:i]...), broken), lines[i+1:]...), "\n") + "\n"
		if broken == l || strings.TrimSpace(l) == "" || manifest.Refusal(text) == nil {
			continue
		}
		if mended, err := manifest.Mend(text, p.Name(), version(s)); err != nil || mended != p.File.Content {
			continue
		}
		w, err := fault.Rewrite(p.File.Text, text, "an edit in haste")
		return op.Plan{w}, err
	}
	return nil, fmt.Errorf("cannot find a line to damage in %s", p.File.Path)
}
