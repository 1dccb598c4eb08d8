package access

import (
	"encoding/json"
	"encoding/pem"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// The bounds of the search for credentials.
const (
	maxNamed = 24 // files that a plugin names
	maxHops  = 2  // files that such a file names in turn
)

// search looks for credentials in the plugin's text and words, and in the
// files that they name.
func search(e *source.Env, body *snapshot.Text, words []string) []snapshot.Identity {
	var found []snapshot.Identity
	add := func(list []snapshot.Identity) {
		for _, x := range list {
			same := func(y snapshot.Identity) bool { return y.User == x.User && y.Kind == x.Kind }
			if !slices.ContainsFunc(found, same) {
				found = append(found, x)
			}
		}
	}
	next := named(strings.Join(words, "\n"))
	seen := []string{}
	if body != nil {
		add(Identities(body.Path, body.Content))
		seen, next = append(seen, body.Path), append(next, named(body.Content)...)
	}
	add(Identities("arguments", strings.Join(words, " ")))
	for range maxHops {
		files := next
		next = nil
		for _, name := range files {
			if slices.Contains(seen, name) || len(seen) > maxNamed || public(name) {
				continue
			}
			seen = append(seen, name)
			t, err := e.Text(name, maxFileBytes)
			if err != nil {
				continue
			}
			add(Identities(name, t.Content))
			next = append(next, named(t.Content)...)
		}
	}
	return found
}

// public reports whether a file that a script names holds no credential of
// the plugin's own: programs, devices, and the cluster's authorities.
func public(name string) bool {
	for _, dir := range []string{"/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/dev/", "/proc/", "/sys/"} {
		if strings.HasPrefix(name, dir) {
			return true
		}
	}
	return path.Base(name) == "ca.crt"
}

var (
	pathWord   = regexp.MustCompile(`/[A-Za-z0-9._@%+-]+(?:/[A-Za-z0-9._@%+-]+)+`)
	assignment = regexp.MustCompile(`(?m)(?:^|[\s;])([A-Za-z_][A-Za-z0-9_]*)=["']?([A-Za-z0-9._/@%+-]{1,255})["']?`)
)

// named returns the absolute paths that a text names, its simple variables
// replaced.
func named(text string) []string {
	var out []string
	for _, p := range pathWord.FindAllString(variables(text, text), 400) {
		if p = path.Clean(p); !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

var (
	jwt         = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`)
	base64Text  = regexp.MustCompile(`LS0tLS1CRUdJTi[A-Za-z0-9+/]{60,}={0,2}`)
	createToken = regexp.MustCompile(`create\s+token\s+([^\s;|&)]+)([^\n;|&)]*)`)
	namespace   = regexp.MustCompile(`(?:^|\s)(?:-n|--namespace)[ =]+["']?([A-Za-z0-9-]+)`)
)

// Identities are the credentials in a text: bearer tokens, client
// certificates in PEM or in base64 of it, and the service accounts for which
// it asks a token.
func Identities(file, text string) []snapshot.Identity {
	var out []snapshot.Identity
	lineAt := func(offset int) int { return 1 + strings.Count(text[:offset], "\n") }
	for _, m := range jwt.FindAllStringIndex(text, 20) {
		if x, ok := tokenIdentity(text[m[0]:m[1]]); ok {
			x.Source, x.Line = file, lineAt(m[0])
			out = append(out, x)
		}
	}
	for _, m := range base64Text.FindAllStringIndex(text, 20) {
		if data, ok := secret.Decode(text[m[0]:m[1]]); ok {
			out = append(out, certIdentities(file, lineAt(m[0]), data)...)
		}
	}
	if at := strings.Index(text, "-----BEGIN CERTIFICATE-----"); at >= 0 {
		out = append(out, certIdentities(file, lineAt(at), []byte(text))...)
	}
	for _, m := range createToken.FindAllStringSubmatchIndex(text, 20) {
		name, rest := variables(text, text[m[2]:m[3]]), variables(text, text[m[4]:m[5]])
		start := strings.LastIndexByte(text[:m[0]], '\n') + 1
		ns := namespace.FindStringSubmatch(variables(text, text[start:m[0]]) + " " + rest)
		if strings.ContainsAny(name, "$`") {
			continue
		}
		x := serviceAccount(strings.Trim(name, `"'`), "default")
		if ns != nil {
			x = serviceAccount(strings.Trim(name, `"'`), ns[1])
		}
		x.Source, x.Line = file, lineAt(m[0])
		out = append(out, x)
	}
	return out
}

// maxReplaced bounds how often one variable is replaced.
const maxReplaced = 1000

// variables replaces the simple variables of text in part of it.
func variables(text, part string) string {
	for _, m := range assignment.FindAllStringSubmatch(text, 40) {
		part = strings.Replace(part, "${"+m[1]+"}", m[2], maxReplaced)
		part = strings.Replace(part, "$"+m[1], m[2], maxReplaced)
	}
	return part
}

// tokenIdentity reads the claims of a JSON web token. The signature is not
// checked.
func tokenIdentity(token string) (snapshot.Identity, bool) {
	payload, ok := secret.Decode(strings.Split(token, ".")[1])
	if !ok {
		return snapshot.Identity{}, false
	}
	var claims struct {
		Sub    string          `json:"sub"`
		Groups json.RawMessage `json:"groups"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil || claims.Sub == "" {
		return snapshot.Identity{}, false
	}
	x := snapshot.Identity{User: claims.Sub, Kind: "token", SHA256: secret.Fingerprint([]byte(token))}
	_ = json.Unmarshal(claims.Groups, &x.Groups)
	if rest, ok := strings.CutPrefix(claims.Sub, "system:serviceaccount:"); ok {
		ns, name, _ := strings.Cut(rest, ":")
		sum := x.SHA256
		x = serviceAccount(name, ns)
		x.SHA256 = sum
	}
	return x, true
}

// serviceAccount is the identity of a service account.
func serviceAccount(name, ns string) snapshot.Identity {
	return snapshot.Identity{
		User: "system:serviceaccount:" + ns + ":" + name, Kind: "service-account token",
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + ns},
	}
}

// certIdentities are the client certificates among PEM blocks.
func certIdentities(file string, line int, data []byte) []snapshot.Identity {
	var out []snapshot.Identity
	for len(out) < 10 {
		var b *pem.Block
		if b, data = pem.Decode(data); b == nil {
			return out
		}
		if b.Type != "CERTIFICATE" {
			continue
		}
		c := certificate(file, b.Bytes, 0)
		if c.cert == nil || c.CA || !slices.Contains(c.Usages, "client auth") {
			continue
		}
		out = append(out, snapshot.Identity{User: c.CN, Groups: c.Orgs, Kind: "certificate", Source: file, Line: line, SHA256: c.SHA256})
	}
	return out
}
