// Package pki issues kubeconfigs from the cluster's own CA, as kubeadm does.
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
	caPEM, err := i.files.ReadFile(x.CACert)
	if err != nil {
		return nil, fmt.Errorf("cannot issue a certificate for %q: %w", x.User, err)
	}
	keyPEM, err := i.files.ReadFile(x.CAKey)
	if err != nil {
		return nil, fmt.Errorf("cannot issue a certificate for %q: %w", x.User, err)
	}
	ca, err := tls.X509KeyPair(caPEM, keyPEM) // also checks that they belong together
	if err != nil {
		return nil, fmt.Errorf("cannot use the CA %s with %s: %w", x.CACert, x.CAKey, err)
	}
	cert, key, err := sign(ca, x, i.Now())
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

// sign makes a key and its certificate, both in PEM.
func sign(ca tls.Certificate, x op.IssueKubeconfig, now time.Time) (cert, key []byte, err error) {
	signer, ok := ca.PrivateKey.(crypto.Signer)
	if !ok || !ca.Leaf.IsCA {
		return nil, nil, errors.New("the certificate is not a CA's")
	}
	days := x.Days
	if days <= 0 {
		days = year
	}
	end := now.AddDate(0, 0, days)
	if end.After(ca.Leaf.NotAfter) {
		end = ca.Leaf.NotAfter
	}
	if !now.Before(end) {
		return nil, nil, fmt.Errorf("the CA is good until %s only", end.UTC().Format(time.RFC3339))
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
		SerialNumber: serial, Subject: pkix.Name{CommonName: x.User, Organization: x.Groups},
		NotBefore: now.Add(-early), NotAfter: end, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
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
