// Package missing is the fault of a certificate or key that a component is
// told to load and that is not there.
package missing

import (
	"fmt"
	"path"
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

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "pki/missing",
	Layer:  fault.PKI,
	Needs:  []snapshot.Section{snapshot.SectionPKI},
	Uses:   []snapshot.Section{snapshot.SectionStatic},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.CertRefused, Strength: symptom.Usually},
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes},
		{Symptom: symptom.APIDown, Strength: symptom.Sometimes, Cluster: true},
	},
	Follows: []symptom.ID{symptom.FolderHidden}, // it is there, beneath the mount
	Remedy:  remedy,
	Drill:   drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, f := range gone(s) {
		x := finding.Finding{
			Subject: finding.Subject{Kind: "file", Name: f.Path}, Summary: fmt.Sprintf("%s is not there, and %s is told to load it", f.Path, reader(f.UsedBy[0])),
			Commands: []string{"ls -l " + path.Dir(f.Path)},
		}
		for _, from := range f.UsedBy {
			file, line := certs.Place(from)
			x.Facts = append(x.Facts, finding.Fact{Source: file, Line: line, Got: quote(s, file, line, f.Path), Want: "a file"})
		}
		if leads := f.Link; leads != "" {
			x.Facts = append(x.Facts, finding.Fact{Source: f.Path, Got: "a link to " + leads + ", which is not there"})
		}
		out = append(out, x)
	}
	return out
}

// gone are the files that are missing where they ought to be. Where kubeadm
// gives a flag another file, which is there, the flag is what is wrong.
func gone(s *snapshot.Snapshot) []snapshot.PEMFile {
	var out []snapshot.PEMFile
	for _, f := range s.PKI.Files {
		if !certs.Missing(f) {
			continue
		}
		f.UsedBy = slices.DeleteFunc(slices.Clone(f.UsedBy), func(from string) bool { return misled(s, from) })
		if len(f.UsedBy) > 0 {
			out = append(out, f)
		}
	}
	return out
}

// misled reports whether the flag at FILE:LINE names another file than kubeadm
// writes there, while that one is to be had.
func misled(s *snapshot.Snapshot, from string) bool {
	file, line := certs.Place(from)
	for _, p := range manifest.All(s) {
		for _, x := range p.Container.Flags {
			if p.File.Path != file || x.Line != line {
				continue
			}
			want, ok := manifest.Kubeadm(s, p.Name(), x.Name)
			there, known := certs.File(s, want)
			return ok && want != x.Value && known && there.Error == ""
		}
	}
	return false
}

// quote is the line that names the file.
func quote(s *snapshot.Snapshot, file string, line int, name string) string {
	if s.Static != nil {
		for _, m := range s.Static.Manifests {
			if l := strings.TrimSpace(m.LineAt(line)); m.Path == file && l != "" {
				return l
			}
		}
	}
	return "names " + name
}

// reader says who is told so, by the file that tells.
func reader(from string) string {
	file, _ := certs.Place(from)
	return strings.TrimSuffix(path.Base(file), path.Ext(file))
}

func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	return certs.Restore(s, f.Subject.Name, "it is not there")
}

// drill removes a certificate or a key that can be made anew.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	u, err := certs.Pick(s, d, func(u certs.Use) bool { return !certs.Embedded(u.Cert) && u.Key() != u.Cert })
	if err != nil {
		return nil, err
	}
	file, ok := certs.File(s, fault.Pick(d, []string{u.Cert, u.Key()}))
	if !ok || file.SHA256 == "" {
		return nil, fmt.Errorf("cannot remove %s: it was not read", u.Cert)
	}
	return append(op.Plan{op.RemoveFile{Path: file.Path, Pin: file.SHA256}}, u.Restart(s)...), nil
}
