package access

import (
	"cmp"
	"net"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// kubeletPKI is where the kubelet keeps its certificates by default.
const kubeletPKI = "/var/lib/kubelet/pki"

// edges checks every connection of the control plane whose files this node
// names, and returns who names which file.
func edges(e *source.Env, s *snapshot.Snapshot) ([]snapshot.Edge, map[string][]string) {
	w := &wiring{e: e, at: s.At, known: map[string][]byte{}, fail: map[string]string{}, used: map[string][]string{}, keys: map[string][][]byte{}}
	api, etcd, kcm := componentOf(s.Static, "kube-apiserver"), componentOf(s.Static, "etcd"), componentOf(s.Static, "kube-controller-manager")
	k := kubeletFiles(s.Kubelet)
	w.store(api, etcd)
	w.kubelet(api, k)
	w.proxy(api)
	w.accounts(api, kcm)
	w.signer(api, kcm)
	w.names(api)
	w.mentioned(s.Static)
	trusted := api.file("client-ca-file")
	if !api.found {
		trusted = k.clientCA // of the same cluster
	}
	for _, x := range w.logins(s, kcm, componentOf(s.Static, "kube-scheduler")) {
		w.client(x[0], x[1], api, trusted)
	}
	return w.edges, w.used
}

// store adds the API server's way to etcd, and that among etcd's members.
func (w *wiring) store(api, etcd component) {
	cert, key := etcd.file("cert-file"), etcd.file("key-file")
	for address := range strings.SplitSeq(api.value("etcd-servers"), ",") {
		host := hostOf(address)
		if host == "" || !strings.HasPrefix(address, "https:") || !etcd.found || !ours(host, etcd) {
			continue
		}
		w.add(snapshot.Edge{Client: "kube-apiserver", Server: "etcd", Checks: snapshot.EdgeServer, Address: host}, cert, key, api.file("etcd-cafile"))
	}
	ca := etcd.file("trusted-ca-file")
	w.add(snapshot.Edge{Client: "kube-apiserver", Server: "etcd", Checks: snapshot.EdgeClient}, api.file("etcd-certfile"), api.file("etcd-keyfile"), ca)
	if probe := path.Join(path.Dir(ca.path), "healthcheck-client.crt"); etcd.found && ca.path != "" && w.e.Exists(probe) {
		w.add(snapshot.Edge{Client: "etcdctl", Server: "etcd", Checks: snapshot.EdgeClient},
			ref{path: probe}, ref{path: strings.TrimSuffix(probe, ".crt") + ".key"}, ca)
	}
	peer, peerKey, peerCA := etcd.file("peer-cert-file"), etcd.file("peer-key-file"), etcd.file("peer-trusted-ca-file")
	for address := range strings.SplitSeq(etcd.value("initial-advertise-peer-urls"), ",") {
		if host := hostOf(address); host != "" {
			w.add(snapshot.Edge{Client: "etcd", Server: "etcd", Checks: snapshot.EdgeServer, Address: host}, peer, peerKey, peerCA)
		}
	}
	w.add(snapshot.Edge{Client: "etcd", Server: "etcd", Checks: snapshot.EdgeClient}, peer, peerKey, peerCA)
}

// ours reports whether an address is this node's etcd.
func ours(host string, etcd component) bool {
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return true
	}
	for _, flag := range []string{"listen-client-urls", "advertise-client-urls"} {
		for u := range strings.SplitSeq(etcd.value(flag), ",") {
			if hostOf(u) == host {
				return true
			}
		}
	}
	return false
}

// kubelet adds the API server's way to this node's kubelet.
func (w *wiring) kubelet(api component, k kubeletPEM) {
	w.add(snapshot.Edge{Client: "kube-apiserver", Server: "kubelet", Checks: snapshot.EdgeClient},
		api.file("kubelet-client-certificate"), api.file("kubelet-client-key"), k.clientCA)
	serving, key := k.serving, k.servingKey
	for _, name := range []string{"kubelet-server-current.pem", "kubelet.crt"} {
		if at := path.Join(k.dir, name); serving.path == "" && k.found && w.e.Exists(at) {
			serving = ref{path: at}
			if key = serving; name == "kubelet.crt" {
				key = ref{path: path.Join(k.dir, "kubelet.key")}
			}
		}
	}
	if ca := api.file("kubelet-certificate-authority"); ca.path != "" {
		w.add(snapshot.Edge{Client: "kube-apiserver", Server: "kubelet", Checks: snapshot.EdgeServer}, serving, key, ca)
		return
	}
	w.add(snapshot.Edge{Client: "kubelet", Server: "kubelet", Checks: snapshot.EdgePair}, serving, key, ref{})
}

// proxy adds the API server's way to the API servers behind it.
func (w *wiring) proxy(api component) {
	cert := api.file("proxy-client-cert-file")
	x := snapshot.Edge{Client: "kube-apiserver", Server: "aggregated", Checks: snapshot.EdgeClient}
	names := strings.FieldsFunc(api.value("requestheader-allowed-names"), func(r rune) bool { return r == ',' })
	if shown := certificates(w.read(cert)); len(shown) > 0 {
		x.Allowed = snapshot.Answered(len(names) == 0 || slices.Contains(names, shown[0].Subject.CommonName))
	}
	w.add(x, cert, api.file("proxy-client-key-file"), api.file("requestheader-client-ca-file"))
}

// accounts adds who signs the tokens of service accounts.
func (w *wiring) accounts(api, kcm component) {
	verify := api.files("service-account-key-file")
	all := ref{}
	for _, r := range verify {
		all.path, all.from = join(all.path, r.path), join(all.from, r.from)
		all.data = append(all.data, append(w.read(r), '\n')...)
		if err := w.fail[r.path]; err != "" {
			w.fail[all.path] = err
		}
	}
	w.add(snapshot.Edge{Client: "kube-apiserver", Server: "kube-apiserver", Checks: snapshot.EdgeSigning}, ref{}, api.file("service-account-signing-key-file"), all)
	w.add(snapshot.Edge{Client: "kube-controller-manager", Server: "kube-apiserver", Checks: snapshot.EdgeSigning}, ref{}, kcm.file("service-account-private-key-file"), all)
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "," + b
}

// signer adds the authority with which the controller manager signs requests
// for certificates, and the one that it hands to pods.
func (w *wiring) signer(api, kcm component) {
	w.add(snapshot.Edge{Client: "kube-controller-manager", Server: "kube-controller-manager", Checks: snapshot.EdgePair},
		kcm.file("cluster-signing-cert-file"), kcm.file("cluster-signing-key-file"), ref{})
	w.add(snapshot.Edge{Client: "signed by kube-controller-manager", Server: "kube-apiserver", Checks: snapshot.EdgeClient},
		kcm.file("cluster-signing-cert-file"), ref{}, api.file("client-ca-file"))
	cert, key := api.file("tls-cert-file"), api.file("tls-private-key-file")
	for _, host := range []string{"kubernetes.default.svc", firstAddress(api.value("service-cluster-ip-range"))} {
		if host != "" && kcm.found {
			w.add(snapshot.Edge{Client: "pods", Server: "kube-apiserver", Checks: snapshot.EdgeServer, Address: host}, cert, key, kcm.file("root-ca-file"))
		}
	}
}

// names adds the certificates that the API server shows for further names:
// CERT,KEY or CERT,KEY:DOMAINS.
func (w *wiring) names(api component) {
	for _, f := range api.Flags {
		cert, rest, ok := strings.Cut(f.Value, ",")
		if f.Name != "tls-sni-cert-key" || !ok {
			continue
		}
		key, domains, _ := strings.Cut(rest, ":")
		from := api.manifest.Path + ":" + itoa(f.Line)
		w.add(snapshot.Edge{Client: "kube-apiserver", Server: "kube-apiserver", Checks: snapshot.EdgePair, Address: domains},
			ref{path: api.host(cert), from: from}, ref{path: api.host(key), from: from}, ref{})
	}
}

// mentioned notes every other file of PEM that a static pod names.
func (w *wiring) mentioned(s *snapshot.Static) {
	if s == nil {
		return
	}
	for _, m := range s.Manifests {
		for _, c := range m.Containers {
			x := component{m, c, ParseMounts([]byte(m.Content), c.Name), true}
			for _, f := range c.Flags {
				if path.IsAbs(f.Value) && len(w.used) < maxFiles && slices.Contains(pemEndings, path.Ext(f.Value)) {
					w.read(ref{path: x.host(f.Value), from: m.Path + ":" + itoa(f.Line)})
				}
			}
		}
	}
}

// firstAddress is the address of the Service kubernetes: the first one of the
// range.
func firstAddress(ranges string) string {
	first, _, _ := strings.Cut(ranges, ",")
	_, n, err := net.ParseCIDR(first)
	if err != nil {
		return ""
	}
	ip := slices.Clone(n.IP)
	ip[len(ip)-1]++
	return ip.String()
}

// logins are the kubeconfigs whose way to the API server is checked, with who
// uses them.
func (w *wiring) logins(s *snapshot.Snapshot, kcm, scheduler component) [][2]string {
	var out [][2]string
	add := func(who, name string) {
		if name != "" && !slices.ContainsFunc(out, func(x [2]string) bool { return x[1] == name }) {
			out = append(out, [2]string{who, name})
		}
	}
	add("kube-controller-manager", kcm.file("kubeconfig").path)
	add("kube-scheduler", scheduler.file("kubeconfig").path)
	if s.Kubelet != nil {
		add("kubelet", s.Kubelet.Kubeconfig)
	}
	for _, name := range w.e.Glob("/etc/kubernetes/*.conf") {
		add(name, name)
	}
	for _, h := range homes(w.e)[:1] {
		add(path.Join(h.dir, ".kube/config"), path.Join(h.dir, ".kube/config"))
	}
	return out
}

// client adds both sides of a kubeconfig's connection.
func (w *wiring) client(who, name string, api component, trusted ref) {
	l, ok := w.readLogin(name)
	if !ok {
		return
	}
	w.add(snapshot.Edge{Client: who, Server: "kube-apiserver", Checks: snapshot.EdgeClient}, l.cert, l.key, trusted)
	if api.found && !l.insecure && l.host != "" {
		w.add(snapshot.Edge{Client: who, Server: "kube-apiserver", Checks: snapshot.EdgeServer, Address: l.host},
			api.file("tls-cert-file"), api.file("tls-private-key-file"), l.ca)
	}
}

// hostOf is the host of a URL, without the port.
func hostOf(address string) string {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// kubeletPEM are the files that the kubelet's settings name.
type kubeletPEM struct {
	found                         bool
	dir                           string // where it keeps what it makes itself
	clientCA, serving, servingKey ref
}

// kubeletFiles takes them from what flags, configuration and drop-ins together
// say; a path that is not absolute begins in the folder of its file.
func kubeletFiles(k *snapshot.Kubelet) kubeletPEM {
	if k == nil {
		return kubeletPEM{}
	}
	named := func(key string) ref {
		x := k.Effective[key]
		switch {
		case x.Value == "":
			return ref{}
		case x.Flag != "":
			return ref{path: path.Clean(x.Value), from: "kubelet --" + x.Flag}
		}
		return ref{path: beside(x.Source, x.Value), from: x.Source + ":" + itoa(x.Line)}
	}
	return kubeletPEM{found: true, dir: cmp.Or(k.Effective["--cert-dir"].Value, kubeletPKI), clientCA: named("authentication.x509.clientCAFile"), serving: named("tlsCertFile"), servingKey: named("tlsPrivateKeyFile")}
}
