package collect

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/klustered/klustered/internal/collect/source"
)

func nodeCert(t *testing.T, cn string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: cn}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestNodeName(t *testing.T) {
	cert := nodeCert(t, "system:node:worker-7")
	for _, tc := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"host name", map[string]string{"etc/hostname": "Alpha\n"}, "alpha"},
		{"override", map[string]string{"etc/hostname": "alpha\n", "var/lib/kubelet/kubeadm-flags.env": `KUBELET_KUBEADM_ARGS="--hostname-override=beta --x=y"`}, "beta"},
		{"certificate file", map[string]string{
			"etc/hostname": "alpha\n", kubeletConf: "users:\n- user:\n    client-certificate: /pki/c.pem\n", "pki/c.pem": string(cert)}, "worker-7"},
		{"certificate data", map[string]string{kubeletConf: "    client-certificate-data: " + base64.StdEncoding.EncodeToString(cert) + "\n"}, "worker-7"},
		{"broken certificate", map[string]string{"etc/hostname": "alpha\n", kubeletConf: "  client-certificate: /pki/c.pem\n", "pki/c.pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}, "alpha"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			for p, data := range tc.files {
				p = filepath.Join(dir, p)
				if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(p, []byte(data), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got := NodeName(source.New(dir, false)); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
