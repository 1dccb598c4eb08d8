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

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// pkiDirs are where kubeadm, the kubelet and an etcd of its own keep
// certificates and keys.
var pkiDirs = []string{"/etc/kubernetes/pki", "/var/lib/kubelet/pki", "/etc/etcd", "/etc/ssl/etcd", "/var/lib/etcd-secrets"}

// pemEndings are the endings of files that hold PEM.
var pemEndings = []string{".crt", ".pem", ".key", ".pub", ".cert"}

// A parsed certificate keeps what the check of signatures needs.
type parsed struct {
	snapshot.Certificate
	cert *x509.Certificate
}

// collectPKI sets s.PKI. It stays nil where there is nothing of the kind.
func collectPKI(_ context.Context, e *source.Env, s *snapshot.Snapshot) error {
	p := &snapshot.PKI{}
	found, used := edges(e, s)
	p.Edges = found
	names := pemFiles(e)
	for name := range used {
		if name != "" && !slices.Contains(names, name) && len(names) < maxFiles {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var certs []parsed
	for _, name := range names {
		f, found, keys := readPEM(e, name)
		if f.Error != "" {
			found = []parsed{{Certificate: snapshot.Certificate{Path: name, Error: f.Error}}}
		}
		f.UsedBy = slices.Sorted(slices.Values(slices.DeleteFunc(used[name], func(x string) bool { return x == "" })))
		p.Files = append(p.Files, f)
		certs, p.Keys = append(certs, found...), append(p.Keys, keys...)
	}
	for _, name := range e.Glob("/etc/kubernetes/*.conf") {
		if data, err := e.ReadFile(name); err == nil {
			found, keys := embedded(name, data)
			certs, p.Keys = append(certs, found...), append(p.Keys, keys...)
		}
	}
	if len(certs) == 0 && len(p.Keys) == 0 {
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

// readPEM reads a file with all that is known about it.
func readPEM(e *source.Env, name string) (snapshot.PEMFile, []parsed, []snapshot.Key) {
	f := snapshot.PEMFile{Path: name}
	i, err := e.Stat(name)
	var data []byte
	if err == nil {
		data, err = e.ReadFile(name)
		e.Gap(snapshot.SectionPKI, name, err)
	}
	certs, keys := ParsePEM(name, data, i.Mode)
	if err == nil {
		f = scan(name, data, certs, keys)
		sum := sha256.Sum256(data)
		f.SHA256 = hex.EncodeToString(sum[:])
		f.Mode, f.UID, f.GID, f.Modified = i.Mode, i.UID, i.GID, i.Modified
	}
	if link, err := e.Readlink(name); err == nil {
		f.Link = link
	}
	if err != nil {
		f.Error = err.Error()
		return f, nil, nil
	}
	return f, certs, keys
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
			case slices.Contains(pemEndings, ext):
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
	c.Serial, c.SubjectID, c.IssuerID = x.SerialNumber.Text(16), hexOf(x.SubjectKeyId), hexOf(x.AuthorityKeyId)
	c.Algorithm, c.Signature, c.KeyUsages = algorithm(x.PublicKey), x.SignatureAlgorithm.String(), keyUsages(x.KeyUsage)
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

// usageNames are the bits of x509.KeyUsage, in their order.
var usageNames = []string{"digital signature", "content commitment", "key encipherment", "data encipherment", "key agreement", "cert sign", "crl sign", "encipher only", "decipher only"}

func keyUsages(u x509.KeyUsage) []string {
	var out []string
	for i, name := range usageNames {
		if u&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}

// decode are the sound PEM blocks of a file.
func decode(data []byte) []*pem.Block {
	var out []*pem.Block
	for len(out) < maxBlocks {
		var b *pem.Block
		if b, data = pem.Decode(data); b == nil {
			break
		}
		out = append(out, b)
	}
	return out
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
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(b.Bytes)
	case "CERTIFICATE": // the service account keys may be kept in one
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, err
		}
		return c.PublicKey, nil
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

// Describe is the snapshot's form of a certificate that a server showed, in
// DER.
func Describe(der []byte) snapshot.Certificate { return certificate("", der, 0).Certificate }
