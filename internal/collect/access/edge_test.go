package access

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// serve makes a server's certificate for the given hosts.
func serve(t testing.TB, ca *pair, leaf *pair, until time.Time, hosts ...string) string {
	t.Helper()
	x := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "server"}, NotBefore: time.Unix(1, 0), NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			x.IPAddresses = append(x.IPAddresses, ip)
		} else {
			x.DNSNames = append(x.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, x, ca.cert, &leaf.key.PublicKey, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestCheckEdge(t *testing.T) {
	ca, twin, stranger := issue(t, nil, "ca"), issue(t, nil, "ca"), issue(t, nil, "other")
	leaf, other := issue(t, ca, "admin", "g"), issue(t, ca, "admin")
	at, late := time.Unix(1e9, 0), time.Unix(5e9, 0)
	crt := serve(t, ca, leaf, time.Unix(2e9, 0), "a.example", "10.0.0.1", "fd00::1")
	client, server, pairing, signing := snapshot.EdgeClient, snapshot.EdgeServer, snapshot.EdgePair, snapshot.EdgeSigning
	for _, c := range []struct {
		name          string
		checks, host  string
		cert, key, ca string
		at            time.Time
		want          string // named signed valid usage covers pair
	}{
		{"client", client, "", leaf.crt, leaf.priv, ca.crt, at, "yes yes yes yes - yes"},
		{"key of another", client, "", leaf.crt, other.priv, ca.crt, at, "yes yes yes yes - no"},
		{"authority made anew", client, "", leaf.crt, leaf.priv, twin.crt, at, "yes no yes yes - yes"},
		{"another authority", client, "", leaf.crt, "", stranger.crt, at, "no no yes yes - -"},
		{"both authorities", client, "", leaf.crt, "", twin.crt + ca.crt, at, "yes yes yes yes - -"},
		{"expired", client, "", leaf.crt, "", ca.crt, late, "yes yes no yes - -"},
		{"a server's used by a client", client, "", crt, "", ca.crt, at, "yes yes yes no - -"},
		{"server", server, "10.0.0.1", crt, leaf.priv, ca.crt, at, "yes yes yes yes yes yes"},
		{"server by IPv6", server, "fd00::1", crt, "", ca.crt, at, "yes yes yes yes yes -"},
		{"server by another address", server, "10.0.0.2", crt, "", ca.crt, at, "yes yes yes yes no -"},
		{"no authority read", server, "a.example", crt, "", "", at, "- - yes yes yes -"},
		{"pair", pairing, "", crt, leaf.priv, "", at, "- - - - - yes"},
		{"signing", signing, "", "", leaf.priv, other.crt + leaf.crt, at, "- - - - - yes"},
		{"signing with another key", signing, "", "", ca.priv, leaf.crt, at, "- - - - - no"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := snapshot.Edge{Checks: c.checks, Address: c.host}
			CheckEdge(&x, presented{cert: given(c.cert), key: given(c.key), ca: given(c.ca)}, c.at)
			var got []string
			for _, a := range []snapshot.Answer{x.Named, x.Signed, x.Valid, x.Usage, x.Covers, x.Pair} {
				if a == "" {
					a = "-"
				}
				got = append(got, string(a))
			}
			if s := strings.Join(got, " "); s != c.want || x.Error != "" {
				t.Errorf("got %s %q, want %s", s, x.Error, c.want)
			}
		})
	}
}

func given(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

func TestChainThroughAnIntermediate(t *testing.T) {
	root := issue(t, nil, "root")
	middle := issue(t, nil, "middle")
	x := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "middle"}, NotBefore: time.Unix(1, 0), NotAfter: time.Unix(4e9, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, x, root.cert, &middle.key.PublicKey, root.key)
	if err != nil {
		t.Fatal(err)
	}
	between := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	leaf := issue(t, middle, "leaf")
	e := snapshot.Edge{Checks: snapshot.EdgeClient}
	CheckEdge(&e, presented{cert: []byte(leaf.crt + between), ca: []byte(root.crt)}, time.Unix(1e9, 0))
	if e.Signed != snapshot.Yes || e.CASubject != "CN=root" {
		t.Errorf("got %+v", e)
	}
	e = snapshot.Edge{Checks: snapshot.EdgeClient}
	CheckEdge(&e, presented{cert: []byte(leaf.crt), ca: []byte(root.crt)}, time.Unix(1e9, 0))
	if e.Signed != snapshot.No {
		t.Errorf("without the one between: got %+v", e)
	}
}

func TestScanPEM(t *testing.T) {
	ca := issue(t, nil, "ca")
	leaf := issue(t, ca, "leaf")
	lines := strings.SplitAfter(leaf.crt, "\n")
	hit := func(i int, change func(string) string) string {
		x := append([]string{}, lines...)
		x[i] = change(x[i])
		return strings.Join(x, "")
	}
	third := len(lines[0]) + len(lines[1])
	for _, c := range []struct {
		name, data string
		want       string // certificates keys foreign damage@line+offset order
	}{
		{"sound", leaf.crt + leaf.priv, "1 1 0 @0+0 "},
		{"empty", "", "0 0 0 @0+0 "},
		{"windows", strings.ReplaceAll(leaf.crt, "\n", "\r\n"), "1 0 0 @0+0 "},
		{"a foreign letter", hit(2, func(s string) string { return s[:5] + "!" + s[6:] }), fmt.Sprintf("0 0 0 it is not base64@3+%d ", third+5)},
		{"begin damaged", hit(0, func(s string) string { return "-" + s[2:] }), "0 0 0 the PEM armour is damaged@1+0 "},
		{"no end", strings.Join(lines[:3], ""), fmt.Sprintf("0 0 0 the PEM block has no end@3+%d ", third+len(lines[2]))},
		{"a letter lost", hit(2, func(s string) string { return s[1:] }), "0 0 0 the base64 has the wrong length"},
		{"list of authorities", ca.crt + ca.crt, "2 0 0 @0+0 "},
		{"order", ca.crt + leaf.crt, "2 0 0 @0+0 the leaf is certificate 2 of 2"},
		{"a stranger behind", leaf.crt + issue(t, nil, "x").crt, "2 0 0 @0+0 certificate 2 is not the issuer of certificate 1"},
		{"request", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "0 0 1 @0+0 "},
		{"sound armour", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "1 0 0 the certificate cannot be read: x509: malformed certificate@1+0 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := ScanPEM("x.crt", []byte(c.data))
			got := fmt.Sprintf("%d %d %d %s@%d+%d %s", f.Certificates, f.Keys, f.Foreign, f.Damage, f.Line, f.Offset, f.Order)
			if !strings.HasPrefix(got, c.want) || strings.HasSuffix(c.want, " ") && got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if f.CRLF != strings.Contains(c.data, "\r") {
				t.Errorf("line ends: got %v", f.CRLF)
			}
		})
	}
	if !ScanPEM("x", []byte("\xef\xbb\xbf"+leaf.crt)).BOM {
		t.Error("a byte order mark is not seen")
	}
}

// TestKubeletFiles: a drop-in or a flag names the kubelet's files as well as
// its configuration does.
func TestKubeletFiles(t *testing.T) {
	set := func(value, source string, line int, flag string) snapshot.Effective {
		return snapshot.Effective{Origin: snapshot.Origin{Value: value, Source: source, Line: line, Flag: flag}}
	}
	got := kubeletFiles(&snapshot.Kubelet{Effective: map[string]snapshot.Effective{
		"authentication.x509.clientCAFile": set("/evil/ca.crt", "/etc/kubelet.d/99.conf", 3, ""),
		"tlsCertFile":                      set("pki/x.crt", "/var/lib/kubelet/config.yaml", 8, ""),
		"tlsPrivateKeyFile":                set("/x.key", "/etc/default/kubelet", 1, "tls-private-key-file"),
		"--cert-dir":                       set("/certs", "argv", 0, "cert-dir"),
	}})
	want := kubeletPEM{found: true, dir: "/certs", clientCA: ref{path: "/evil/ca.crt", from: "/etc/kubelet.d/99.conf:3"},
		serving: ref{path: "/var/lib/kubelet/pki/x.crt", from: "/var/lib/kubelet/config.yaml:8"}, servingKey: ref{path: "/x.key", from: "kubelet --tls-private-key-file"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestMounts(t *testing.T) {
	const pod = `{spec: {containers: [{name: a, volumeMounts: [{name: v, mountPath: /certs/}, {name: s, mountPath: /x, subPath: y}]}],
  volumes: [{name: v, hostPath: {path: /etc/k8s/pki}}, {name: s, hostPath: {path: /srv}}, {name: e, emptyDir: {}}]}}`
	got := ParseMounts([]byte(pod), "a")
	if want := map[string]string{"/certs": "/etc/k8s/pki", "/x": "/srv/y"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	c := component{mounts: got}
	for in, want := range map[string]string{"/certs/etcd/ca.crt": "/etc/k8s/pki/etcd/ca.crt", "/other/x": "/other/x", "/x": "/srv/y"} {
		if got := c.host(in); got != want {
			t.Errorf("%s: got %s", in, got)
		}
	}
}

func TestEdges(t *testing.T) {
	e := source.New(t.TempDir(), false)
	ca, etcdCA, leaf := issue(t, nil, "kubernetes"), issue(t, nil, "etcd-ca"), issue(t, nil, "x")
	sa := issue(t, nil, "sa")
	client := issue(t, etcdCA, "apiserver-etcd-client")
	for name, data := range map[string]string{
		"ca.crt": ca.crt, "ca.key": ca.priv, "etcd/ca.crt": etcdCA.crt, "sa.key": sa.priv, "sa.pub": sa.crt,
		"apiserver.crt": serve(t, ca, leaf, time.Unix(4e9, 0), "10.96.0.1", "kubernetes.default.svc", "10.0.0.1"), "apiserver.key": leaf.priv,
		"etcd/server.crt": serve(t, etcdCA, leaf, time.Unix(4e9, 0), "10.0.0.1"), "etcd/server.key": leaf.priv,
		"client.crt": client.crt, "client.key": client.priv,
	} {
		write(t, e, "/etc/kubernetes/pki/"+name, data, 0o600)
	}
	admin := issue(t, ca, "admin")
	write(t, e, "/etc/kubernetes/admin.conf", kubeconfig(ca, "    client-certificate-data: "+b64(admin.crt)+"\n    client-key-data: "+b64(admin.priv)+"\n"), 0o600)
	p := "/etc/kubernetes/pki/"
	s := &snapshot.Snapshot{At: time.Unix(1e9, 0), Static: &snapshot.Static{Manifests: []snapshot.Manifest{
		static("kube-apiserver", "client-ca-file", p+"ca.crt", "tls-cert-file", p+"apiserver.crt", "tls-private-key-file", p+"apiserver.key",
			"etcd-servers", "https://127.0.0.1:2379", "etcd-cafile", p+"etcd/ca.crt", "etcd-certfile", p+"client.crt", "etcd-keyfile", p+"client.key",
			"service-account-key-file", p+"sa.pub", "service-account-signing-key-file", p+"sa.key", "service-cluster-ip-range", "10.96.0.0/16"),
		static("etcd", "cert-file", p+"etcd/server.crt", "key-file", p+"etcd/server.key", "trusted-ca-file", p+"etcd/ca.crt"),
		static("kube-controller-manager", "root-ca-file", p+"ca.crt", "service-account-private-key-file", p+"gone.key", "cluster-signing-cert-file", p+"ca.crt", "cluster-signing-key-file", p+"ca.key"),
	}}}
	if err := collectPKI(t.Context(), e, s); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range s.PKI.Edges {
		bad := ""
		for name, a := range map[string]snapshot.Answer{"named": x.Named, "signed": x.Signed, "valid": x.Valid, "usage": x.Usage, "covers": x.Covers, "pair": x.Pair} {
			if a == snapshot.No {
				bad += " " + name
			}
		}
		if x.Error != "" {
			bad += " error"
		}
		got = append(got, fmt.Sprintf("%s %s>%s %s%s", x.Checks, x.Client, x.Server, x.Address, bad))
	}
	want := []string{
		"server kube-apiserver>etcd 127.0.0.1 covers", "client kube-apiserver>etcd ",
		"signing kube-apiserver>kube-apiserver ", "signing kube-controller-manager>kube-apiserver  error",
		"pair kube-controller-manager>kube-controller-manager ", "client signed by kube-controller-manager>kube-apiserver ",
		"server pods>kube-apiserver kubernetes.default.svc", "server pods>kube-apiserver 10.96.0.1",
		"client /etc/kubernetes/admin.conf>kube-apiserver ", "server /etc/kubernetes/admin.conf>kube-apiserver 10.0.0.1",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, f := range s.PKI.Files {
		if f.Path == p+"gone.key" && f.Error == "" || len(f.UsedBy) == 0 {
			t.Errorf("got %+v", f)
		}
	}
}

// static is a manifest whose flags stand on the lines from 1.
func static(command string, flags ...string) snapshot.Manifest {
	c := snapshot.ManifestContainer{Name: command, Command: command}
	for i := 0; i < len(flags); i += 2 {
		c.Flags = append(c.Flags, snapshot.Flag{Name: flags[i], Value: flags[i+1], Line: i/2 + 1})
	}
	return snapshot.Manifest{Text: snapshot.Text{Path: "/m/" + command}, Name: command, Containers: []snapshot.ManifestContainer{c}}
}

func FuzzScanPEM(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("\xef\xbb\xbf-----BEGIN EC PRIVATE KEY-----\r\nA: b\r\n\r\nMHcC\r\n-----END EC PRIVATE KEY----\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		x := ScanPEM("a.crt", data)
		if x.Offset < 0 || x.Offset > len(data) || x.Line > bytes.Count(data, []byte("\n"))+1 {
			t.Errorf("got %+v of %d bytes", x, len(data))
		}
	})
}

func FuzzCheckEdge(f *testing.F) {
	t := &testing.T{}
	ca := issue(t, nil, "ca")
	leaf := issue(t, ca, "leaf")
	f.Add([]byte(leaf.crt), []byte(leaf.priv), []byte(ca.crt), "10.0.0.1")
	f.Fuzz(func(_ *testing.T, cert, key, ca []byte, host string) {
		for _, checks := range []string{snapshot.EdgeServer, snapshot.EdgeSigning} {
			CheckEdge(&snapshot.Edge{Checks: checks, Address: host}, presented{cert: cert, key: key, ca: ca}, time.Unix(1e9, 0))
		}
	})
}

func FuzzParseMounts(f *testing.F) {
	f.Add([]byte(`{spec: {containers: [{name: a, volumeMounts: [{name: v, mountPath: /c}]}], volumes: [{name: v, hostPath: {path: /p}}]}}`))
	f.Fuzz(func(_ *testing.T, data []byte) { ParseMounts(data, "a") })
}
