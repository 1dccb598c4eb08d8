package access

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"path"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// maxBlocks bounds the PEM blocks of one file: a bundle of the public
// authorities holds about 150.
const maxBlocks = 400

// ParsePEM reads the certificates and keys of a file. Of keys only the
// fingerprint of the public half is kept. A damaged block is an entry whose
// Error names the line.
func ParsePEM(name string, data []byte, mode uint32) (certs []parsed, keys []snapshot.Key) {
	rest, blocks := data, 0
	for blocks < maxBlocks {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		blocks++
		line := lineOf(data, bytes.LastIndex(data[:len(data)-len(rest)], []byte("-----BEGIN ")))
		switch {
		case b.Type == "CERTIFICATE":
			c := certificate(name, b.Bytes, mode)
			c.Index, c.Line = len(certs)+1, line
			certs = append(certs, c)
		case strings.HasSuffix(b.Type, "PRIVATE KEY"), b.Type == "PUBLIC KEY", b.Type == "RSA PUBLIC KEY":
			k := key(name, b, mode)
			k.Line, k.Public = line, strings.HasSuffix(b.Type, "PUBLIC KEY")
			keys = append(keys, k)
		}
	}
	if want := bytes.Count(data, []byte("-----BEGIN ")); blocks == 0 || blocks < min(want, maxBlocks) {
		reason := damage(data)
		if path.Ext(name) == ".key" || path.Ext(name) == ".pub" {
			return certs, append(keys, snapshot.Key{Path: name, Mode: mode, Error: reason})
		}
		certs = append(certs, parsed{Certificate: snapshot.Certificate{Path: name, Mode: mode, Error: reason}})
	}
	return certs, keys
}

func lineOf(data []byte, offset int) int {
	return 1 + bytes.Count(data[:max(offset, 0)], []byte("\n"))
}

// ScanPEM describes a file by its bytes: the blocks in it, how its lines end,
// and the first byte of it that is damaged.
func ScanPEM(name string, data []byte) snapshot.PEMFile {
	certs, keys := ParsePEM(name, data, 0)
	return scan(name, data, certs, keys)
}

func scan(name string, data []byte, certs []parsed, keys []snapshot.Key) snapshot.PEMFile {
	f := snapshot.PEMFile{
		Path: name, Size: int64(len(data)),
		BOM:  bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) || bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")),
		CRLF: bytes.Contains(data, []byte("\r\n")),
	}
	whole := certs[:0:0]
	for _, c := range certs {
		if c.Line > 0 {
			whole = append(whole, c)
		}
	}
	f.Certificates = len(whole)
	for _, k := range keys {
		if k.Line > 0 {
			f.Keys++
		}
	}
	f.Foreign = max(0, bytes.Count(data, []byte("-----BEGIN "))-f.Certificates-f.Keys)
	what, line, offset := findDamage(data)
	if what == "" {
		what, line, offset = badContent(data, whole, keys)
	}
	if what != "" {
		f.Damage, f.Line, f.Offset = what, line, offset
		f.Foreign = max(0, f.Foreign-1)
	}
	f.Order = disorder(whole)
	return f
}

// badContent is the first block whose armour is sound and whose content is
// not.
func badContent(data []byte, certs []parsed, keys []snapshot.Key) (what string, line, offset int) {
	for _, c := range certs {
		if c.Error != "" {
			return "the certificate cannot be read: " + c.Error, c.Line, startOf(data, c.Line)
		}
	}
	for _, k := range keys {
		if k.Error != "" && k.Line > 0 {
			return "the key cannot be read: " + k.Error, k.Line, startOf(data, k.Line)
		}
	}
	return "", 0, 0
}

// startOf is where a line begins, in bytes from 0.
func startOf(data []byte, line int) int {
	at := 0
	for range line - 1 {
		i := bytes.IndexByte(data[at:], '\n')
		if i < 0 {
			return at
		}
		at += i + 1
	}
	return at
}

// disorder says what is wrong with the order of a file that holds a leaf: it
// comes first, and behind each certificate the one that signed it.
func disorder(certs []parsed) string {
	leaf := -1
	for i, c := range certs {
		if c.cert != nil && !c.CA {
			leaf = i
			break
		}
	}
	if leaf < 0 || len(certs) < 2 {
		return "" // a list of authorities has no order
	}
	if leaf > 0 {
		return fmt.Sprintf("the leaf is certificate %d of %d", leaf+1, len(certs))
	}
	for i := 1; i < len(certs); i++ {
		a, b := certs[i-1], certs[i]
		if a.cert != nil && b.cert != nil && !bytes.Equal(a.cert.RawIssuer, b.cert.RawSubject) {
			return fmt.Sprintf("certificate %d is not the issuer of certificate %d", i+1, i)
		}
	}
	return ""
}

// damage says in one clause why a file holds no readable PEM block.
func damage(data []byte) string {
	if len(bytes.TrimSpace(data)) == 0 {
		return "the file is empty"
	}
	what, line, _ := findDamage(data)
	if what == "" {
		return "it holds no readable PEM block"
	}
	return fmt.Sprintf("line %d: %s", line, what)
}

// findDamage looks for the first byte that keeps a PEM block from being read.
func findDamage(data []byte) (what string, line, offset int) {
	var body []byte
	inside, began, at, n := false, 0, 0, 0
	for raw := range bytes.Lines(data) {
		n++
		start := at
		at += len(raw)
		text := strings.TrimRight(string(raw), " \t\r\n")
		switch {
		case strings.HasPrefix(text, "-----BEGIN ") && strings.HasSuffix(text, "-----"):
			if inside {
				return "the PEM block before it has no end", n, start
			}
			inside, began, body = true, start, body[:0]
		case strings.HasPrefix(text, "-----END ") && strings.HasSuffix(text, "-----"):
			if inside {
				if bad := badBase64(data[began:start], body); bad >= 0 {
					return "the base64 has the wrong length", lineOf(data, began+bad), began + bad
				}
			}
			inside = false
		case strings.HasPrefix(text, "-----"), !inside && armour(text):
			return "the PEM armour is damaged", n, start
		case inside && !header(text):
			if i := strings.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune(base64Chars, r) }); i >= 0 {
				return "it is not base64", n, start + i
			}
			body = append(body, text...)
		}
	}
	if inside {
		return "the PEM block has no end", n, at
	}
	return "", 0, 0
}

// armour reports whether a line outside a block looks like the begin or the
// end of one that lost some of its dashes.
func armour(text string) bool {
	return strings.HasPrefix(text, "-") && (strings.Contains(text, "BEGIN ") || strings.Contains(text, "END ")) && strings.HasSuffix(text, "-")
}

// header reports whether a line is a header of an encrypted key.
func header(text string) bool { return strings.Contains(text, ": ") }

// badBase64 is the offset in block at which its base64, which has no foreign
// letter, stops making sense, or -1.
func badBase64(block, body []byte) int {
	text := strings.TrimSpace(strings.ReplaceAll(string(body), " ", ""))
	if _, err := base64.StdEncoding.DecodeString(text); err == nil {
		return -1
	}
	if i := bytes.IndexByte(block, '='); i >= 0 && strings.Contains(strings.TrimRight(text, "="), "=") {
		return i
	}
	return len(bytes.TrimRight(block, "\r\n"))
}

const base64Chars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= "

// algorithm names a public key and its size in bits.
func algorithm(public any) string {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return fmt.Sprintf("ECDSA %d", k.Curve.Params().BitSize)
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", public), "*")
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }
