package kubelet

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"debug/buildinfo"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/klustered/klustered/component"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

const defaultRoot = "/var/lib/kubelet"

// version finds the kubelet's version: in the program's build information, or
// in the name of its package's version in /var/lib/dpkg/status.
func version(e *source.Env, program string) (version, from string) {
	f, err := e.Open(program)
	if err == nil {
		defer f.Close()
		if info, err := buildinfo.Read(f); err == nil {
			if v := built(info); component.Minor(v) != "" {
				return v, "build information"
			}
		}
	}
	if owner := e.PackageOwner(program); owner != "" {
		if data, err := e.ReadFile("/var/lib/dpkg/status"); err == nil {
			if v := packageVersion(string(data), owner); component.Minor(v) != "" {
				return "v" + v, "package"
			}
		}
	}
	return manifestVersion(e)
}

// manifestVersion is the tag of the API server's image in kubeadm's folder. A
// kubelet may be older.
func manifestVersion(e *source.Env) (version, from string) {
	data, err := e.ReadFile(path.Join(kubeadmStatic, "kube-apiserver.yaml"))
	if err != nil {
		return "", ""
	}
	for line := range strings.Lines(string(data)) {
		if image, ok := strings.CutPrefix(strings.TrimSpace(line), "image:"); ok && component.Minor(imageTag(strings.TrimSpace(image))) != "" {
			return imageTag(strings.TrimSpace(image)), "manifest"
		}
	}
	return "", ""
}

// built is the version of k8s.io/kubernetes that a program was built from.
func built(info *buildinfo.BuildInfo) string {
	for _, s := range info.Settings {
		if _, v, ok := strings.Cut(s.Value, "k8s.io/component-base/version.gitVersion="); ok && s.Key == "-ldflags" {
			v, _, _ = strings.Cut(v, " ")
			return strings.Trim(v, `'"`)
		}
	}
	if info.Main.Path == "k8s.io/kubernetes" && component.Minor(info.Main.Version) != "" {
		return info.Main.Version
	}
	for _, d := range info.Deps {
		if d.Path == "k8s.io/kubernetes" {
			return d.Version
		}
	}
	return ""
}

// packageVersion is the version of an installed package without its revision.
func packageVersion(status, name string) string {
	_, rest, ok := strings.Cut("\n"+status, "\nPackage: "+name+"\n")
	if !ok {
		return ""
	}
	rest, _, _ = strings.Cut(rest, "\n\n")
	_, v, _ := strings.Cut("\n"+rest, "\nVersion: ")
	v, _, _ = strings.Cut(v, "\n")
	v, _, _ = strings.Cut(v, "-")
	if i := strings.IndexByte(v, ':'); i >= 0 {
		v = v[i+1:]
	}
	return strings.TrimSpace(v)
}

// surroundings looks at the files that the kubelet keeps.
func surroundings(e *source.Env, k *snapshot.Kubelet, f Flags) {
	root := cmp.Or(f["root-dir"], defaultRoot)
	k.Root = place(e, root)
	if list, err := e.ReadDir(path.Join(root, "pods")); err == nil {
		k.Pods = len(list)
	}
	dir := cmp.Or(f["cert-dir"], defaultCertDir)
	if link, err := e.Readlink(path.Join(dir, "kubelet-client-current.pem")); err == nil {
		k.ClientLink = link
	}
	if b := f["bootstrap-kubeconfig"]; b != "" && exists(e, b) {
		k.Bootstrap = b
	}
	for _, p := range []string{k.Effective["tlsCertFile"].Value, path.Join(dir, "kubelet-server-current.pem"), path.Join(dir, "kubelet.crt")} {
		if p != "" && k.ServerCert == "" && exists(e, p) {
			k.ServerCert = p
		}
	}
	k.States = states(e, root)
}

// names are the node's names by each source.
func names(e *source.Env, s *snapshot.Snapshot, k *snapshot.Kubelet, f Flags) []snapshot.NameSource {
	var out []snapshot.NameSource
	add := func(source, name, path string) {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
			out = append(out, snapshot.NameSource{Source: source, Name: name, Path: path})
		}
	}
	add("flag hostname-override", f["hostname-override"], k.Effective["--hostname-override"].Source)
	if data, err := e.ReadFile("/proc/sys/kernel/hostname"); e.Live && err == nil {
		add("hostname", string(data), "/proc/sys/kernel/hostname")
	}
	if data, err := e.ReadFile("/etc/hostname"); err == nil {
		add("/etc/hostname", string(data), "/etc/hostname")
	}
	for i := range out {
		if i == 0 {
			out[i].Used = true // the flag, else the live name, else that of the next boot
		}
	}
	if data, err := e.ReadFile(k.ClientCert); err == nil {
		add("certificate", nodeName(data), k.ClientCert)
	}
	return out
}

// server asks the kubelet's own port how it answers one without credentials:
// 401 is well.
func server(ctx context.Context, k *snapshot.Kubelet) *snapshot.Reply {
	port := k.Effective["port"].Value
	if k.Effective["enableServer"].Value == "false" || port == "" || port == "0" {
		return nil
	}
	host := k.Effective["address"].Value
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	a := &snapshot.Reply{URL: "https://" + net.JoinHostPort(host, port) + "/healthz"}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL, nil)
	if err != nil {
		a.Error = err.Error()
		return a
	}
	// who it is is told by the certificate's sum; nothing is sent to it
	conf := &tls.Config{InsecureSkipVerify: true}
	t := &http.Transport{DisableKeepAlives: true, TLSClientConfig: conf}
	here := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := (&http.Client{Transport: t, CheckRedirect: here}).Do(req)
	if err != nil {
		a.Error = err.Error()
		return a
	}
	defer res.Body.Close()
	data, _ := io.ReadAll(io.LimitReader(res.Body, 200))
	a.Status, a.Body = res.StatusCode, strings.TrimSpace(strings.ToValidUTF8(string(data), "?"))
	if res.TLS != nil && len(res.TLS.PeerCertificates) > 0 {
		cert := res.TLS.PeerCertificates[0]
		sum := sha256.Sum256(cert.Raw)
		a.CertCN, a.Cert = cert.Subject.CommonName, hex.EncodeToString(sum[:])
	}
	return a
}
