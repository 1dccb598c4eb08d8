package pki

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io/fs"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/kubeapi"
	"github.com/klustered/klustered/op"
)

type tree map[string][]byte

func (t tree) ReadFile(name string) ([]byte, error) {
	if data, ok := t[name]; ok {
		return data, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// ca makes a CA with key that is good for the given time, in PEM.
func ca(t *testing.T, key crypto.Signer, left time.Duration) (cert, private []byte) {
	t.Helper()
	x := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kubernetes"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(left), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, x, x, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	block := &pem.Block{Type: "EC PRIVATE KEY"}
	if r, ok := key.(*rsa.PrivateKey); ok {
		block = &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(r)}
	} else if block.Bytes, err = x509.MarshalECPrivateKey(key.(*ecdsa.PrivateKey)); err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(block)
}

func ecKey(t *testing.T) crypto.Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var ask = op.IssueKubeconfig{
	Path: "/admin.conf", Cluster: "kubernetes", Server: "https://cp:6443", CACert: "/ca.crt", CAKey: "/ca.key",
	User: "kubernetes-admin", Groups: []string{"kubeadm:cluster-admins"}, Days: 30,
}

// leaf is the certificate of a kubeconfig, checked against the CA.
func leaf(t *testing.T, files tree, data []byte) *x509.Certificate {
	t.Helper()
	files["/new.conf"] = data
	c, err := kubeapi.Load(files, "/new.conf")
	if err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	if _, err := kubeapi.New(c); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(c.Cert)
	x, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(files["/ca.crt"])
	if _, err := x.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Error(err)
	}
	return x
}

func TestIssue(t *testing.T) {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"EC": ecKey(t), "RSA": r} {
		t.Run(name, func(t *testing.T) {
			files := tree{}
			files["/ca.crt"], files["/ca.key"] = ca(t, key, 1000*time.Hour)
			data, err := New(files).Issue(context.Background(), ask)
			if err != nil {
				t.Fatal(err)
			}
			x := leaf(t, files, data)
			if x.Subject.CommonName != ask.User || x.Subject.Organization[0] != ask.Groups[0] {
				t.Errorf("got %s", x.Subject)
			}
			if days := time.Until(x.NotAfter).Hours() / 24; days < 29 || days > 31 {
				t.Errorf("good for %v days, want 30", days)
			}
			again, err := New(files).Issue(context.Background(), ask)
			if err != nil || string(again) == string(data) {
				t.Errorf("the key is not new (%v)", err)
			}
		})
	}
}

func TestNotLongerThanTheCA(t *testing.T) {
	files := tree{}
	files["/ca.crt"], files["/ca.key"] = ca(t, ecKey(t), 24*time.Hour)
	data, err := New(files).Issue(context.Background(), ask)
	if err != nil {
		t.Fatal(err)
	}
	if x := leaf(t, files, data); time.Until(x.NotAfter) > 24*time.Hour {
		t.Errorf("good until %s", x.NotAfter)
	}
}

const shared = `apiVersion: v1
kind: Config
current-context: mine
contexts:
- name: mine
  context: {cluster: c, user: me}
- name: other
  context: {cluster: c, user: you} # keep
clusters:
- name: c
  cluster: {server: "https://elsewhere:1", certificate-authority: /ca.crt}
users:
- name: you
  user: {token: yours}
- name: me
  user:
    exec: {command: /usr/local/bin/helper}
`

func TestReplaceKeepsTheOthers(t *testing.T) {
	files := tree{"/admin.conf": []byte(shared)}
	files["/ca.crt"], files["/ca.key"] = ca(t, ecKey(t), 1000*time.Hour)
	x := ask
	x.Replace = "me"
	data, err := New(files).Issue(context.Background(), x)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"token: yours", "# keep", "https://elsewhere:1", "name: other"} {
		if !strings.Contains(string(data), want) {
			t.Errorf("%q is gone from\n%s", want, data)
		}
	}
	if strings.Contains(string(data), "helper") {
		t.Errorf("the program is still named in\n%s", data)
	}
	leaf(t, files, data)
}

func TestIssueRefuses(t *testing.T) {
	cert, key := ca(t, ecKey(t), time.Hour)
	_, foreign := ca(t, ecKey(t), time.Hour)
	late, lateKey := ca(t, ecKey(t), -time.Minute)
	replace := func(user string) op.IssueKubeconfig { x := ask; x.Replace = user; return x }
	tests := map[string]struct {
		files tree
		x     op.IssueKubeconfig
	}{
		"no CA":         {tree{}, ask},
		"no key":        {tree{"/ca.crt": cert}, ask},
		"foreign key":   {tree{"/ca.crt": cert, "/ca.key": foreign}, ask},
		"expired CA":    {tree{"/ca.crt": late, "/ca.key": lateKey}, ask},
		"no such user":  {tree{"/ca.crt": cert, "/ca.key": key, "/admin.conf": []byte(shared)}, replace("nobody")},
		"no file":       {tree{"/ca.crt": cert, "/ca.key": key}, replace("me")},
		"empty file":    {tree{"/ca.crt": cert, "/ca.key": key, "/admin.conf": nil}, replace("me")},
		"another shape": {tree{"/ca.crt": cert, "/ca.key": key, "/admin.conf": []byte("- 1")}, replace("me")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if data, err := New(tt.files).Issue(context.Background(), tt.x); err == nil {
				t.Errorf("got\n%s", data)
			}
		})
	}
}
