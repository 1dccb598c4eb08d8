// Package frontproxy is the fault of a front-proxy certificate with a name
// that aggregated API servers do not take.
package frontproxy

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
	ID:     "pki/frontproxy",
	Layer:  fault.PKI,
	Needs:  []snapshot.Section{snapshot.SectionPKI},
	Uses:   []snapshot.Section{snapshot.SectionStatic},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.APIPartDown, Strength: symptom.Usually, Cluster: true},
	},
	Remedy: func(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
		return certs.Renew(s, f, "with the name that is taken")
	},
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, u := range certs.InUse(s) {
		bad := u.Bad(func(e snapshot.Edge) bool { return e.Allowed == snapshot.No })
		if len(bad) == 0 {
			continue
		}
		leaf, _ := certs.Leaf(s, u.Cert)
		x := finding.Finding{
			Subject: u.Subject(), Summary: fmt.Sprintf("%s is named %q, which is none that they are told to take", u.Role(), leaf.CN),
			Facts:    append([]finding.Fact{{Source: u.Cert, Line: leaf.Line, Got: leaf.Subject}}, u.Facts(bad)...),
			Commands: append(u.Commands(), "kubectl -n kube-system get configmap extension-apiserver-authentication -o yaml"),
		}
		if s.Static != nil {
			m, c, _ := s.Static.Component("kube-apiserver")
			if f, ok := c.Flag("requestheader-allowed-names"); ok {
				x.Facts[0].Want = "CN=" + f.Value
				x.Facts = append(x.Facts, finding.Fact{Source: m.Path, Line: f.Line, Got: "--requestheader-allowed-names=" + f.Value})
			}
		}
		out = append(out, x)
	}
	return out
}
