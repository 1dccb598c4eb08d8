// Package usage is the fault of a certificate that may not be used for what it
// is used for.
package usage

import (
	"fmt"
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
	ID:     "pki/usage",
	Layer:  fault.PKI,
	Needs:  []snapshot.Section{snapshot.SectionPKI},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.CertRefused, Strength: symptom.Usually},
		{Symptom: symptom.AdminLockedOut, Strength: symptom.Sometimes},
	},
	Remedy: func(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
		return certs.Renew(s, f, "with the usage that it needs")
	},
	Drill: drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, u := range certs.InUse(s) {
		bad := u.Bad(func(e snapshot.Edge) bool { return e.Usage == snapshot.No })
		if len(bad) == 0 {
			continue
		}
		want := "client auth"
		if bad[0].Checks == snapshot.EdgeServer {
			want = "server auth"
		}
		leaf, _ := certs.Leaf(s, u.Cert)
		out = append(out, finding.Finding{
			Subject: u.Subject(), Summary: fmt.Sprintf("%s is issued for %s, not for %s", u.Role(), strings.Join(leaf.Usages, " and "), want),
			Facts:    append([]finding.Fact{{Source: u.Cert, Line: leaf.Line, Got: "extended key usage: " + strings.Join(leaf.Usages, ", "), Want: want}}, u.Facts(bad)...),
			Commands: u.Commands(),
		})
	}
	return append(out, noAuthority(s)...)
}

// noAuthority finds certificates that others go by as an authority, and that
// are not marked as one.
func noAuthority(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	told := map[string]bool{}
	for _, u := range certs.InUse(s) {
		for _, e := range u.Edges {
			ca, ok := certs.Leaf(s, e.CA)
			if e.Signed != snapshot.No || e.Named != snapshot.Yes || !ok || ca.CA || told[e.CA] {
				continue
			}
			told[e.CA] = true
			out = append(out, finding.Finding{
				Subject: finding.Subject{Kind: "certificate", Name: e.CA}, Summary: fmt.Sprintf("%s is to be an authority, and is not marked as one", e.CA),
				Facts:    append([]finding.Fact{{Source: e.CA, Line: ca.Line, Got: "basic constraints without CA: " + ca.Subject, Want: "CA:TRUE"}}, u.Facts([]snapshot.Edge{e})...),
				Commands: certs.Show(e.CA),
			})
		}
	}
	return out
}

// drill issues a certificate for the other side of a connection alone.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	u, err := certs.Pick(s, d, func(u certs.Use) bool { return !certs.Embedded(u.Cert) })
	if err != nil {
		return nil, err
	}
	return u.Spoil(s, nil,
		func(o *op.IssueCertificate) { o.Server, o.Client = !u.IsServer(), u.IsServer() }, nil)
}
