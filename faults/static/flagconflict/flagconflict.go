// Package flagconflict is the fault of a flag that is given twice, of which the one that counts is
// the wrong one.
package flagconflict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "static/flagconflict",
	Layer:    fault.Kubelet,
	Needs:    manifest.Needs,
	Uses:     []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionCluster}, // kubeadm's values
	Detect:   detect,
	Explains: manifest.Explains,
	Remedy:   remedy,
	Drill:    drill,
}

// detect looks at flags of which only the last use counts and that are given
// more than once, the last time with a value that is not kubeadm's though an
// earlier one was.
func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, p := range manifest.All(s) {
		if manifest.Stays(s, p.File, p.Name()) {
			continue
		}
		for _, name := range twice(p) {
			uses := uses(p, name)
			last := uses[len(uses)-1]
			if !manifest.Overridden(s, p, name) {
				continue
			}
			right, _ := manifest.Kubeadm(s, p.Name(), name)
			var facts []finding.Fact
			for _, f := range uses {
				want := "--" + name + "=" + right + ", once"
				if f.Value == right {
					want = ""
				}
				facts = append(facts, p.Quote(f.Line, want))
			}
			out = append(out, manifest.Found(s, p.File, p.Subject(name), fmt.Sprintf("--%s of %s is given %d times, and the last one, %s, wins", name, p.Name(), len(uses), last.Value), facts...))
		}
	}
	return out
}

// twice are the flags that are given more than once where one counts.
func twice(p manifest.Part) []string {
	var out []string
	for _, f := range p.Container.Flags {
		if f.Name != "" && manifest.Twice(p, f.Name) && !slices.Contains(out, f.Name) {
			out = append(out, f.Name)
		}
	}
	return out
}

func uses(p manifest.Part, name string) []snapshot.Flag {
	return slices.DeleteFunc(slices.Clone(p.Container.Flags), func(f snapshot.Flag) bool { return f.Name != name })
}

// remedy leaves the one use that has kubeadm's value.
func remedy(s *snapshot.Snapshot, x finding.Finding) (op.Plan, error) {
	for _, p := range manifest.All(s) {
		for _, name := range twice(p) {
			if p.Subject(name) != x.Subject {
				continue
			}
			right, _ := manifest.Kubeadm(s, p.Name(), name)
			d, kept := p.Change(), false
			for _, f := range uses(p, name) {
				if f.Value == right && !kept {
					kept = true
					continue
				}
				d.Drop(f)
			}
			return d.Plan("a flag is given once")
		}
	}
	return nil, fmt.Errorf("cannot find %s", x.Subject.Name)
}

// drill gives a flag a second time, with another value.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	c := fault.Pick(d, []struct{ component, flag, value string }{
		{"kube-apiserver", "secure-port", fmt.Sprint(d.Int(6450, 6499))},
		{"kube-apiserver", "service-cluster-ip-range", "10.0.0.0/8"},
		{"kube-controller-manager", "service-account-private-key-file", "/etc/kubernetes/pki/" + d.Name() + ".key"},
	})
	p, ok := manifest.Find(s, c.component)
	f, given := p.Flag(c.flag)
	line := p.File.LineAt(f.Line)
	if right, known := manifest.Kubeadm(s, c.component, c.flag); !ok || !given || !known || right != f.Value || strings.Count(line, f.Value) != 1 {
		return nil, fmt.Errorf("cannot find --%s of %s as kubeadm has it", c.flag, c.component)
	}
	to := f.Line + d.Int(0, 2)
	for to > f.Line && !strings.Contains(p.File.LineAt(to), "- --") {
		to--
	}
	return p.Change().Lines(to+1, to, strings.Replace(line, f.Value, c.value, 1)).Plan("the flag once more")
}
