package login

import (
	"crypto/sha256"
	"encoding/base64"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/mark"
	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

const sshdConfig = "/etc/ssh/sshd_config"

// A serverReader reads sshd_config(5) with what it includes.
type serverReader struct {
	env  *source.Env
	out  []snapshot.SSHSetting
	have map[string]bool // keyword that is set outside any Match
}

// several are the keywords that may stand more than once.
var several = []string{"port", "listenaddress", "hostkey", "acceptenv", "allowusers", "allowgroups", "denyusers", "denygroups", "setenv", "subsystem", "hostcertificate", "permitlisten", "permitopen"}

// sshd are the settings of the server in the order in which it reads them.
func sshd(e *source.Env) []snapshot.SSHSetting {
	r := &serverReader{env: e, have: map[string]bool{}}
	r.file(sshdConfig, "", 0)
	return r.out
}

// file reads one file. A Match block of an included file ends with it.
func (r *serverReader) file(name, match string, depth int) {
	data := text(r.env, name)
	if data == "" || depth > 16 {
		return
	}
	own := r.env.Origin(name).Own()
	for i, line := range strings.Split(data, "\n") {
		key, value, ok := keyword(line)
		if !ok || len(r.out) >= maxKept {
			continue
		}
		low := strings.ToLower(key)
		switch low {
		case "include":
			for _, p := range strings.Fields(strings.ReplaceAll(value, `"`, "")) {
				if !strings.HasPrefix(p, "/") {
					p = path.Join("/etc/ssh", p)
				}
				for _, f := range r.env.Glob(p) {
					r.file(f, match, depth+1)
				}
			}
			continue
		case "match":
			if match = value; strings.EqualFold(value, "all") {
				match = "all"
			}
			continue
		}
		s := snapshot.SSHSetting{Key: key, Value: secret.Scrub(value), Match: match, Source: name, Line: i + 1, Own: own}
		s.Holds = match != "" || !r.have[low] || slices.Contains(several, low)
		if match == "" {
			r.have[low] = true
		}
		r.out = append(r.out, s)
	}
}

// keyword cuts a line of sshd_config: a keyword, then blanks or one equals
// sign, then its arguments.
func keyword(line string) (key, value string, ok bool) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return "", "", false
	}
	n := strings.IndexAny(line, " \t=")
	if n <= 0 {
		return "", "", false
	}
	value = strings.TrimLeft(line[n:], " \t")
	value = strings.TrimSpace(strings.TrimPrefix(value, "="))
	return line[:n], value, true
}

// keys are the lines of the authorized_keys files of all homes, under the
// names that the server is told.
func keys(e *source.Env, server []snapshot.SSHSetting) []snapshot.SSHKey {
	patterns := []string{".ssh/authorized_keys", ".ssh/authorized_keys2", "/etc/ssh/authorized_keys", "/etc/ssh/authorized_keys.d/%u"}
	for _, s := range server {
		if strings.EqualFold(s.Key, "AuthorizedKeysFile") {
			patterns = append(patterns, strings.Fields(s.Value)...)
		}
	}
	var out []snapshot.SSHKey
	seen := map[string]bool{}
	for _, h := range e.Homes() {
		for _, p := range patterns {
			p = strings.NewReplacer("%h", h.Dir, "%u", h.User, "%%", "%").Replace(p)
			if !strings.HasPrefix(p, "/") {
				p = path.Join(h.Dir, p)
			}
			if seen[p] {
				continue
			}
			seen[p] = true
			t, err := e.Text(p, 256<<10)
			if err != nil {
				continue
			}
			for _, k := range parseKeys(t.Content) {
				k.User, k.Source, k.UID, k.Mode, k.Fixed = h.User, p, t.UID, t.Mode, t.Immutable
				if len(out) < maxKept {
					out = append(out, k)
				}
			}
		}
	}
	return out
}

// parseKeys reads authorized_keys, of sshd(8). A line that names no key that
// can be read has the fingerprint "".
func parseKeys(data string) []snapshot.SSHKey {
	var out []snapshot.SSHKey
	for i, line := range strings.Split(data, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || len(out) >= maxKept {
			continue
		}
		k := snapshot.SSHKey{Line: i + 1, Marks: mark.Of(line)}
		w := fields(line)
		at := slices.IndexFunc(w, isKeyType)
		if at > 0 {
			k.Options = options(w[0])
		}
		if at >= 0 {
			k.Type = w[at]
			if at+1 < len(w) {
				if blob, err := base64.StdEncoding.DecodeString(w[at+1]); err == nil && len(blob) > 8 {
					sum := sha256.Sum256(blob)
					k.Fingerprint = "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
				}
			}
			if at+2 < len(w) {
				k.Comment = strings.Join(w[at+2:], " ")
			}
		}
		k.Marks = mark.Of(strings.Join(k.Options, " "))
		out = append(out, k)
	}
	return out
}

// isKeyType reports whether a word is a type of key.
func isKeyType(w string) bool {
	for _, p := range []string{"ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-", "rsa-sha2-"} {
		if strings.HasPrefix(w, p) {
			return true
		}
	}
	return false
}

// fields cuts a line at blanks that are not in quotes.
func fields(line string) []string {
	return cutOutside(line, func(c byte) bool { return c == ' ' || c == '\t' })
}

// options are those in front of a key, secrets replaced.
func options(s string) []string {
	out := cutOutside(s, func(c byte) bool { return c == ',' })
	for i := range out {
		out[i] = secret.Scrub(out[i])
	}
	return out
}

// cutOutside cuts s where at says so, outside of double quotes.
func cutOutside(s string, at func(byte) bool) []string {
	var out []string
	start, quoted := 0, false
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] == '\\' && i+1 < len(s) && s[i+1] == '"' {
			i++
			continue
		}
		if i < len(s) && s[i] == '"' {
			quoted = !quoted
		}
		if i == len(s) || !quoted && at(s[i]) {
			if i > start {
				out = append(out, s[start:i])
			}
			start = i + 1
		}
	}
	return out
}
