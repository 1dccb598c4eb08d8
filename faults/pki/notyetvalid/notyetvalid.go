// Package notyetvalid is the fault of a certificate in use whose time is to come.
package notyetvalid

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
	ID:     "pki/notyetvalid",
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
		return certs.Renew(s, f, "the old one begins in the future")
	},
	Drill: drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	early := func(c snapshot.Certificate) bool { return s.At.Before(c.NotBefore) }
	return certs.Untimely(s, early, func(c snapshot.Certificate) (says, want string) {
		return "is not valid before " + certs.Time(c.NotBefore), "a begin before " + certs.Time(s.At)
	})
}

// drill issues a certificate that begins in some days.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	u, err := certs.Pick(s, d, func(certs.Use) bool { return true })
	if err != nil {
		return nil, err
	}
	from := s.At.Add(time.Duration(d.Int(24, 60*24)) * time.Hour).Truncate(time.Second)
	return u.Spoil(s, nil,
		func(o *op.IssueCertificate) { o.From = from },
		func(o *op.IssueKubeconfig) { o.From = from })
}
