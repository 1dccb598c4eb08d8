package faulttest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/klustered/klustered/internal/machine/pki"
	"github.com/klustered/klustered/op"
)

// At is the time of every simulated snapshot.
var At = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// A pair is a certificate and its key.
type pair struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issue makes a certificate for cn, signed by ca, or by itself when that is nil.
func issue(cn string, orgs []string, ca *pair) pair {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		panic(err)
	}
	x := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: cn, Organization: orgs},
		NotBefore: At.AddDate(0, 0, -2), NotAfter: At.AddDate(1, 0, -2),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"cp1", "localhost", "kubernetes.default.svc"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(172, 20, 0, 2), net.IPv4(10, 96, 0, 1)},
	}
	parent := &pair{x, key}
	if ca != nil {
		parent = ca
	} else {
		x.IsCA, x.BasicConstraintsValid, x.NotAfter = true, true, At.AddDate(10, 0, -2)
		x.KeyUsage |= x509.KeyUsageCertSign
		x.ExtKeyUsage, x.DNSNames, x.IPAddresses = nil, nil, nil
	}
	der, err := x509.CreateCertificate(rand.Reader, x, parent.cert, &key.PublicKey, parent.key)
	if err != nil {
		panic(err)
	}
	if x, err = x509.ParseCertificate(der); err != nil {
		panic(err)
	}
	return pair{x, key}
}

func (p pair) certPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.cert.Raw})
}

func (p pair) keyPEM() []byte {
	der, err := x509.MarshalECPrivateKey(p.key)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

// pki adds the files that kubeadm makes below /etc/kubernetes and
// /var/lib/kubelet/pki.
func (t tree) pki() {
	const dir = "/etc/kubernetes/pki/"
	add := func(name string, p pair) pair {
		t.file(dir+name+".crt", p.certPEM(), 0o644)
		t.file(dir+name+".key", p.keyPEM(), 0o600)
		return p
	}
	ca := add("ca", issue("kubernetes", nil, nil))
	etcd := add("etcd/ca", issue("etcd-ca", nil, nil))
	front := add("front-proxy-ca", issue("front-proxy-ca", nil, nil))
	add("apiserver", issue("kube-apiserver", nil, &ca))
	add("apiserver-kubelet-client", issue("kube-apiserver-kubelet-client", []string{"kubeadm:cluster-admins"}, &ca))
	add("apiserver-etcd-client", issue("kube-apiserver-etcd-client", nil, &etcd))
	add("front-proxy-client", issue("front-proxy-client", nil, &front))
	add("etcd/server", issue("cp1", nil, &etcd))
	add("etcd/peer", issue("cp1", nil, &etcd))
	add("etcd/healthcheck-client", issue("kube-etcd-healthcheck-client", nil, &etcd))
	t.serviceAccountKey(dir)
	t.kubeletCerts(&ca)
	for name, who := range map[string][]string{
		"admin":              {"kubernetes-admin", "kubeadm:cluster-admins"},
		"super-admin":        {"kubernetes-super-admin", "system:masters"},
		"controller-manager": {"system:kube-controller-manager"},
		"scheduler":          {"system:kube-scheduler"},
	} {
		t.file("/etc/kubernetes/"+name+".conf", embedded(who[0], "klustered", "https://172.20.0.2:6443", ca, issue(who[0], who[1:], &ca)), 0o600)
	}
	t.file("/root/.kube/config", t["/etc/kubernetes/admin.conf"].Data, 0o600)
}

func (t tree) serviceAccountKey(dir string) {
	sa := issue("sa", nil, nil)
	pub, err := x509.MarshalPKIXPublicKey(&sa.key.PublicKey)
	if err != nil {
		panic(err)
	}
	t.file(dir+"sa.key", sa.keyPEM(), 0o600)
	t.file(dir+"sa.pub", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub}), 0o600)
}

func (t tree) kubeletCerts(ca *pair) {
	const dir = "/var/lib/kubelet/pki/"
	client := issue("system:node:cp1", []string{"system:nodes"}, ca)
	t.file(dir+"kubelet-client-2026-01-01-03-00-30.pem", append(client.certPEM(), client.keyPEM()...), 0o600)
	t[dir+"kubelet-client-current.pem"] = op.File{Link: dir + "kubelet-client-2026-01-01-03-00-30.pem", Mode: 0o777}
	self := issue("cp1-ca@1767236400", nil, nil)
	serving := issue("cp1@1767236401", nil, &self)
	t.file(dir+"kubelet.crt", append(serving.certPEM(), self.certPEM()...), 0o644)
	t.file(dir+"kubelet.key", serving.keyPEM(), 0o600)
	t.file("/etc/kubernetes/kubelet.conf", fmt.Appendf(nil, kubeconfig, b64(ca.certPEM()), "https://172.20.0.2:6443", "klustered", "system:node:cp1",
		"client-certificate: "+dir+"kubelet-client-current.pem\n    client-key: "+dir+"kubelet-client-current.pem"), 0o600)
}

// kubeconfig has the form that kubeadm writes.
const kubeconfig = `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: %[1]s
    server: %[2]s
  name: %[3]s
contexts:
- context:
    cluster: %[3]s
    user: %[4]s
  name: %[4]s@%[3]s
current-context: %[4]s@%[3]s
kind: Config
users:
- name: %[4]s
  user:
    %[5]s
`

// embedded is a kubeconfig that holds its credentials.
func embedded(user, cluster, server string, ca, client pair) []byte {
	return fmt.Appendf(nil, kubeconfig, b64(ca.certPEM()), server, cluster, user,
		"client-certificate-data: "+b64(client.certPEM())+"\n    client-key-data: "+b64(client.keyPEM()))
}

func b64(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

// Issue makes a kubeconfig as the real issuer does, with the CA of the folder.
func (m *Machine) Issue(ctx context.Context, x op.IssueKubeconfig) ([]byte, error) {
	i := pki.New(contents{m})
	i.Now = func() time.Time { return At }
	return i.Issue(ctx, x)
}

// IssueCertificate makes a certificate as the real issuer does.
func (m *Machine) IssueCertificate(ctx context.Context, x op.IssueCertificate) (cert, key []byte, err error) {
	i := pki.New(contents{m})
	i.Now = func() time.Time { return At }
	return i.IssueCertificate(ctx, x)
}

// RestartStatic does nothing: what follows from the files follows at once.
func (m *Machine) RestartStatic(context.Context, string, string) error { return nil }

// ReviveStatic does nothing: what is repaired runs.
func (m *Machine) ReviveStatic(context.Context, string, string) error { return nil }

// contents are the bytes of a machine's files.
type contents struct{ m *Machine }

func (c contents) ReadFile(name string) ([]byte, error) {
	f, err := c.m.ReadFile(name)
	return f.Data, err
}
