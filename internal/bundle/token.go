package bundle

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"regexp"
	"sort"
	"strings"
	"sync"

	"github.com/klustered/klustered/snapshot"
)

func digest(key []byte, parts ...string) []byte {
	m := hmac.New(sha256.New, key)
	for _, p := range parts {
		m.Write([]byte(p))
		m.Write([]byte{0})
	}
	return m.Sum(nil)
}

// What looks like a secret: a JSON web token, a bootstrap token, a private
// key, the value after a telling name, the credentials of a URL.
var (
	jwt       = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*`)
	bootstrap = regexp.MustCompile(`\b[a-z0-9]{6}\.[a-z0-9]{16}\b`)
	pemKey    = regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)`)
	telling   = regexp.MustCompile(`(?i)\b((?:[a-z0-9_-]*(?:passw(?:or)?d|passphrase|secret|api[_-]?key|access[_-]?key|client-key-data)|(?:[a-z0-9]+[_-])?token)["']?\s*[:=]\s*["']?|authorization:\s*(?:bearer|basic)\s+)([^\s"',;&]{4,})`)
	userinfo  = regexp.MustCompile(`(://[^/\s:@]+:)([^/\s@]+)@`)
)

// secrets replaces what looks like a secret by a token.
func secrets(key []byte, s string) string {
	if len(s) < 8 {
		return s
	}
	token := func(x string) string {
		if strings.HasPrefix(x, "<redacted") || strings.HasPrefix(x, "sha256:") || strings.HasPrefix(x, "/") {
			return x
		}
		return "<redacted-" + hex.EncodeToString(digest(key, "secret", x)[:4]) + ">"
	}
	s = pemKey.ReplaceAllStringFunc(s, token)
	s = jwt.ReplaceAllStringFunc(s, token)
	s = bootstrap.ReplaceAllStringFunc(s, token)
	s = replaceGroup(telling, s, token)
	return replaceGroup(userinfo, s, token)
}

// replaceGroup replaces the second group of each match.
func replaceGroup(re *regexp.Regexp, s string, f func(string) string) string {
	var b strings.Builder
	at := 0
	for _, m := range re.FindAllStringSubmatchIndex(s, -1) {
		b.WriteString(s[at:m[4]])
		b.WriteString(f(s[m[4]:m[5]]))
		at = m[5]
	}
	return b.String() + s[at:]
}

// addresses replaces IP addresses so that two that share a prefix still do.
type addresses struct {
	key []byte
	mu  sync.Mutex
	bit map[string]byte
}

var (
	v4 = regexp.MustCompile(`\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b`)
	v6 = regexp.MustCompile(`(?i)\b(?:[0-9a-f]{1,4}:){2,7}(?::|[0-9a-f]{1,4})(?::?[0-9a-f]{1,4})*|\b(?:[0-9a-f]{1,4}:){1,6}:(?:[0-9a-f]{1,4})?`)
)

func (a *addresses) replace(s string) string {
	if len(s) < 4 {
		return s
	}
	one := func(s string) string {
		s = v4.ReplaceAllStringFunc(s, a.one)
		if strings.Count(s, ":") < 2 {
			return s
		}
		return v6.ReplaceAllStringFunc(s, a.one)
	}
	return between(s, one)
}

// one maps one address. What names no host in particular stays.
func (a *addresses) one(text string) string {
	ip, err := netip.ParseAddr(text)
	if err != nil || ip.IsLoopback() || ip.IsUnspecified() || ip.IsMulticast() || ip.IsLinkLocalUnicast() || strings.HasPrefix(text, "255.") {
		return text
	}
	raw := ip.AsSlice()
	out := append([]byte(nil), raw...)
	for i := 1; i < len(raw); i++ { // the first octet stays
		for b := 7; b >= 0; b-- {
			out[i] ^= a.flip(raw[:i], raw[i]>>(b+1), b) << b
		}
	}
	mapped, _ := netip.AddrFromSlice(out)
	return mapped.String()
}

// flip is 0 or 1, fixed by the bits before.
func (a *addresses) flip(before []byte, high byte, bit int) byte {
	k := fmt.Sprintf("%x/%x/%d", before, high, bit)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bit == nil {
		a.bit = map[string]byte{}
	}
	x, ok := a.bit[k]
	if !ok {
		x = digest(a.key, "address", k)[0] & 1
		a.bit[k] = x
	}
	return x
}

// names replaces the names of nodes, namespaces and pods.
type names struct {
	find   *regexp.Regexp // nil when there are none
	tokens map[string]string
}

// kept are names that say nothing of anyone.
var kept = map[string]bool{"": true, "default": true, "kube-system": true, "kube-public": true, "kube-node-lease": true, "localhost": true}

func newNames(parts []Part) *names {
	n := &names{tokens: map[string]string{}}
	count := map[string]int{}
	add := func(kind, name string) {
		if _, done := n.tokens[name]; done || kept[name] || len(name) < 3 {
			return
		}
		count[kind]++
		n.tokens[name] = fmt.Sprintf("%s-%d", kind, count[kind])
	}
	for _, p := range parts {
		named(p.Snapshot, add)
	}
	n.compile()
	return n
}

// named calls add with the names in s of nodes, namespaces and pods, as the
// cluster, the runtime, the network and the logs tell them: each may be the
// only one that could be asked.
func named(s *snapshot.Snapshot, add func(kind, name string)) {
	pod := func(namespace, name string) {
		add("namespace", namespace)
		if namespace != "kube-system" {
			add("pod", name)
		}
	}
	add("node", s.Node)
	if s.Host != nil {
		add("node", s.Host.Hostname)
	}
	if s.Kubelet != nil {
		add("node", s.Kubelet.NodeName)
	}
	if c := s.Cluster; c != nil {
		for _, x := range c.Nodes {
			add("node", x.Name)
		}
		for _, x := range c.Namespaces {
			add("namespace", x.Name)
		}
		for _, x := range c.Pods {
			pod(x.Namespace, x.Name)
		}
	}
	if s.Runtime != nil {
		for _, x := range s.Runtime.Sandboxes {
			pod(x.Namespace, x.Name)
		}
		for _, x := range s.Runtime.Containers {
			pod(x.Namespace, x.Pod)
		}
	}
	if s.Network != nil {
		for _, x := range s.Network.Namespaces {
			pod(x.Namespace, x.Pod)
		}
	}
	for _, name := range logs(s.Logs) {
		pod(podOf(name))
	}
}

// logs are the sources of what is quoted of logs.
func logs(l *snapshot.Logs) []string {
	var out []string
	if l == nil {
		return nil
	}
	for _, x := range l.Observations {
		out = append(out, x.Source)
	}
	for _, x := range l.Bursts {
		out = append(out, x.Source)
	}
	for _, x := range l.Tails {
		out = append(out, x.Source)
	}
	return out
}

// podOf reads the pod in the path of a container's log, which is
// /var/log/pods/NAMESPACE_NAME_UID/CONTAINER/N.log.
func podOf(log string) (namespace, name string) {
	rest, ok := strings.CutPrefix(log, "/var/log/pods/")
	part := strings.Split(rest, "_")
	if !ok || len(part) != 3 {
		return "", ""
	}
	return part[0], part[1]
}

func (n *names) compile() {
	var all []string
	for name := range n.tokens {
		all = append(all, regexp.QuoteMeta(name))
	}
	if len(all) == 0 {
		return
	}
	sort.Slice(all, func(i, j int) bool { return len(all[i]) > len(all[j]) || len(all[i]) == len(all[j]) && all[i] < all[j] })
	n.find = regexp.MustCompile(`\b(?:` + strings.Join(all, "|") + `)\b`)
}

func (n *names) replace(s string) string {
	if n.find == nil {
		return s
	}
	one := func(s string) string {
		return n.find.ReplaceAllStringFunc(s, func(x string) string { return n.tokens[x] })
	}
	if s = one(s); !strings.Contains(s, "_") {
		return s
	}
	return between(s, one)
}

// between applies f to what stands between underscores. To a pattern they are
// letters of a word; names of files, as in /var/log/pods, part names by them.
func between(s string, f func(string) string) string {
	part := strings.Split(s, "_")
	for i := range part {
		part[i] = f(part[i])
	}
	return strings.Join(part, "_")
}
