// Package wrongissuer is the fault of a certificate that was not signed by the
// authority which those that it is shown to go by.
package wrongissuer

import (
	"fmt"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/certs"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "pki/wrongissuer",
	Layer:  fault.PKI,
	Needs:  []snapshot.Section{snapshot.SectionPKI},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.CertRefused, Strength: symptom.Usually},
		{Symptom: symptom.AdminLockedOut, Strength: symptom.Sometimes},
		{Symptom: symptom.KubeletRejected, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, x := range certs.Strays(s) {
		if isCA(s, x.Edges[0]) {
			out = append(out, tell(s, x))
		}
	}
	return out
}

// isCA reports whether what is trusted is an authority at all.
func isCA(s *snapshot.Snapshot, e snapshot.Edge) bool {
	for _, c := range s.PKI.Certificates {
		if c.Path == e.CA && c.CA {
			return true
		}
	}
	return len(s.PKI.Certificates) == 0
}

func tell(s *snapshot.Snapshot, x certs.Stray) finding.Finding {
	e := x.Edges[0]
	f := finding.Finding{Subject: finding.Subject{Kind: "certificate", Name: x.File}, Commands: append(certs.Show(x.File), certs.Show(e.CA)...)}
	if x.CA {
		ca, _ := certs.Leaf(s, x.File)
		f.Summary = fmt.Sprintf("the authority in %s is not the one that signed what is shown to those who go by it", x.File)
		f.Facts = []finding.Fact{{Source: x.File, Line: ca.Line, Got: fmt.Sprintf("%s, valid since %s, signed none of them", ca.Subject, certs.Time(ca.NotBefore)), Want: "the authority " + e.Issuer + " that signed them"}}
		for _, y := range x.Edges {
			u := certs.Use{Cert: y.Cert, Edges: []snapshot.Edge{y}}
			f.Facts = append(f.Facts, finding.Fact{Source: y.Cert, Got: u.Role() + " was signed by another " + y.Issuer})
		}
		return f
	}
	u, _ := certs.Find(s, x.File)
	leaf, _ := certs.Leaf(s, x.File)
	f.Summary = fmt.Sprintf("%s was not signed by the authority in %s", u.Role(), e.CA)
	got := "its issuer calls itself " + e.Issuer
	if e.Named == snapshot.Yes {
		got += ", as that authority does, and has another key"
	}
	f.Facts = append([]finding.Fact{{Source: x.File, Line: leaf.Line, Got: got, Want: "signed by " + e.CASubject + " of " + e.CA}}, u.Facts(x.Edges)...)
	return f
}

func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, x := range certs.Strays(s) {
		if x.File == f.Subject.Name && x.CA {
			return nil, fmt.Errorf("cannot say which authority is to hold: %s is another than the one that signed %s and others; put the old one back from a copy, or issue everything below it anew", x.File, x.Edges[0].Cert)
		}
	}
	return certs.Renew(s, f, "another authority signed the old one")
}

// drill issues a certificate that an authority of the same name signed, which
// is not the cluster's.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	u, err := certs.Pick(s, d, func(certs.Use) bool { return true })
	if err != nil {
		return nil, err
	}
	return u.Spoil(s, nil, func(o *op.IssueCertificate) { o.Stranger = true }, func(o *op.IssueKubeconfig) { o.Stranger = true })
}
