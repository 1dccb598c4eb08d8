package boot

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
)

// secrets are what nodes join with; they live for the time of one boot.
type secrets struct{ token, certificateKey string }

func newSecrets() (secrets, error) {
	raw := make([]byte, 11+32)
	if _, err := rand.Read(raw); err != nil {
		return secrets{}, fmt.Errorf("cannot draw a join token: %w", err)
	}
	text := hex.EncodeToString(raw[:11])
	return secrets{token: text[:6] + "." + text[6:], certificateKey: hex.EncodeToString(raw[11:])}, nil
}

// caHash is the fingerprint of a CA certificate as kubeadm writes it: a hash of the
// public key.
func caHash(certificate []byte) (string, error) {
	block, _ := pem.Decode(certificate)
	if block == nil {
		return "", errors.New("cannot read the CA certificate: not PEM")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("cannot read the CA certificate: %w", err)
	}
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}
