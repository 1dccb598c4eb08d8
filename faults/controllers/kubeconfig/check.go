package kubeconfig

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault/kubeconf"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/trust"
)

// A wrong is one line by which a component does not reach the API server as
// itself.
type wrong struct {
	part manifest.Part
	conf snapshot.Kubeconfig
	flag snapshot.Flag // where a flag of the manifest is wrong, and not the file

	line      int
	got, want string
	why       string // a clause after the component's name
	facts     []finding.Fact

	with    []string // what the line is to be; none takes it out
	because string
	err     string // why it cannot be told
}

func (w wrong) subject() finding.Subject {
	if w.flag.Name != "" {
		return w.part.Subject(w.flag.Name)
	}
	return finding.Subject{Kind: "file", Name: w.conf.Path}
}

func (w wrong) summary() string {
	if w.flag.Name != "" {
		return fmt.Sprintf("%s --%s=%s: it %s", w.part.Name(), w.flag.Name, w.flag.Value, w.why)
	}
	return fmt.Sprintf("%s, by %s, %s", w.part.Name(), w.conf.Path, w.why)
}

func (w wrong) fact() finding.Fact {
	if w.flag.Name != "" {
		return w.part.Quote(w.flag.Line, w.want)
	}
	return finding.Fact{Source: w.conf.Path, Line: w.line, Got: w.got, Want: w.want}
}

// checks look at a kubeconfig, what keeps the component from starting first.
var checks = []func(*snapshot.Snapshot, string, snapshot.Kubeconfig) (wrong, bool){context, server, called, proxy, posing, nobody}

// parts are the entries of the current context.
func parts(k snapshot.Kubeconfig) (c snapshot.KubeconfigCluster, u snapshot.KubeconfigUser, x snapshot.KubeconfigContext) {
	for _, y := range k.Contexts {
		if y.Name == k.Current {
			x = y
		}
	}
	for _, y := range k.Clusters {
		if y.Name == x.Cluster && x.Name != "" {
			c = y
		}
	}
	for _, y := range k.Users {
		if y.Name == x.User && x.Name != "" {
			u = y
		}
	}
	return c, u, x
}

// context: the current one, or what it names, is not there.
func context(_ *snapshot.Snapshot, _ string, k snapshot.Kubeconfig) (wrong, bool) {
	c, u, x := parts(k)
	absent := func(line int, key, name string, there []string) (wrong, bool) {
		w := wrong{line: line, got: key + ": " + name, want: "one that is there", why: fmt.Sprintf("cannot start: it is to use the %s %q, which is not there", strings.TrimPrefix(key, "current-"), name),
			because: "the one that is there"}
		if len(there) != 1 || line == 0 {
			w.err = fmt.Sprintf("cannot tell which of the entries of %s belongs in its %s: make it anew with kubeadm init phase kubeconfig", k.Path, key)
			return w, true
		}
		w.want, w.with = key+": "+there[0], []string{kubeconf.Value(k.LineAt(line), there[0])}
		return w, true
	}
	switch {
	case x.Name == "":
		_, line := k.Find("current-context:")
		return absent(line, "current-context", k.Current, names(k.Contexts, func(x snapshot.KubeconfigContext) string { return x.Name }))
	case c.Name == "":
		return absent(trust.FieldLine(k, x.Line, "cluster"), "cluster", x.Cluster, names(k.Clusters, func(c snapshot.KubeconfigCluster) string { return c.Name }))
	case u.Name == "":
		return absent(trust.FieldLine(k, x.Line, "user"), "user", x.User, names(k.Users, func(u snapshot.KubeconfigUser) string { return u.Name }))
	}
	return wrong{}, false
}

func names[T any](list []T, name func(T) string) []string {
	var out []string
	for _, x := range list {
		out = append(out, name(x))
	}
	return out
}

// master: the flag that overrides the kubeconfig's server.
func master(s *snapshot.Snapshot, p manifest.Part, k snapshot.Kubeconfig) (wrong, bool) {
	f, ok := p.Flag("master")
	if !ok || f.Value == "" || f.Problem != "" || f.Line == 0 {
		return wrong{}, false
	}
	c, _, _ := parts(k)
	own := c.Server
	c.Server = f.Value
	why, facts := astray(s, p.Name(), k.Path, c)
	if why == "" {
		return wrong{}, false
	}
	w := wrong{flag: f, why: why, want: "no --master: the kubeconfig names the server", facts: facts}
	if own != "" {
		w.facts = append([]finding.Fact{{Source: k.Path, Line: c.Line, Got: "server: " + own + ", which the flag overrides"}}, facts...)
	}
	return w, true
}

// server: the API server is not where the kubeconfig says.
func server(s *snapshot.Snapshot, name string, k snapshot.Kubeconfig) (wrong, bool) {
	c, _, _ := parts(k)
	if p, ok := manifest.Find(s, name); ok && p.Value("master") != "" {
		return wrong{}, false // overridden
	}
	why, facts := astray(s, name, k.Path, c)
	if c.Server == "" {
		why = fmt.Sprintf("cannot start: its cluster %q names no server", c.Name)
		return wrong{line: c.Line, got: "no server", want: "server: https://HOST:PORT", why: why, err: fmt.Sprintf("cannot write a server into %s: it has no line for one; see the other files of its folder", k.Path)}, true
	}
	if why == "" {
		return wrong{}, false
	}
	right := trust.Endpoints(s, k.Path)[0]
	w := wrong{line: trust.FieldLine(k, c.Line, "server"), got: "server: " + c.Server, want: "server: " + right.Server, why: why, facts: facts, because: "as in " + right.Source}
	w.with = []string{kubeconf.Value(k.LineAt(w.line), right.Server)}
	return w, true
}

// astray says why a component finds no API server at the address of c, or "".
func astray(s *snapshot.Snapshot, name, path string, c snapshot.KubeconfigCluster) (string, []finding.Fact) {
	all := trust.Endpoints(s, path)
	if len(all) == 0 || known(s, c.Server, all) {
		return "", nil
	}
	facts := []finding.Fact{{Source: all[0].Source, Line: all[0].Line, Got: "server: " + all[0].Server}}
	failed := logged(s, name, address(c.Server))
	reason := trust.Nowhere(s, c, all)
	if host, ok := trust.Stranger(s, c, all); reason == "" && ok && c.CA == all[0].CA && !loopback(host) {
		reason = "the API server's certificate is not for " + host
	}
	if reason == "" && len(failed) > 0 {
		reason = "nobody answers there"
	}
	if reason == "" {
		return "", nil
	}
	return fmt.Sprintf("calls the API server at %s, where it is not: %s", c.Server, reason), append(facts, failed...)
}

// known reports whether others say that an API server is at the address.
func known(s *snapshot.Snapshot, server string, all []trust.Endpoint) bool {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "https" {
		return false
	}
	at := address(server)
	return slices.ContainsFunc(all, func(e trust.Endpoint) bool { return address(e.Server) == at }) || s.Cluster.Settings["controlPlaneEndpoint"] == at ||
		slices.ContainsFunc(s.Cluster.Endpoints, func(e snapshot.Endpoint) bool {
			return e.Namespace == "default" && e.Service == "kubernetes" && join(e.Address, fmt.Sprint(e.Port)) == at
		})
}

// address is host and port of a URL.
func address(server string) string {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		return server
	}
	port := u.Port()
	if port == "" {
		port = map[bool]string{true: "80", false: "443"}[u.Scheme == "http"]
	}
	return join(strings.ToLower(u.Hostname()), port)
}

func join(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + port
}

// loopback reports whether a server by that name may be told to be this node:
// then its certificate is what is wrong.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// logged quotes what the component itself says of an address that it calls.
func logged(s *snapshot.Snapshot, name, at string) []finding.Fact {
	if s.Logs == nil {
		return nil
	}
	var out []finding.Fact
	host := strings.Trim(at[:max(0, strings.LastIndexByte(at, ':'))], "[]")
	for _, id := range []string{"dial-refused", "dial-unreachable", "dial-timeout", "name-unresolved"} {
		for _, o := range s.Logs.Seen(id, s.At, 2*time.Minute) {
			says := strings.Contains(o.Sample, at) || id == "name-unresolved" && host != "" && strings.Contains(o.Sample, "lookup "+host)
			if says && strings.Contains(o.Source, "/"+name+"/") {
				out = append(out, finding.Fact{Source: o.Source, Got: strings.TrimSpace(o.Sample), At: o.Last})
			}
		}
	}
	return out
}

// called: the server is asked for by a name that its certificate does not have.
func called(s *snapshot.Snapshot, name string, k snapshot.Kubeconfig) (wrong, bool) {
	c, _, _ := parts(k)
	if c.ServerName == "" || c.Insecure || s.PKI == nil || !known(s, c.Server, trust.Endpoints(s, k.Path)) {
		return wrong{}, false
	}
	for _, e := range s.PKI.Edges {
		if e.Client != name || e.Server != "kube-apiserver" || e.Checks != snapshot.EdgeServer || e.Address != c.ServerName || e.Covers != snapshot.No || e.Signed != snapshot.Yes {
			continue
		}
		return wrong{line: trust.FieldLine(k, c.Line, "tls-server-name"), got: "tls-server-name: " + c.ServerName, want: "none, or a name of " + e.Cert,
			why:   fmt.Sprintf("asks the API server to be %q, which its certificate is not for", c.ServerName),
			facts: []finding.Fact{{Source: e.Cert, Got: "not for " + c.ServerName}}, because: "the address of the server is what its certificate is for"}, true
	}
	return wrong{}, false
}

// proxy: it goes by way of one that does not answer.
func proxy(s *snapshot.Snapshot, name string, k snapshot.Kubeconfig) (wrong, bool) {
	c, _, _ := parts(k)
	u, err := url.Parse(c.Proxy)
	if c.Proxy == "" || err != nil {
		return wrong{}, false
	}
	facts := logged(s, name, address(c.Proxy))
	if len(facts) == 0 && !(loopback(u.Hostname()) && unheard(s, u.Port())) {
		return wrong{}, false
	}
	return wrong{line: trust.FieldLine(k, c.Line, "proxy-url"), got: "proxy-url: " + c.Proxy, want: "no proxy to the node's own cluster",
		why: fmt.Sprintf("goes to the API server through the proxy %s, which is not there", c.Proxy), facts: facts, because: "nobody answers there"}, true
}

// unheard reports whether the sockets are known and none listens at the port.
func unheard(s *snapshot.Snapshot, port string) bool {
	return s.Sockets != nil && len(s.Sockets.Listening) > 0 && port != "" && !slices.ContainsFunc(s.Sockets.Listening, func(x snapshot.Socket) bool {
		return x.NetNS == "host" && strings.HasSuffix(x.Address, ":"+port)
	})
}

// posing: it acts as another, which nobody lets it.
func posing(_ *snapshot.Snapshot, name string, k snapshot.Kubeconfig) (wrong, bool) {
	_, u, _ := parts(k)
	if u.Impersonate == "" || u.Impersonate == "system:"+name || u.Cert != nil && u.Cert.CN == u.Impersonate {
		return wrong{}, false
	}
	w := wrong{line: trust.FieldLine(k, u.Line, "as"), got: "as: " + u.Impersonate, want: "no impersonation", why: fmt.Sprintf("has every request made as %q", u.Impersonate),
		because: "it is to act as itself"}
	if len(u.ImpersonateGroups)+len(u.ImpersonateExtra) > 0 || u.ImpersonateUID != "" {
		w.err = fmt.Sprintf("cannot take the impersonation out of %s by one line: take as, as-uid, as-groups and as-user-extra out by hand", k.Path)
	}
	return w, true
}

// nobody: it has nothing to show.
func nobody(_ *snapshot.Snapshot, _ string, k snapshot.Kubeconfig) (wrong, bool) {
	_, u, _ := parts(k)
	if u.Cert != nil || u.CertFile != "" || u.Token != "" || u.TokenFile != "" || u.Exec != nil || u.AuthProvider != "" || u.Basic != "" ||
		trust.FieldLine(k, u.Line, "client-certificate-data") > 0 || trust.FieldLine(k, u.Line, "token") > 0 {
		return wrong{}, false
	}
	return wrong{line: u.Line, got: fmt.Sprintf("user %q has no certificate and no token", u.Name), want: "client-certificate-data and client-key-data",
		why: "shows the API server nothing, and is system:anonymous to it",
		err: fmt.Sprintf("cannot make up a credential for %s: move it away and make it anew with kubeadm init phase kubeconfig", k.Path)}, true
}
