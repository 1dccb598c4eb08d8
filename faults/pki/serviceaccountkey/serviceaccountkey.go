// Package serviceaccountkey is the fault of a key that signs the tokens of
// service accounts and that the API server does not verify with.
package serviceaccountkey

import (
	"crypto/ecdh"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
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
	ID:     "pki/serviceaccountkey",
	Layer:  fault.PKI,
	Needs:  []snapshot.Section{snapshot.SectionPKI},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.TokensRefused, Strength: symptom.Always},
		{Symptom: symptom.ControllersIdle, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, e := range mismatched(s) {
		from, line := certs.Place(e.CertFrom)
		by, byLine := certs.Place(strings.Split(e.CAFrom, ",")[0])
		x := finding.Finding{
			Subject: finding.Subject{Kind: "file", Name: e.CA}, Summary: fmt.Sprintf("the API server verifies tokens with %s, and %s signs them with %s, which is another key", e.CA, e.Client, e.Key),
			Facts: []finding.Fact{
				{Source: from, Line: line, Got: e.Client + " signs with " + e.Key + ", of the public key " + short(keys(s, e.Key))},
				{Source: by, Line: byLine, Got: "the API server verifies with " + e.CA + ", of the public keys " + short(keys(s, strings.Split(e.CA, ",")...)), Want: short(keys(s, e.Key))},
			},
			Commands: []string{"openssl pkey -pubout -in " + e.Key + " | sha256sum", "openssl pkey -pubin -pubout -in " + strings.Split(e.CA, ",")[0] + " | sha256sum"},
		}
		if i := slices.IndexFunc(out, func(y finding.Finding) bool { return y.Subject == x.Subject }); i >= 0 {
			out[i].Facts = append(out[i].Facts, x.Facts[0])
			continue
		}
		out = append(out, x)
	}
	return out
}

func mismatched(s *snapshot.Snapshot) []snapshot.Edge {
	return slices.DeleteFunc(slices.Clone(s.PKI.Edges), func(e snapshot.Edge) bool {
		return e.Checks != snapshot.EdgeSigning || e.Pair != snapshot.No
	})
}

// keys are the fingerprints of the public halves of the keys in files.
func keys(s *snapshot.Snapshot, files ...string) []string {
	var out []string
	for _, k := range s.PKI.Keys {
		if slices.Contains(files, k.Path) && k.SPKI != "" {
			out = append(out, k.SPKI)
		}
	}
	return out
}

func short(sums []string) string {
	var out []string
	for _, x := range sums {
		out = append(out, "sha256:"+x[:min(16, len(x))])
	}
	if len(out) == 0 {
		return "unknown"
	}
	return strings.Join(out, ", ")
}

// remedy lets the API server verify with both: what was signed before and what
// is signed now.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	var plan op.Plan
	done := map[string]bool{}
	for _, e := range mismatched(s) {
		if e.CA != f.Subject.Name || done[e.Key] {
			continue
		}
		done[e.Key] = true
		if len(plan) > 0 {
			return nil, fmt.Errorf("cannot say which key is to sign: %s and others differ from %s; give the API server and the controller manager the same", e.Key, e.CA)
		}
		p, err := certs.Publish(s, e)
		if err != nil {
			return nil, err
		}
		plan = p
	}
	return plan, nil
}

// drill puts another public key in the place of the one that verifies.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.PKI == nil {
		return nil, errors.New("cannot change the key that verifies tokens: none was read")
	}
	for _, e := range s.PKI.Edges {
		f, ok := certs.File(s, e.CA)
		if e.Checks != snapshot.EdgeSigning || e.Pair != snapshot.Yes || !ok || f.SHA256 == "" || f.Link != "" {
			continue
		}
		data, err := other(d)
		if err != nil {
			return nil, err
		}
		write := op.WriteFile{Path: f.Path, Pin: f.SHA256, Data: data, Mode: fs.FileMode(f.Mode), UID: int(f.UID), GID: int(f.GID), Why: "another key"}
		return append(op.Plan{write}, certs.RestartStatic(s, "kube-apiserver")...), nil
	}
	return nil, errors.New("cannot change the key that verifies tokens: it was not read")
}

// other is a public key that nobody has the private half of.
func other(d *fault.Dice) ([]byte, error) {
	seed := make([]byte, 32)
	for i := range seed {
		seed[i] = byte(d.Int(1, 254))
	}
	private, err := ecdh.P256().NewPrivateKey(seed)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(private.PublicKey())
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}
