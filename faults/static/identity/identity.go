// Package identity is the fault of a static pod whose name or namespace is
// none, so that the kubelet refuses it.
package identity

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "static/identity",
	Layer:    fault.Kubelet,
	Needs:    manifest.Needs,
	Uses:     manifest.Uses,
	Detect:   detect,
	Explains: manifest.Explains,
	Remedy:   remedy,
	Drill:    drill,
}

var (
	label     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	subdomain = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	value     = regexp.MustCompile(`^(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?$`)
)

// A wrong is a field of a manifest that the kubelet's validation refuses.
type wrong struct {
	field snapshot.Field
	want  string // the rule
	right string // what belongs there
}

// wrongs are the fields of a component's manifest by which nothing can be
// called.
func wrongs(s *snapshot.Snapshot, p manifest.Part) []wrong {
	var out []wrong
	for _, f := range p.File.Fields {
		switch {
		case f.Path == "metadata.namespace" && !label.MatchString(f.Value):
			out = append(out, wrong{f, "small letters, digits and -, at most 63", "kube-system"})
		case f.Path == "metadata.name" && (!subdomain.MatchString(f.Value) || len(f.Value)+1+len(s.Node) > 253):
			out = append(out, wrong{f, "small letters, digits, - and .", p.Name()})
		case strings.HasPrefix(f.Path, "metadata.labels.") && !value.MatchString(f.Value):
			out = append(out, wrong{f, "letters, digits, -, _ and ., at most 63", labels[f.Path]})
		case strings.HasPrefix(f.Path, "spec.containers[") && strings.HasSuffix(f.Path, "].name") && strings.Count(f.Path, ".") == 2 && !label.MatchString(f.Value):
			out = append(out, wrong{f, "small letters, digits and -, at most 63", p.Name()})
		}
		if n := len(out); n > 0 && out[n-1].field == f && f.Path == "metadata.labels.component" {
			out[n-1].right = p.Name()
		}
	}
	return out
}

// labels are what kubeadm writes.
var labels = map[string]string{"metadata.labels.tier": "control-plane"}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, p := range manifest.All(s) {
		if manifest.Stays(s, p.File, p.Name()) {
			continue
		}
		for _, w := range wrongs(s, p) {
			out = append(out, manifest.Found(s, p.File, finding.Subject{Kind: "field", Name: p.File.Path + " " + w.field.Path},
				fmt.Sprintf("the kubelet refuses %s for its %s %q", p.File.Path, w.field.Path, w.field.Value), p.Quote(w.field.Line, w.want)))
		}
	}
	return out
}

func remedy(s *snapshot.Snapshot, x finding.Finding) (op.Plan, error) {
	for _, p := range manifest.All(s) {
		for _, w := range wrongs(s, p) {
			l := p.File.LineAt(w.field.Line)
			if x.Subject.Name != p.File.Path+" "+w.field.Path {
				continue
			}
			if w.right == "" || strings.Count(l, w.field.Value) != 1 {
				return nil, fmt.Errorf("cannot tell what belongs in line %d of %s", w.field.Line, p.File.Path)
			}
			return p.Change().Lines(w.field.Line, w.field.Line, strings.Replace(l, w.field.Value, w.right, 1)).Plan("a name that is one")
		}
	}
	return nil, fmt.Errorf("cannot find %s", x.Subject.Name)
}

// drill gives a component's pod a name or namespace that cannot be one.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, fault.Pick(d, []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"}))
	if !ok {
		return nil, fmt.Errorf("cannot find a component's manifest")
	}
	paths := fault.Pick(d, []string{"metadata.namespace", "metadata.namespace", "metadata.name", "metadata.labels.tier"})
	f, ok := p.File.Get(paths)
	l := p.File.LineAt(f.Line)
	if !ok || strings.Count(l, f.Value) != 1 {
		return nil, fmt.Errorf("cannot find %s in %s", paths, p.File.Path)
	}
	broken := fault.Pick(d, []string{strings.ReplaceAll(f.Value, "-", "_"), strings.ToUpper(f.Value[:1]) + f.Value[1:], f.Value + "-", f.Value + "."})
	if strings.HasSuffix(paths, "tier") {
		broken = f.Value + "-"
	}
	return p.Change().Lines(f.Line, f.Line, strings.Replace(l, f.Value, broken, 1)).Plan("another name")
}
