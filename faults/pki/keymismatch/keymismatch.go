// Package keymismatch is the fault of a certificate beside which another's key
// lies.
package keymismatch

import (
	"fmt"
	"path"
	"slices"
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
	ID:     "pki/keymismatch",
	Layer:  fault.PKI,
	Needs:  []snapshot.Section{snapshot.SectionPKI},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.CertRefused, Strength: symptom.Usually},
		{Symptom: symptom.AdminLockedOut, Strength: symptom.Sometimes},
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes},
	},
	Remedy: func(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
		return certs.Renew(s, f, "with a key of its own")
	},
	Drill: drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, u := range certs.InUse(s) {
		bad := u.Bad(func(e snapshot.Edge) bool { return e.Pair == snapshot.No && !mixed(s, e) })
		if len(bad) == 0 {
			continue
		}
		leaf, _ := certs.Leaf(s, u.Cert)
		f := finding.Finding{
			Subject: u.Subject(), Summary: fmt.Sprintf("the key in %s does not belong to %s", file(bad[0].Key), u.Role()),
			Facts: []finding.Fact{
				{Source: u.Cert, Line: leaf.Line, Got: fmt.Sprintf("%s, of the public key %s", bad[0].Subject, short(leaf.SPKI))},
				{Source: bad[0].Key, Got: "the key whose public half is " + short(half(s, bad[0].Key)) + owners(s, bad[0].Key), Want: short(leaf.SPKI)},
			},
			Commands: []string{"openssl x509 -noout -pubkey -in " + file(u.Cert) + " | sha256sum", "openssl pkey -pubout -in " + file(bad[0].Key) + " | sha256sum"},
		}
		if certs.Embedded(u.Cert) {
			f.Commands = u.Commands()
		}
		f.Facts = append(f.Facts, u.Facts(nil)...)
		out = append(out, f)
	}
	return out
}

// mixed reports whether the controller manager is told to sign by the
// certificate of one pair and the key of another, which are both whole: its
// flags are wrong then, and no file.
func mixed(s *snapshot.Snapshot, e snapshot.Edge) bool {
	stem := func(p string) string { return strings.TrimSuffix(p, path.Ext(p)) }
	if e.Checks != snapshot.EdgePair || e.Server != "kube-controller-manager" || stem(e.Cert) == stem(e.Key) {
		return false
	}
	whole := func(name string) bool {
		return slices.ContainsFunc(s.PKI.Certificates, func(c snapshot.Certificate) bool {
			return stem(c.Path) == name && c.SPKI != "" && slices.ContainsFunc(s.PKI.Keys, func(k snapshot.Key) bool { return stem(k.Path) == name && k.SPKI == c.SPKI })
		})
	}
	return whole(stem(e.Cert)) && whole(stem(e.Key))
}

func file(name string) string {
	f, _ := certs.Split(name)
	return f
}

// half is the fingerprint of the public half of the key in a file.
func half(s *snapshot.Snapshot, name string) string {
	for _, k := range s.PKI.Keys {
		if k.Path == name {
			return k.SPKI
		}
	}
	return ""
}

// owners names the certificate that the key belongs to, when it lies here.
func owners(s *snapshot.Snapshot, name string) string {
	spki := half(s, name)
	for _, c := range s.PKI.Certificates {
		if c.SPKI == spki && spki != "" {
			return ", which belongs to " + c.Path
		}
	}
	return ""
}

func short(sum string) string {
	if len(sum) < 16 {
		return "unknown"
	}
	return "sha256:" + sum[:16]
}

// drill puts a certificate of the same name in the place of one, whose key
// nobody has. One in a kubeconfig cannot be parted from its key.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	u, err := certs.Pick(s, d, func(u certs.Use) bool { return !certs.Embedded(u.Cert) && u.Key() != u.Cert })
	if err != nil {
		return nil, err
	}
	return u.Spoil(s, nil, func(o *op.IssueCertificate) { o.Key, o.KeyPin = "", "" }, nil)
}
