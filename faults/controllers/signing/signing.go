// Package signing is the fault of keys with which the controller manager is to sign, and
// that do not belong to its certificate.
package signing

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "controllers/signing",
	Layer:    fault.Control,
	Needs:    manifest.Needs,
	Uses:     []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionPKI, snapshot.SectionCluster},
	Detect:   manifest.DetectFlags(check),
	Explains: append([]symptom.Edge{{Symptom: symptom.CertRefused, Strength: symptom.Usually}}, manifest.Explains...),
	Remedy:   manifest.RemedyFlags(check),
	Drill:    drill,
}

// check looks whether the controller manager's certificate and key to sign
// with are a pair.
func check(s *snapshot.Snapshot) []manifest.Wrong {
	p, ok := manifest.Find(s, "kube-controller-manager")
	cert, has1 := p.Flag("cluster-signing-cert-file")
	key, has2 := p.Flag("cluster-signing-key-file")
	if !ok || s.PKI == nil || !has1 || !has2 {
		return nil
	}
	c := slices.IndexFunc(s.PKI.Certificates, func(x snapshot.Certificate) bool {
		return x.Path == onNode(p, cert.Value) && x.Error == "" && x.SPKI != ""
	})
	k := slices.IndexFunc(s.PKI.Keys, func(x snapshot.Key) bool {
		return x.Path == onNode(p, key.Value) && x.Error == "" && x.SPKI != "" && !x.Public
	})
	if c < 0 || k < 0 || s.PKI.Certificates[c].SPKI == s.PKI.Keys[k].SPKI {
		return nil
	}
	facts := []finding.Fact{
		{Source: s.PKI.Certificates[c].Path, Got: "public key " + s.PKI.Certificates[c].SPKI[:min(16, len(s.PKI.Certificates[c].SPKI))], Want: "the key's own"},
		{Source: s.PKI.Keys[k].Path, Got: "public key " + s.PKI.Keys[k].SPKI[:min(16, len(s.PKI.Keys[k].SPKI))]},
	}
	var out []manifest.Wrong
	for _, f := range []snapshot.Flag{cert, key} {
		if right, known := manifest.Kubeadm(s, p.Name(), f.Name); known && right != f.Value {
			out = append(out, manifest.Wrong{Part: p, Flag: f.Name, Why: fmt.Sprintf("%s and %s are no pair", cert.Value, key.Value), Want: right, Set: right, Facts: facts, Leads: true})
		}
	}
	if own := mate(s, s.PKI.Certificates[c]); len(out) == 0 && own != "" && stem(s.PKI.Certificates[c].Path) != stem(s.PKI.Keys[k].Path) {
		out = append(out, manifest.Wrong{Part: p, Flag: key.Name, Why: fmt.Sprintf("%s and %s are no pair", cert.Value, key.Value), Want: own, Facts: facts, Leads: true})
	}
	return out // the files themselves are another matter
}

func stem(file string) string { return strings.TrimSuffix(file, path.Ext(file)) }

// mate is where the key of a certificate lies, beside it.
func mate(s *snapshot.Snapshot, c snapshot.Certificate) string {
	for _, k := range s.PKI.Keys {
		if k.SPKI == c.SPKI && !k.Public && k.Error == "" && stem(k.Path) == stem(c.Path) {
			return k.Path
		}
	}
	return ""
}

func onNode(p manifest.Part, path string) string {
	if host, ok := p.File.OnNode(0, path); ok {
		return host
	}
	return path
}

// drill has the controller manager sign with another authority's key.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, "kube-controller-manager")
	if f, given := p.Flag("cluster-signing-key-file"); !ok || !given || f.Value != "/etc/kubernetes/pki/ca.key" || s.PKI == nil {
		return nil, fmt.Errorf("cannot find the key that the controller manager signs with")
	}
	flag, ext := "cluster-signing-key-file", ".key"
	if d.Int(0, 1) == 0 {
		flag, ext = "cluster-signing-cert-file", ".crt"
	}
	return p.Change().Set(p, flag, "/etc/kubernetes/pki/"+fault.Pick(d, []string{"front-proxy-ca", "etcd/ca", "apiserver"})+ext).Plan("another authority")
}
