package probe

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// authority makes a certificate that signs and one for 127.0.0.1 signed by it.
func authority(t *testing.T) (ca []byte, server tls.Certificate) {
	t.Helper()
	make := func(x, parent *x509.Certificate, by *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if by == nil {
			by = k
		}
		der, err := x509.CreateCertificate(rand.Reader, x, parent, &k.PublicKey, by)
		if err != nil {
			t.Fatal(err)
		}
		return der, k
	}
	now := time.Now()
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kubernetes"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	ca, key := make(root, root, nil)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "kube-apiserver"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, own := make(leaf, root, key)
	return ca, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: own}
}

func TestWhatAServerShowsIsTold(t *testing.T) {
	ca, cert := authority(t)
	_, stranger := authority(t)
	dir := t.TempDir()
	os.MkdirAll(filepath.Join(dir, "etc/kubernetes/pki"), 0o755)
	os.WriteFile(filepath.Join(dir, "etc/kubernetes/pki/ca.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca}), 0o644)
	os.WriteFile(filepath.Join(dir, "etc/kubernetes/pki/apiserver.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}), 0o644)
	a := &asker{trust: readAuthorities(source.New(dir, false)), domain: "cluster.local"}
	for _, tc := range []struct {
		name  string
		cert  tls.Certificate
		asks  tls.ClientAuthType
		part  string
		check func(snapshot.Contact) bool
	}{
		{"own", cert, tls.NoClientCert, "apiserver", func(x snapshot.Contact) bool {
			return x.TLS.Covers && reflect.DeepEqual(x.TLS.SignedBy, []string{"/etc/kubernetes/pki/ca.crt"}) && x.TLS.File == "/etc/kubernetes/pki/apiserver.crt" && x.Version == "v1.37.2" && x.Status == 200 && x.Offset < -3000 && x.AuditID && x.TLS.Chain[0].CN == "kube-apiserver" && !x.TLS.Asks
		}},
		{"another's", stranger, tls.NoClientCert, "apiserver", func(x snapshot.Contact) bool {
			return len(x.TLS.SignedBy) == 0 && x.TLS.Invalid != "" && x.TLS.File == ""
		}},
		{"asks for a certificate", cert, tls.RequireAnyClientCert, "etcd", func(x snapshot.Contact) bool { return x.TLS.Asks && x.Status == 0 && x.Error == "" && x.TLS.File != "" }},
	} {
		l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{tc.cert}, ClientAuth: tc.asks})
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
			w.Header().Set("Audit-Id", "x")
			w.Write([]byte(`{"gitVersion":"v1.37.2"}`))
		})}
		go srv.Serve(l)
		x := snapshot.Contact{Component: tc.part, Address: l.Addr().String(), Protocol: "tls"}
		a.ask(context.Background(), &x)
		if x.TLS == nil || !tc.check(x) {
			t.Errorf("%s: %+v, TLS %+v", tc.name, x, x.TLS)
		}
		srv.Close()
	}
	x := snapshot.Contact{Component: "apiserver", Address: "127.0.0.1:1", Protocol: "tls"}
	if a.ask(context.Background(), &x); x.Error != "connection refused" {
		t.Errorf("closed port: %+v", x)
	}
}

// Who misses one connection and takes the next is there.
func TestOneSilenceIsChance(t *testing.T) {
	_, cert := authority(t)
	for missed, want := range map[int]string{1: "", 2: silence} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for n := 0; ; n++ {
				c, err := l.Accept()
				if err != nil {
					return
				}
				defer c.Close()
				if n >= missed {
					go tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}}).Handshake()
				}
			}
		}()
		x := snapshot.Contact{Component: "etcd", Address: l.Addr().String(), Protocol: "tls"}
		(&asker{}).ask(context.Background(), &x)
		if x.Error != want || want == "" && x.TLS == nil {
			t.Errorf("%d missed: %+v", missed, x)
		}
		l.Close()
	}
}

func TestNameServersAreAskedOverBoth(t *testing.T) {
	answer := func(query []byte) []byte {
		var p dnsmessage.Parser
		h, _ := p.Start(query)
		q, _ := p.Question()
		m := dnsmessage.Message{Header: dnsmessage.Header{ID: h.ID, Response: true}, Questions: []dnsmessage.Question{q}, Answers: []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}, Body: &dnsmessage.AResource{A: [4]byte{10, 96, 0, 1}}}}}
		out, _ := m.Pack()
		return out
	}
	u, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	go func() {
		buf := make([]byte, 512)
		if n, from, err := u.ReadFrom(buf); err == nil {
			u.WriteTo(answer(buf[:n]), from)
		}
	}()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			buf := make([]byte, 512)
			n, _ := c.Read(buf)
			out := answer(buf[2:n])
			c.Write(append([]byte{byte(len(out) >> 8), byte(len(out))}, out...))
		}
	}()
	for protocol, addr := range map[string]string{"udp": u.LocalAddr().String(), "tcp": l.Addr().String()} {
		x := snapshot.Contact{Component: "dns", Address: addr, Protocol: protocol}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		askName(ctx, &x, "kubernetes.default.svc.cluster.local.")
		cancel()
		if x.RCode != "success" || !reflect.DeepEqual(x.Answers, []string{"10.96.0.1"}) || x.Error != "" {
			t.Errorf("%s: %+v", protocol, x)
		}
	}
}

func TestEndpointsAreChosen(t *testing.T) {
	s := node()
	s.Kubelet.Running = true
	s.Network.Hosts = &snapshot.Text{Content: "127.0.0.1 localhost\n172.16.0.100 api.example api\n"}
	s.Network.Resolv = &snapshot.Text{Path: "/etc/resolv.conf", Content: "nameserver 127.0.0.53\nnameserver 192.0.2.1\n"}
	s.Static = &snapshot.Static{Manifests: []snapshot.Manifest{
		{Text: snapshot.Text{Path: "/m/api.yaml"}, Containers: []snapshot.ManifestContainer{{Command: "kube-apiserver", Flags: []snapshot.Flag{{Name: "secure-port", Value: "6443", Line: 9}}}}},
		{Text: snapshot.Text{Path: "/m/etcd.yaml"}, Containers: []snapshot.ManifestContainer{{Command: "etcd", Flags: []snapshot.Flag{{Name: "listen-client-urls", Value: "https://127.0.0.1:2379,https://172.16.0.5:2379", Line: 7}}}}},
		{Text: snapshot.Text{Path: "/m/kcm.yaml"}, Containers: []snapshot.ManifestContainer{{Command: "kube-controller-manager", Flags: []snapshot.Flag{{Name: "bind-address", Value: "127.0.0.1"}}}}},
	}}
	s.Kubeconfigs = &snapshot.Kubeconfigs{Files: []snapshot.Kubeconfig{{Text: snapshot.Text{Path: "/k"}, Clusters: []snapshot.KubeconfigCluster{{Server: "https://api.example:8443", Line: 5}}}}}
	var got []string
	for _, x := range endpoints(s) {
		got = append(got, strings.TrimSpace(strings.Join([]string{x.Component, x.Role, x.Protocol, x.Address, x.Source, x.Named}, " ")))
	}
	for _, want := range []string{
		"apiserver loopback tls 127.0.0.1:6443 /m/api.yaml:9", "apiserver node tls 172.16.0.5:6443 /m/api.yaml:9",
		"etcd loopback tls 127.0.0.1:2379 /m/etcd.yaml:7", "etcd node tls 172.16.0.5:2379 /m/etcd.yaml:7",
		"controller-manager loopback tls 127.0.0.1:10257 /m/kcm.yaml", "apiserver kubeconfig tls 172.16.0.100:8443 /k:5 api.example",
		"apiserver service tls 10.96.0.1:443", "apiserver endpoint tls 172.16.0.9:6443", "kubelet node tls 172.16.0.5:10250 kubelet",
		"dns service udp 10.96.0.10:53 kubelet", "dns service tcp 10.96.0.10:53 kubelet", "dns endpoint udp 10.1.0.2:53", "dns upstream udp 127.0.0.53:53 /etc/resolv.conf:1",
	} {
		found := false
		for _, g := range got {
			found = found || g == want
		}
		if !found {
			t.Errorf("lacks %s\n%s", want, strings.Join(got, "\n"))
		}
	}
	for _, g := range got {
		if strings.Contains(g, "192.0.2.1") {
			t.Errorf("a server outside is asked: %s", g)
		}
	}
}

func TestOffset(t *testing.T) {
	at := time.Unix(1000, 0)
	for _, tc := range []struct {
		date time.Time
		want float64
	}{{at.Add(-500 * time.Millisecond).Truncate(time.Second), 0}, {at.Add(time.Minute), 59.9}, {at.Add(-time.Minute), -59}} {
		if got := offset(tc.date, at, at.Add(100*time.Millisecond)); got != tc.want {
			t.Errorf("%v: %v, want %v", tc.date, got, tc.want)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	q, _ := question(7, "kubernetes.default.svc.cluster.local.")
	f.Add(q)
	f.Add([]byte(`{"gitVersion":"v1.37.2"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		parseAnswer(data)
		parseVersion(data)
		(&asker{trust: authorities{files: map[string]string{}}}).seen([][]byte{data}, &snapshot.Contact{Address: "127.0.0.1:1"})
	})
}
