// Package expired is the fault of a certificate in use whose time is over.
package expired

import (
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/certs"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "pki/expired",
	Layer:  fault.PKI,
	Needs:  []snapshot.Section{snapshot.SectionPKI},
	Uses:   []snapshot.Section{snapshot.SectionClock},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.CertRefused, Strength: symptom.Usually},
		{Symptom: symptom.AdminLockedOut, Strength: symptom.Sometimes},
		{Symptom: symptom.KubeletRejected, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: func(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
		return certs.Renew(s, f, "the old one is over")
	},
	Drill: drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	over := func(c snapshot.Certificate) bool { return !c.NotAfter.IsZero() && s.At.After(c.NotAfter) }
	return certs.Untimely(s, over, func(c snapshot.Certificate) (says, want string) {
		return "expired at " + certs.Time(c.NotAfter), "an end after " + certs.Time(s.At)
	})
}

// drill issues a certificate that has been over for some time.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	u, err := certs.Pick(s, d, func(certs.Use) bool { return true })
	if err != nil {
		return nil, err
	}
	until := s.At.Add(-time.Duration(d.Int(1, 60*24)) * time.Hour).Truncate(time.Second)
	from := until.AddDate(-1, 0, 0)
	return u.Spoil(s, nil,
		func(o *op.IssueCertificate) { o.From, o.Until = from, until },
		func(o *op.IssueKubeconfig) { o.From, o.Until = from, until })
}
