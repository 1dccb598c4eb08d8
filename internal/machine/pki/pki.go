// Package pki issues kubeconfigs and certificates from the cluster's own CA, as kubeadm does.
package pki

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/klustered/klustered/op"
)

// Files are the node's files.
type Files interface {
	ReadFile(path string) ([]byte, error)
}

// Issuer issues kubeconfigs with the CA key that lies in Files.
type Issuer struct {
	Now   func() time.Time // the clock
	files Files
}

// New returns an Issuer.
func New(files Files) *Issuer { return &Issuer{Now: time.Now, files: files} }

// early is how far back a certificate begins, for clocks that are behind.
const early = 5 * time.Minute

// year is how long a certificate is good that names no days.
const year = 365

// Issue returns a kubeconfig with a new key and a client certificate for
// x.User, signed by x.CAKey. With x.Replace it is the file at x.Path in which
// only the credentials of that user are new.
func (i *Issuer) Issue(_ context.Context, x op.IssueKubeconfig) ([]byte, error) {
	ca, caPEM, err := i.authority(x.CACert, x.CAKey, x.Stranger)
	if err != nil {
		return nil, fmt.Errorf("cannot issue a certificate for %q: %w", x.User, err)
	}
	w := wanted{
		subject: pkix.Name{CommonName: x.User, Organization: x.Groups}, usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		from: x.From, until: x.Until, days: x.Days,
	}
	cert, key, err := sign(ca, w, i.Now())
	if err != nil {
		return nil, fmt.Errorf("cannot issue a certificate for %q: %w", x.User, err)
	}
	if x.Replace == "" {
		return whole(x, caPEM, cert, key)
	}
	old, err := i.files.ReadFile(x.Path)
	if err != nil {
		return nil, fmt.Errorf("cannot renew the credentials of %q: %w", x.Replace, err)
	}
	return renewed(old, x, cert, key)
}

// IssueCertificate returns a certificate as x says, and its new key, in PEM.
func (i *Issuer) IssueCertificate(_ context.Context, x op.IssueCertificate) (cert, key []byte, err error) {
	ca, _, err := i.authority(x.CACert, x.CAKey, x.Stranger)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot issue %s: %w", x.Cert, err)
	}
	w := wanted{subject: pkix.Name{CommonName: x.Name, Organization: x.Groups}, dns: x.DNS, from: x.From, until: x.Until}
	for _, a := range x.IPs {
		ip := net.ParseIP(a)
		if ip == nil {
			return nil, nil, fmt.Errorf("cannot issue %s: %q is no address", x.Cert, a)
		}
		w.ips = append(w.ips, ip)
	}
	if x.Server {
		w.usages = append(w.usages, x509.ExtKeyUsageServerAuth)
	}
	if x.Client {
		w.usages = append(w.usages, x509.ExtKeyUsageClientAuth)
	}
	cert, key, err = sign(ca, w, i.Now())
	if err != nil {
		return nil, nil, fmt.Errorf("cannot issue %s: %w", x.Cert, err)
	}
	return cert, key, nil
}

// authority reads the CA and checks that its key belongs to it. A stranger has
// the CA's name and validity, and another key.
func (i *Issuer) authority(certPath, keyPath string, stranger bool) (tls.Certificate, []byte, error) {
	certPEM, err := i.files.ReadFile(certPath)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	keyPEM, err := i.files.ReadFile(keyPath)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	ca, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return ca, nil, fmt.Errorf("cannot use the CA %s with %s: %w", certPath, keyPath, err)
	}
	if !stranger {
		return ca, certPEM, nil
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return ca, nil, err
	}
	own := *ca.Leaf
	own.PublicKey, own.SubjectKeyId, own.SignatureAlgorithm = private.Public(), nil, x509.UnknownSignatureAlgorithm
	return tls.Certificate{Leaf: &own, PrivateKey: private}, certPEM, nil
}

// A wanted is what a certificate is to be.
type wanted struct {
	subject     pkix.Name
	dns         []string
	ips         []net.IP
	usages      []x509.ExtKeyUsage
	from, until time.Time // zero: now, and after days
	days        int       // 0 is a year
}

// span is when the certificate is good: not longer than its authority.
func (w wanted) span(ca *x509.Certificate, now time.Time) (from, until time.Time, err error) {
	from, until = w.from, w.until
	if from.IsZero() {
		from = now.Add(-early)
	}
	if until.IsZero() {
		days := w.days
		if days <= 0 {
			days = year
		}
		until = from.Add(early).AddDate(0, 0, days)
	}
	if until.After(ca.NotAfter) {
		until = ca.NotAfter
	}
	if !from.Before(until) || w.until.IsZero() && !now.Before(until) {
		return from, until, fmt.Errorf("the CA is good until %s only", ca.NotAfter.UTC().Format(time.RFC3339))
	}
	return from, until, nil
}

// sign makes a key and its certificate, both in PEM.
func sign(ca tls.Certificate, w wanted, now time.Time) (cert, key []byte, err error) {
	signer, ok := ca.PrivateKey.(crypto.Signer)
	if !ok || !ca.Leaf.IsCA {
		return nil, nil, errors.New("the certificate is not a CA's")
	}
	from, until, err := w.span(ca.Leaf, now)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: w.subject, NotBefore: from, NotAfter: until, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: w.usages,
		DNSNames: w.dns, IPAddresses: w.ips,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.Leaf, private.Public(), signer)
	if err != nil {
		return nil, nil, err
	}
	raw, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return cert, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw}), nil
}
