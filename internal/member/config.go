// Package member talks to the etcd member of a node, with the files that the
// member and the API server were told to use.
package member

import (
	"net"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// DefaultQuota is the size in bytes at which etcd refuses writes when
// --quota-backend-bytes is 0 or not given.
const DefaultQuota int64 = 2 << 30

// A Config is how an etcd member was told to run.
type Config struct {
	Name        string
	DataDir     string   // on the node
	Clients     []string // URLs that it listens on for clients, loopback first
	Metrics     []string // URLs of /metrics that ask for no certificate
	CA          string   // file that its certificate is checked against
	Pairs       []Pair   // client certificates it should accept, best first
	Quota       int64    // bytes; negative when switched off
	QuotaSource string   // file, or "default"
	QuotaLine   int
	Manifest    string // file that starts it, or ""
}

// A Pair is a certificate's and its key's file.
type Pair struct{ Cert, Key string }

// DB is the file that holds the data.
func (c Config) DB() string { return path.Join(c.DataDir, "member", "snap", "db") }

// A flag is one setting of the member and where it stands.
type flag struct {
	value string
	line  int
}

// FromArgs reads the command line of an etcd process. The first argument is
// the program.
func FromArgs(args []string) Config {
	flags := map[string]flag{}
	readArgs(flags, args, nil)
	return build(flags, "", nil)
}

// readArgs adds the flags in args to flags. lines, where given, has the line
// of each argument.
func readArgs(flags map[string]flag, args []string, lines []int) {
	for i := 0; i < len(args); i++ {
		name, ok := strings.CutPrefix(args[i], "-")
		if !ok {
			continue
		}
		line := 0
		if i < len(lines) {
			line = lines[i]
		}
		name, value, given := strings.Cut(strings.TrimPrefix(name, "-"), "=")
		if !given && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
			i++
			value = args[i]
		}
		flags[name] = flag{strings.Trim(value, `"'`), line}
	}
}

// mounts maps paths in the member's container to the node's: longest first.
type mounts []struct{ in, out string }

// host is the path on the node of a path in the container.
func (m mounts) host(p string) string {
	best, out := -1, p
	for _, x := range m {
		if rest, ok := strings.CutPrefix(p, x.in); ok && len(x.in) > best && (rest == "" || rest[0] == '/') {
			best, out = len(x.in), x.out+rest
		}
	}
	return out
}

// build makes a Config of flags that stand in the file source.
func build(flags map[string]flag, source string, m mounts) Config {
	get := func(name string) string { return flags[name].value }
	c := Config{Name: get("name"), DataDir: get("data-dir"), Manifest: source}
	if c.Name == "" {
		c.Name = "default"
	}
	if c.DataDir == "" {
		c.DataDir = c.Name + ".etcd"
	}
	c.DataDir = m.host(c.DataDir)
	c.Clients = reachable(get("listen-client-urls"))
	if len(c.Clients) == 0 {
		c.Clients = []string{"http://127.0.0.1:2379"}
	}
	c.Metrics = reachable(get("listen-metrics-urls"))
	c.quota(flags["quota-backend-bytes"], source)
	cert, key := m.host(get("cert-file")), m.host(get("key-file"))
	c.CA = m.host(get("trusted-ca-file"))
	if cert != "" {
		dir := path.Dir(cert)
		if c.CA == "" {
			c.CA = path.Join(dir, "ca.crt")
		}
		up := path.Dir(dir)
		c.Pairs = []Pair{
			{path.Join(dir, "healthcheck-client.crt"), path.Join(dir, "healthcheck-client.key")},
			{path.Join(up, "apiserver-etcd-client.crt"), path.Join(up, "apiserver-etcd-client.key")},
			{cert, key},
		}
	}
	return c
}

// quota takes over the quota in force.
func (c *Config) quota(f flag, source string) {
	c.Quota, c.QuotaSource = DefaultQuota, "default"
	n, err := strconv.ParseInt(f.value, 10, 64)
	if err == nil && n != 0 {
		c.Quota, c.QuotaSource, c.QuotaLine = n, source, f.line
	}
}

// reachable makes a list of URLs to listen on into one to connect to, with
// loopback addresses first.
func reachable(list string) []string {
	var near, far []string
	for s := range strings.SplitSeq(list, ",") {
		u, err := url.Parse(strings.TrimSpace(s))
		if err != nil || u.Port() == "" {
			continue
		}
		switch ip := net.ParseIP(u.Hostname()); {
		case u.Hostname() == "localhost" || ip.IsLoopback():
			near = append(near, u.String())
		case ip.IsUnspecified() && ip.To4() == nil:
			near = append(near, u.Scheme+"://[::1]:"+u.Port())
		case ip.IsUnspecified():
			near = append(near, u.Scheme+"://127.0.0.1:"+u.Port())
		default:
			far = append(far, u.String())
		}
	}
	return append(near, far...)
}
