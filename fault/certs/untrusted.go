package certs

import (
	"slices"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// A Stray is a certificate that its peers' authority did not sign, or an
// authority that did not sign what is shown to those who go by it.
type Stray struct {
	File  string // of the certificate, or of the authority
	CA    bool   // the authority is what does not fit
	Edges []snapshot.Edge
}

// Strays finds for each pair that does not fit which side of it is wrong: the
// one that fits nothing else, while the other fits all else. Where a whole
// authority fits nothing, it was put in the place of another. Where both sides
// fit others, someone is told to go by the wrong file, which is no fault of
// either.
func Strays(s *snapshot.Snapshot) []Stray {
	var edges []snapshot.Edge
	for _, u := range InUse(s) {
		edges = append(edges, u.Edges...)
	}
	var out []Stray
	for _, e := range edges {
		if e.Signed != snapshot.No {
			continue
		}
		x := Stray{File: e.Cert}
		good := func(ok func(snapshot.Edge) bool) bool {
			return slices.ContainsFunc(edges, func(y snapshot.Edge) bool { return y.Signed == snapshot.Yes && ok(y) })
		}
		certGood := good(func(y snapshot.Edge) bool { return y.Cert == e.Cert })
		caGood := good(func(y snapshot.Edge) bool { return y.CA == e.CA })
		switch {
		case certGood && caGood, !certGood && e.Named == snapshot.No && signed(s, e.Cert):
			continue // who goes by whom is what is wrong
		case certGood, !caGood && lonely(edges, e.CA):
			x.File, x.CA = e.CA, true
		}
		i := slices.IndexFunc(out, func(y Stray) bool { return y.File == x.File })
		if i < 0 {
			out, i = append(out, x), len(out)
		}
		out[i].Edges = append(out[i].Edges, e)
	}
	return out
}

// lonely reports whether two certificates or more are shown to those who go by
// an authority, and it signed none.
func lonely(edges []snapshot.Edge, ca string) bool {
	var shown []string
	for _, e := range edges {
		if e.CA == ca && e.Signed == snapshot.No && !slices.Contains(shown, e.Cert) {
			shown = append(shown, e.Cert)
		}
	}
	return len(shown) > 1
}

// signed reports whether an authority of this node signed the certificate.
func signed(s *snapshot.Snapshot, cert string) bool {
	c, ok := Leaf(s, cert)
	return ok && c.SignedBy != "" && c.SignedBy != cert
}

// Embedded reports whether a certificate is part of a kubeconfig.
func Embedded(cert string) bool { return strings.Contains(cert, "#") }
