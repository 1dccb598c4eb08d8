// Package filemissing is the fault of a flag that names a file which is not
// there.
package filemissing

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "static/filemissing",
	Layer:    fault.Kubelet,
	Needs:    manifest.Needs,
	Uses:     manifest.Uses,
	Detect:   detect,
	Explains: append(slices.Clone(manifest.Explains), symptom.Edge{Symptom: symptom.CertRefused, Strength: symptom.Sometimes}), // the file is one
	Remedy:   remedy,
	Drill:    drill,
}

// absent are the files that a component reads and that are not there, though
// a volume shows where they would lie. A file that kubeadm names, too, and
// that is gone is no fault of the flag.
func absent(s *snapshot.Snapshot, p manifest.Part) []snapshot.NamedFile {
	var out []snapshot.NamedFile
	for _, n := range p.Inputs(s) {
		own, known := manifest.Kubeadm(s, p.Name(), n.Flag)
		if n.Host != "" && n.Is == "missing" && !(known && own == n.Path) && !manifest.Overridden(s, p, n.Flag) {
			out = append(out, n)
		}
	}
	return out
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, p := range manifest.All(s) {
		if manifest.Stays(s, p.File, p.Name()) {
			continue
		}
		for _, n := range absent(s, p) {
			want := "a file that is there"
			if own, ok := known(s, p, n); ok {
				want = own
			}
			out = append(out, manifest.Found(s, p.File, subject(p, n), fmt.Sprintf("%s ends at once: its --%s names %s, which is not there", p.Name(), n.Flag, n.Path),
				p.Quote(n.Line, want), finding.Fact{Source: n.Host, Got: "is not there", Want: "what --" + n.Flag + " is to read"}))
		}
	}
	return out
}

func subject(p manifest.Part, n snapshot.NamedFile) finding.Subject {
	x := p.Subject(n.Flag)
	x.Name += " " + n.Path
	return x
}

// known is the file that belongs in a flag: as kubeadm has it, where another
// flag shows that it is there, or as the same flag of a peer has it.
func known(s *snapshot.Snapshot, p manifest.Part, n snapshot.NamedFile) (string, bool) {
	own, ok := manifest.Kubeadm(s, p.Name(), n.Flag)
	return own, ok && !strings.Contains(own, ",")
}

func remedy(s *snapshot.Snapshot, x finding.Finding) (op.Plan, error) {
	for _, p := range manifest.All(s) {
		for _, n := range absent(s, p) {
			if subject(p, n) != x.Subject {
				continue
			}
			own, ok := known(s, p, n)
			if !ok {
				return nil, fmt.Errorf("cannot decide what --%s of %s is to read: bring %s back, or take the flag away if its settings are not wanted", n.Flag, p.Name(), n.Path)
			}
			return p.Change().Set(p, n.Flag, own).Plan("as kubeadm has it")
		}
	}
	return nil, fmt.Errorf("cannot find %s", x.Subject.Name)
}

// drill has a flag name a file beside the right one, which is not there.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, fault.Pick(d, []string{"kube-apiserver", "kube-controller-manager", "etcd"}))
	if !ok {
		return nil, fmt.Errorf("cannot find a component's manifest")
	}
	var list []snapshot.NamedFile
	for _, n := range p.Inputs(s) {
		if own, ok := manifest.Kubeadm(s, p.Name(), n.Flag); ok && own == n.Path && n.Is == "file" && path.Dir(n.Path) != "/etc/kubernetes" {
			list = append(list, n)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("cannot find a file that %s reads", p.Name())
	}
	n := fault.Pick(d, list)
	dir, ext := path.Dir(n.Path), path.Ext(n.Path)
	base := strings.TrimSuffix(path.Base(n.Path), ext)
	to := fault.Pick(d, []string{dir + "/" + base + "-new" + ext, dir + "/" + base + "s" + ext, dir + "/" + d.Name() + ext, dir + "/tls/" + base + ext, n.Path + ".pem"})
	return p.Change().Set(p, n.Flag, to).Plan("another file")
}
