// Package damaged is the fault of a certificate or key whose PEM is damaged.
package damaged

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/certs"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "pki/damaged",
	Layer:  fault.PKI,
	Needs:  []snapshot.Section{snapshot.SectionPKI},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.CertRefused, Strength: symptom.Usually},
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes},
		{Symptom: symptom.APIDown, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.TokensRefused, Strength: symptom.Sometimes},
		{Symptom: symptom.AdminLockedOut, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, f := range s.PKI.Files {
		why := wrong(f)
		if why == "" || !loaded(s, f) {
			continue
		}
		x := finding.Finding{
			Subject: finding.Subject{Kind: "file", Name: f.Path}, Summary: fmt.Sprintf("%s cannot be loaded: %s", f.Path, why),
			Facts:    []finding.Fact{{Source: f.Path, Line: f.Line, Got: fmt.Sprintf("byte %d of %d: %s", f.Offset, f.Size, why), Want: "whole blocks of PEM"}},
			Commands: []string{fmt.Sprintf("head -c %d %s | tail -c 80", f.Offset+20, f.Path), "openssl x509 -noout -text -in " + f.Path},
		}
		if path.Ext(f.Path) == ".key" { // a key is not for the screen
			x.Commands = []string{"openssl pkey -noout -in " + f.Path}
		}
		for _, from := range f.UsedBy {
			file, line := certs.Place(from)
			x.Facts = append(x.Facts, finding.Fact{Source: file, Line: line, Got: "names " + f.Path})
		}
		out = append(out, x)
	}
	return append(out, embedded(s)...)
}

// wrong says what of the file keeps it from being loaded: a block that is
// damaged, or no block that can be read.
func wrong(f snapshot.PEMFile) string {
	switch {
	case f.Error != "":
		return ""
	case f.Damage != "":
		return f.Damage
	case f.BOM && f.Certificates+f.Keys == 0:
		return "a byte order mark before the first block hides it"
	case f.Size == 0:
		return "it is empty"
	case f.Certificates+f.Keys == 0 && f.Foreign == 0:
		return "it holds no block of PEM"
	}
	return ""
}

// loaded reports whether someone is told to load the file. What lies about may
// be anything.
func loaded(s *snapshot.Snapshot, f snapshot.PEMFile) bool {
	if len(f.UsedBy) > 0 {
		return true
	}
	for _, u := range certs.InUse(s) {
		if u.Cert == f.Path || u.Key() == f.Path {
			return true
		}
	}
	return false
}

// embedded finds what kubeconfigs embed and what cannot be read.
func embedded(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	told := map[string]bool{}
	add := func(name, why string) {
		file, entry := certs.Split(name)
		if entry == "" || why == "" || told[name] {
			return
		}
		told[name] = true
		out = append(out, finding.Finding{
			Subject: finding.Subject{Kind: "certificate", Name: name}, Summary: fmt.Sprintf("what %s embeds for %s cannot be read: %s", file, entry, why),
			Facts:    []finding.Fact{{Source: file, Got: strings.TrimPrefix(name, file+"#") + ": " + why, Want: "base64 of whole blocks of PEM"}},
			Commands: certs.Show(name),
		})
	}
	for _, c := range s.PKI.Certificates {
		add(c.Path, c.Error)
	}
	for _, k := range s.PKI.Keys {
		add(k.Path, k.Error)
	}
	return out
}

func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	file, ok := certs.File(s, f.Subject.Name)
	if ok && file.BOM && file.Certificates+file.Keys == 0 && file.SHA256 != "" && file.Link == "" {
		plan := op.Plan{op.Splice{Path: file.Path, Pin: file.SHA256, Remove: 3, Why: "the byte order mark goes"}}
		for _, u := range certs.InUse(s) {
			if u.Cert == file.Path || u.Key() == file.Path {
				return append(plan, u.Restart(s)...), nil
			}
		}
		return plan, nil
	}
	return certs.Restore(s, f.Subject.Name, "the old one is damaged")
}

// drill damages one byte of a certificate or key, or cuts its end off.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	u, err := certs.Pick(s, d, func(u certs.Use) bool { return !certs.Embedded(u.Cert) && u.Key() != u.Cert })
	if err != nil {
		return nil, err
	}
	f, ok := certs.File(s, fault.Pick(d, []string{u.Cert, u.Key()}))
	if !ok || f.SHA256 == "" || f.Size < 200 {
		return nil, errors.New("cannot damage a certificate: its file was not read")
	}
	size := int(f.Size)
	x := op.Splice{Path: f.Path, Pin: f.SHA256, Why: "it is damaged", Offset: d.Int(100, size-60), Remove: 1, Insert: []byte(fault.Pick(d, []string{"-", " x", "#", "."}))}
	switch d.Int(0, 3) {
	case 0:
		x.Offset, x.Remove, x.Insert = d.Int(size/2, size-40), 0, nil
		x.Remove = size - x.Offset
	case 1:
		x.Offset, x.Remove, x.Insert = 0, 0, []byte("\xef\xbb\xbf")
	}
	return append(op.Plan{x}, u.Restart(s)...), nil
}
