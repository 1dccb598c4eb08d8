package pki

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	"github.com/klustered/klustered/op"
)

func TestIssueCertificate(t *testing.T) {
	files := tree{}
	files["/ca.crt"], files["/ca.key"] = ca(t, ecKey(t), 1000*time.Hour)
	past := time.Now().Add(-48 * time.Hour)
	base := op.IssueCertificate{Cert: "/x.crt", Key: "/x.key", CACert: "/ca.crt", CAKey: "/ca.key", Name: "x", Groups: []string{"g"}, DNS: []string{"a.b"}, IPs: []string{"10.0.0.1"}, Server: true}
	for name, tc := range map[string]struct {
		change func(*op.IssueCertificate)
		ok     bool // it verifies for a server now
	}{
		"a server's":   {func(*op.IssueCertificate) {}, true},
		"a client's":   {func(x *op.IssueCertificate) { x.Server, x.Client = false, true }, false},
		"over":         {func(x *op.IssueCertificate) { x.From, x.Until = past, past.Add(time.Hour) }, false},
		"to come":      {func(x *op.IssueCertificate) { x.From = time.Now().Add(time.Hour) }, false},
		"a stranger's": {func(x *op.IssueCertificate) { x.Stranger = true }, false},
		"other names":  {func(x *op.IssueCertificate) { x.DNS = []string{"c"} }, false},
	} {
		x := base
		tc.change(&x)
		cert, key, err := New(files).IssueCertificate(t.Context(), x)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(files["/ca.crt"])
		_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "a.b", KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
		if (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
		if pair.Leaf.Issuer.CommonName != "kubernetes" || pair.Leaf.Subject.CommonName != "x" || pair.Leaf.IPAddresses[0].String() != "10.0.0.1" {
			t.Errorf("%s: got %s of %s", name, pair.Leaf.Subject, pair.Leaf.Issuer)
		}
	}
	base.IPs = []string{"nowhere"}
	if _, _, err := New(files).IssueCertificate(t.Context(), base); err == nil {
		t.Error("an address that is none was taken")
	}
}
