package kubeapi

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func testCA(t *testing.T) (certPEM, keyPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

func TestIdentityIsTakenByTheServerOfItsCA(t *testing.T) {
	cert, key := testCA(t)
	server := tlsServer(t, cert, key)
	id, err := NewIdentity(cert, key, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(server.URL, id, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var got struct{ Name, Group string }
	if err := c.Read(context.Background(), "/who", &got); err != nil {
		t.Fatal(err)
	}
	if got.Name != "klustered-lab" || got.Group != "system:masters" {
		t.Errorf("the server sees %+v", got)
	}
	var failed *StatusError
	if _, err := c.Get(context.Background(), "/missing"); !errors.As(err, &failed) || failed.Code != 404 {
		t.Errorf("got %v, want a StatusError with 404", err)
	}
	config := string(id.Kubeconfig(server.URL, "x"))
	if !strings.Contains(config, "server: "+server.URL) || !strings.Contains(config, "user: x-admin") {
		t.Errorf("kubeconfig is %q", config)
	}
}

func tlsServer(t *testing.T, cert, key []byte) *httptest.Server {
	t.Helper()
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	mux := http.NewServeMux()
	mux.HandleFunc("/who", func(w http.ResponseWriter, r *http.Request) {
		subject := r.TLS.PeerCertificates[0].Subject
		w.Write([]byte(`{"name":"` + subject.CommonName + `","group":"` + subject.Organization[0] + `"}`))
	})
	server := httptest.NewUnstartedServer(mux)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func TestNewIdentityRefusesWhatIsNoCA(t *testing.T) {
	cert, key := testCA(t)
	for name, c := range map[string][2][]byte{
		"no PEM":     {[]byte("x"), []byte("y")},
		"no key":     {cert, cert},
		"no cert":    {key, key},
		"empty file": {nil, nil},
	} {
		if _, err := NewIdentity(c[0], c[1], time.Now()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
