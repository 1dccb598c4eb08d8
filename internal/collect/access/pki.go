package access

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// pkiDirs are where kubeadm and the kubelet keep certificates and keys.
var pkiDirs = []string{"/etc/kubernetes/pki", "/var/lib/kubelet/pki"}

// A parsed certificate keeps what the check of signatures needs.
type parsed struct {
	snapshot.Certificate
	cert *x509.Certificate
}

// collectPKI sets s.PKI. It stays nil where there is nothing of the kind.
func collectPKI(_ context.Context, e *source.Env, s *snapshot.Snapshot) error {
	p := &snapshot.PKI{}
	var certs []parsed
	for _, name := range pemFiles(e) {
		i, err := e.Stat(name)
		if err != nil {
			p.Certificates = append(p.Certificates, snapshot.Certificate{Path: name, Error: err.Error()})
			continue
		}
		data, err := e.ReadFile(name)
		if err != nil {
			e.Gap(snapshot.SectionPKI, name, err)
			continue
		}
		found, keys := ParsePEM(name, data, i.Mode)
		certs, p.Keys = append(certs, found...), append(p.Keys, keys...)
	}
	for _, name := range e.Glob("/etc/kubernetes/*.conf") {
		if data, err := e.ReadFile(name); err == nil {
			found, keys := embedded(name, data)
			certs, p.Keys = append(certs, found...), append(p.Keys, keys...)
		}
	}
	if len(certs) == 0 && len(p.Keys) == 0 && len(p.Certificates) == 0 {
		return errors.New("no certificate of Kubernetes is there")
	}
	if len(certs) > maxCerts {
		e.Gap(snapshot.SectionPKI, pkiDirs[0], fmt.Errorf("more than %d certificates", maxCerts))
		certs = certs[:maxCerts]
	}
	p.Certificates = append(p.Certificates, signed(certs)...)
	s.PKI = p
	return nil
}

// pemFiles lists the files of the PKI folders, three folders deep.
func pemFiles(e *source.Env) []string {
	var out []string
	var walk func(dir string, depth int)
	walk = func(dir string, depth int) {
		list, err := e.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			e.Gap(snapshot.SectionPKI, dir, err)
		}
		for _, x := range list {
			name := path.Join(dir, x.Name())
			switch ext := path.Ext(name); {
			case x.IsDir() && depth < 3:
				walk(name, depth+1)
			case slices.Contains([]string{".crt", ".pem", ".key", ".pub", ".cert"}, ext):
				out = append(out, name)
			}
		}
	}
	for _, dir := range pkiDirs {
		walk(dir, 0)
	}
	if len(out) > maxFiles {
		e.Gap(snapshot.SectionPKI, pkiDirs[0], fmt.Errorf("more than %d files", maxFiles))
		out = out[:maxFiles]
	}
	return out
}

// ParsePEM reads the certificates and keys of a file. Of keys only the
// fingerprint of the public half is kept.
func ParsePEM(name string, data []byte, mode uint32) (certs []parsed, keys []snapshot.Key) {
	rest, blocks := data, 0
	for {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		blocks++
		switch {
		case b.Type == "CERTIFICATE":
			certs = append(certs, certificate(name, b.Bytes, mode))
		case strings.HasSuffix(b.Type, "PRIVATE KEY"), b.Type == "PUBLIC KEY":
			keys = append(keys, key(name, b, mode))
		}
	}
	if want := bytes.Count(data, []byte("-----BEGIN ")); blocks == 0 || blocks < want {
		reason := damage(data)
		if path.Ext(name) == ".key" || path.Ext(name) == ".pub" {
			return certs, append(keys, snapshot.Key{Path: name, Mode: mode, Error: reason})
		}
		certs = append(certs, parsed{Certificate: snapshot.Certificate{Path: name, Mode: mode, Error: reason}})
	}
	return certs, keys
}

// damage says why a file holds no readable PEM block.
func damage(data []byte) string {
	if len(bytes.TrimSpace(data)) == 0 {
		return "the file is empty"
	}
	inside, n := false, 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, "-----BEGIN ") && strings.HasSuffix(line, "-----"):
			inside = true
		case strings.HasPrefix(line, "-----END ") && strings.HasSuffix(line, "-----"):
			inside = false
		case strings.HasPrefix(line, "-----"):
			return fmt.Sprintf("line %d: the PEM armour is damaged", n)
		case inside && strings.Trim(line, base64Chars) != "":
			return fmt.Sprintf("line %d: it is not base64", n)
		}
	}
	if inside {
		return fmt.Sprintf("line %d: the PEM block has no end", n)
	}
	return "it holds no readable PEM block"
}

const base64Chars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= "

// certificate describes one certificate in DER.
func certificate(name string, der []byte, mode uint32) parsed {
	sum := sha256.Sum256(der)
	c := snapshot.Certificate{Path: name, SHA256: hex.EncodeToString(sum[:]), Mode: mode}
	x, err := x509.ParseCertificate(der)
	if err != nil {
		c.Error = err.Error()
		return parsed{Certificate: c}
	}
	spki := sha256.Sum256(x.RawSubjectPublicKeyInfo)
	c.Subject, c.Issuer, c.CN, c.Orgs = x.Subject.String(), x.Issuer.String(), x.Subject.CommonName, x.Subject.Organization
	c.NotBefore, c.NotAfter, c.CA, c.DNS = x.NotBefore.UTC(), x.NotAfter.UTC(), x.IsCA, x.DNSNames
	c.SPKI = hex.EncodeToString(spki[:])
	for _, ip := range x.IPAddresses {
		c.IPs = append(c.IPs, ip.String())
	}
	for _, u := range x.ExtKeyUsage {
		switch u {
		case x509.ExtKeyUsageClientAuth:
			c.Usages = append(c.Usages, "client auth")
		case x509.ExtKeyUsageServerAuth:
			c.Usages = append(c.Usages, "server auth")
		default:
			c.Usages = append(c.Usages, fmt.Sprintf("usage %d", u))
		}
	}
	return parsed{c, x}
}

// key describes one key by its public half.
func key(name string, b *pem.Block, mode uint32) snapshot.Key {
	k := snapshot.Key{Path: name, Mode: mode}
	public, err := publicOf(b)
	if err == nil {
		var der []byte
		if der, err = x509.MarshalPKIXPublicKey(public); err == nil {
			sum := sha256.Sum256(der)
			k.SPKI = hex.EncodeToString(sum[:])
		}
	}
	if err != nil {
		k.Error = err.Error()
	}
	return k
}

func publicOf(b *pem.Block) (any, error) {
	var private any
	var err error
	switch b.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(b.Bytes)
	case "RSA PRIVATE KEY":
		private, err = x509.ParsePKCS1PrivateKey(b.Bytes)
	case "EC PRIVATE KEY":
		private, err = x509.ParseECPrivateKey(b.Bytes)
	default:
		private, err = x509.ParsePKCS8PrivateKey(b.Bytes)
	}
	if err != nil {
		return nil, err
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("key of type %T", private)
	}
	return signer.Public(), nil
}

// signed sets SignedBy of each certificate by checking its signature against
// the authorities among them; those of a file go before embedded ones.
func signed(certs []parsed) []snapshot.Certificate {
	var out []snapshot.Certificate
	for _, c := range certs {
		for _, ca := range certs {
			if c.cert == nil || ca.cert == nil || !ca.CA || !bytes.Equal(c.cert.RawIssuer, ca.cert.RawSubject) {
				continue
			}
			if c.cert.CheckSignatureFrom(ca.cert) == nil {
				c.SignedBy = ca.Path
				break
			}
		}
		out = append(out, c.Certificate)
	}
	return out
}
