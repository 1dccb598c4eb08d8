package certs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Untimely are the certificates in use, and the authorities they go by, for
// which wrong holds: those that are over, or those whose time is to come. A
// clock that is wrong makes none of them so.
func Untimely(s *snapshot.Snapshot, wrong func(snapshot.Certificate) bool, what func(snapshot.Certificate) (says, want string)) []finding.Finding {
	if ClockWrong(s) {
		return nil
	}
	var out []finding.Finding
	authorities := map[string][]snapshot.Edge{}
	invalid := func(e snapshot.Edge) bool { return e.Valid == snapshot.No }
	for _, u := range InUse(s) {
		bad := u.Bad(invalid)
		leaf, ok := Leaf(s, u.Cert)
		if len(bad) == 0 || !ok {
			continue // the kubelet's own is not looked at by anyone
		}
		if wrong(leaf) {
			says, want := what(leaf)
			out = append(out, finding.Finding{
				Subject: u.Subject(), Summary: u.Role() + " " + says,
				Facts:    append([]finding.Fact{{Source: u.Cert, Line: leaf.Line, Got: leaf.Subject + ", " + says, Want: want}}, u.Facts(bad)...),
				Commands: u.Commands(),
			})
			continue
		}
		for _, e := range bad {
			authorities[e.CA] = append(authorities[e.CA], e)
		}
	}
	return append(out, oldAuthorities(s, authorities, wrong, what)...)
}

// oldAuthorities are those that are not in their time themselves.
func oldAuthorities(s *snapshot.Snapshot, by map[string][]snapshot.Edge, wrong func(snapshot.Certificate) bool, what func(snapshot.Certificate) (says, want string)) []finding.Finding {
	var out []finding.Finding
	for _, ca := range s.PKI.Certificates {
		edges := by[ca.Path]
		i := slices.IndexFunc(edges, func(e snapshot.Edge) bool { return e.CASHA256 == ca.SHA256 })
		if i < 0 || !wrong(ca) {
			continue
		}
		says, want := what(ca)
		f := finding.Finding{
			Subject: finding.Subject{Kind: "certificate", Name: ca.Path}, Summary: fmt.Sprintf("the authority %s %s, and with it all that it signed", ca.Path, says),
			Facts: []finding.Fact{{Source: ca.Path, Line: ca.Line, Got: ca.Subject + ", " + says, Want: want}}, Commands: Show(ca.Path),
		}
		for _, e := range edges {
			f.Facts = append(f.Facts, Use{e.Cert, []snapshot.Edge{e}}.Facts([]snapshot.Edge{e})...)
		}
		f.Facts = slices.Compact(f.Facts)
		out = append(out, f)
		delete(by, ca.Path)
	}
	return out
}

// Renew is the remedy of one certificate that is to be made anew.
func Renew(s *snapshot.Snapshot, f finding.Finding, why string) (op.Plan, error) {
	u, ok := Find(s, f.Subject.Name)
	if !ok || strings.Contains(f.Subject.Name, "#clusters/") {
		return nil, fmt.Errorf("cannot renew the authority %s: with a new one every certificate below it, every kubeconfig and every pod's copy has to change; decide how to rotate it", f.Subject.Name)
	}
	if e := u.Edges[0]; e.Client == "kubelet" && e.Server == "kubelet" {
		return nil, fmt.Errorf("cannot issue %s anew: the kubelet makes it itself when it and its key are gone and it starts", u.Cert)
	}
	if leaf, ok := Leaf(s, u.Cert); ok && leaf.CA {
		return nil, fmt.Errorf("cannot issue the authority %s anew: decide from where its own files come back", u.Cert)
	}
	return u.Reissue(s, why)
}
