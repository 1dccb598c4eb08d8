// Package secret replaces credentials in text by fingerprints, so that a
// snapshot can quote a file without holding what it grants.
package secret

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"strings"
)

// Fingerprint is the hex SHA-256 of a credential.
func Fingerprint(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Mark is what stands for the credential s in a text: enough to tell two
// apart, and nothing to log in with.
func Mark(s string) string { return "(secret sha256:" + Fingerprint([]byte(s))[:16] + ")" }

var (
	privateKey = regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)`)
	jwt        = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`)
	bearer     = regexp.MustCompile(`(?i)(\b(?:bearer|basic)\s+)([A-Za-z0-9._~+/=-]{12,})`)
	urlUser    = regexp.MustCompile(`(://[^/\s:@"']+:)([^/\s@"']+)(@)`)
	assigned   = regexp.MustCompile(`(?i)([a-z0-9_-]*(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|certificate-key)[a-z0-9_-]*["']?[ \t]*[:=][ \t]*["']?)([^\s"'$,;&|(){}<>%]{6,})`)
	// flagged is a flag with its value as the next word.
	flagged = regexp.MustCompile(`(?i)(--?[a-z0-9_-]*(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|certificate-key)[a-z0-9_-]*["']?[ \t]+["']?)([^\s"'$,;&|(){}<>%-][^\s"'$,;&|(){}<>%]{5,})`)
	// login is the base64 of a user and a password, as registries want it.
	login = regexp.MustCompile(`(?i)(\bauth["']?[ \t]*[:=][ \t]*["']?)([a-z0-9+/]{12,}={0,2})`)
)

// assignable are the words without one of which assigned and flagged do not
// match.
var assignable = []string{"passw", "passphrase", "secret", "token", "apikey", "api_key", "api-key", "accesskey", "access_key", "access-key", "certificate-key"}

// Scrub replaces what looks like a private key, a token or a password in
// text. The number of lines stays the same, so that line numbers hold. A
// pattern is tried only on a text that holds what it cannot match without:
// few texts do, and looking for a literal costs a fraction of the pattern.
func Scrub(text string) string {
	if strings.Contains(text, "PRIVATE KEY-----") {
		text = privateKey.ReplaceAllStringFunc(text, func(s string) string {
			return Mark(s) + strings.Repeat("\n", strings.Count(s, "\n"))
		})
	}
	if strings.Contains(text, "eyJ") {
		text = jwt.ReplaceAllStringFunc(text, Mark)
	}
	text = scrubRuns(text)
	if may(text, "bearer", "basic") {
		text = bearer.ReplaceAllStringFunc(text, second(bearer))
	}
	if strings.Contains(text, "://") && strings.Contains(text, "@") {
		text = urlUser.ReplaceAllStringFunc(text, second(urlUser))
	}
	if may(text, "auth") {
		text = login.ReplaceAllStringFunc(text, second(login))
	}
	if strings.ContainsAny(text, "-:=") && may(text, assignable...) {
		text = assigned.ReplaceAllStringFunc(text, second(assigned))
		text = flagged.ReplaceAllStringFunc(text, second(flagged))
	}
	return text
}

// second replaces the second group of pattern unless it or its key names a
// file, which is no secret.
func second(pattern *regexp.Regexp) func(string) string {
	return func(s string) string {
		m := pattern.FindStringSubmatch(s)
		key := strings.TrimRight(m[1], "\"' \t:=")
		if strings.HasPrefix(m[2], "/") || strings.HasPrefix(m[2], "./") || reference(key) {
			return s
		}
		rest := strings.Join(m[3:], "")
		return m[1] + Mark(m[2]) + rest
	}
}

// Sensitive reports whether the base64 text s holds a private key.
func Sensitive(s string) bool {
	data, ok := Decode(s)
	return ok && bytes.Contains(data, []byte("PRIVATE KEY"))
}

// Decode reads base64 of either alphabet, padded or not.
func Decode(s string) ([]byte, bool) {
	s = strings.TrimRight(s, "=")
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if data, err := e.DecodeString(s); err == nil {
			return data, true
		}
	}
	return nil, false
}

// reference reports whether a key of that name says where a credential is, or
// something else about it, and does not hold one.
func reference(key string) bool {
	key = strings.ToLower(key)
	for _, end := range []string{"file", "path", "dir", "url", "name", "policy", "type", "mode", "ttl"} {
		if strings.HasSuffix(key, end) {
			return true
		}
	}
	return false
}

// Named reports whether a key of that name commonly holds a credential.
func Named(key string) bool {
	key = strings.ToLower(key)
	if reference(key) {
		return false
	}
	if strings.HasSuffix(key, "authorization") { // the header
		return true
	}
	for _, w := range []string{"password", "passwd", "secret", "token", "apikey", "api_key", "api-key", "access_key", "accesskey", "key-data", "certificate-key", "private", "credential"} {
		if strings.Contains(key, w) {
			return true
		}
	}
	return false
}

// Args returns the arguments of a program with secrets replaced: the value of
// a flag whose name says so, and whatever [Scrub] finds.
func Args(args []string) []string {
	out := make([]string, len(args))
	hide := false
	for i, a := range args {
		name, value, ok := strings.Cut(a, "=")
		flag := strings.HasPrefix(a, "-")
		switch {
		case hide && !flag && !strings.HasPrefix(a, "/"):
			out[i] = Mark(a)
		case ok && Named(strings.TrimLeft(name, "-")) && !strings.HasPrefix(value, "/"):
			out[i] = name + "=" + Mark(value)
		default:
			out[i] = Scrub(a)
		}
		hide = flag && !ok && Named(strings.TrimLeft(a, "-")) && len(a) > 2
	}
	return out
}
