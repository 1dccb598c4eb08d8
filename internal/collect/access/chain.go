package access

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/snapshot"
)

// maxChain is how many certificates lie between a leaf and its authority.
const maxChain = 5

// A presented is what one side shows or trusts, as bytes of PEM.
type presented struct {
	cert, key, ca []byte
	// public is publicKeys, or one that remembers: to check a private key
	// takes milliseconds.
	public func([]byte) [][]byte
}

// CheckEdge sets the answers of x by the bytes of its files: what of them is
// nil was not read and is not asked about. Only the public half of a key is
// looked at.
func CheckEdge(x *snapshot.Edge, p presented, at time.Time) {
	if p.public == nil {
		p.public = publicKeys
	}
	if x.Checks == snapshot.EdgeSigning {
		checkSigning(x, p)
		return
	}
	shown := certificates(p.cert)
	if len(shown) == 0 {
		x.Error = firstError(x.Error, p.cert, x.Cert)
		return
	}
	leaf := shown[0]
	sum := sha256.Sum256(leaf.Raw)
	x.Subject, x.Issuer, x.SHA256 = leaf.Subject.String(), leaf.Issuer.String(), hex.EncodeToString(sum[:])
	x.NotBefore, x.NotAfter = leaf.NotBefore.UTC(), leaf.NotAfter.UTC()
	if p.key != nil {
		keys := p.public(p.key)
		if x.Pair = belongs(keys, leaf.RawSubjectPublicKeyInfo); len(keys) == 0 {
			x.Error = firstError(x.Error, p.key, x.Key)
		}
	}
	if x.Checks == snapshot.EdgePair {
		return
	}
	x.Usage = snapshot.Answered(usable(leaf, x.Checks == snapshot.EdgeServer))
	if x.Address != "" && x.Checks == snapshot.EdgeServer {
		x.Covers = snapshot.Answered(leaf.VerifyHostname(bracket(x.Address)) == nil)
	}
	x.Valid = snapshot.Answered(inTime(leaf, at))
	if p.ca == nil {
		return
	}
	authorities := certificates(p.ca)
	if len(authorities) == 0 {
		x.Error = firstError(x.Error, p.ca, x.CA)
		return
	}
	judge(x, shown, authorities, at)
}

// judge sets what the trusted authorities say of the leaf.
func judge(x *snapshot.Edge, shown, authorities []*x509.Certificate, at time.Time) {
	leaf := shown[0]
	signer := chain(leaf, shown[1:], authorities, 0)
	named := slices.IndexFunc(authorities, func(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, leaf.RawIssuer) })
	x.Named = snapshot.Answered(signer != nil || named >= 0)
	x.Signed = snapshot.Answered(signer != nil)
	told := authorities[max(0, named)]
	if signer != nil {
		told = signer
		x.Valid = snapshot.Answered(inTime(leaf, at) && inTime(signer, at))
	}
	sum := sha256.Sum256(told.Raw)
	x.CASubject, x.CASHA256 = told.Subject.String(), hex.EncodeToString(sum[:])
}

// chain finds the authority to which c leads, or nil. Time is not looked at.
func chain(c *x509.Certificate, between, authorities []*x509.Certificate, depth int) *x509.Certificate {
	for _, a := range authorities {
		if c.Equal(a) || bytes.Equal(c.RawIssuer, a.RawSubject) && c.CheckSignatureFrom(a) == nil {
			return a
		}
	}
	if depth == maxChain {
		return nil
	}
	for _, b := range between {
		if !c.Equal(b) && bytes.Equal(c.RawIssuer, b.RawSubject) && c.CheckSignatureFrom(b) == nil {
			return chain(b, between, authorities, depth+1)
		}
	}
	return nil
}

// checkSigning compares the key that signs with the keys that verify.
func checkSigning(x *snapshot.Edge, p presented) {
	private, public := p.public(p.key), p.public(p.ca)
	switch {
	case p.key == nil || p.ca == nil:
	case len(private) == 0:
		x.Error = firstError(x.Error, p.key, x.Key)
	case len(public) == 0:
		x.Error = firstError(x.Error, p.ca, x.CA)
	default:
		x.Pair = belongs(public, private[0])
	}
}

// certificates are those of a PEM file that can be read.
func certificates(data []byte) []*x509.Certificate {
	certs, _ := ParsePEM("", data, 0)
	var out []*x509.Certificate
	for _, c := range certs {
		if c.cert != nil {
			out = append(out, c.cert)
		}
	}
	return out
}

// publicKeys are the public halves, in DER, of the keys and certificates of a
// PEM file: where the API server wants public keys, all of them will do.
func publicKeys(data []byte) [][]byte {
	var out [][]byte
	for _, b := range decode(data) {
		if public, err := publicOf(b); err == nil {
			if der, err := x509.MarshalPKIXPublicKey(public); err == nil {
				out = append(out, der)
			}
		}
	}
	return out
}

func belongs(keys [][]byte, spki []byte) snapshot.Answer {
	if len(keys) == 0 {
		return ""
	}
	return snapshot.Answered(slices.ContainsFunc(keys, func(k []byte) bool { return bytes.Equal(k, spki) }))
}

// usable reports whether a certificate may be used for a server or a client.
// One without any usage may be used for all.
func usable(c *x509.Certificate, server bool) bool {
	want := x509.ExtKeyUsageClientAuth
	if server {
		want = x509.ExtKeyUsageServerAuth
	}
	if len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.Contains(c.ExtKeyUsage, want) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

func inTime(c *x509.Certificate, at time.Time) bool {
	return at.IsZero() || !at.Before(c.NotBefore) && !at.After(c.NotAfter)
}

// bracket writes an IPv6 address as crypto/x509 wants it.
func bracket(host string) string {
	if ip := net.ParseIP(strings.Trim(host, "[]")); ip != nil && strings.Contains(host, ":") {
		return "[" + ip.String() + "]"
	}
	return host
}

// firstError keeps what is known already, else says why data cannot be used.
func firstError(known string, data []byte, name string) string {
	if known != "" {
		return known
	}
	what, line, _ := findDamage(data)
	err := errors.New("holds nothing of the kind")
	switch {
	case len(data) == 0:
		err = errors.New("is empty or was not read")
	case what != "":
		return name + ":" + itoa(line) + ": " + what
	}
	return name + " " + err.Error()
}
