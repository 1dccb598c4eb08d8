package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/collect/source/sourcetest"
	"github.com/klustered/klustered/snapshot"
)

// A pair is a certificate and its key in PEM.
type pair struct {
	cert      *x509.Certificate
	key       *ecdsa.PrivateKey
	crt, priv string
}

// issue makes a certificate signed by ca, or by itself.
func issue(t testing.TB, ca *pair, cn string, orgs ...string) *pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: cn, Organization: orgs},
		NotBefore: time.Unix(1, 0), NotAfter: time.Unix(4e9, 0), BasicConstraintsValid: true,
	}
	parent, signer := tmpl, key
	if ca == nil {
		tmpl.IsCA, tmpl.KeyUsage = true, x509.KeyUsageCertSign
	} else {
		tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		parent, signer = ca.cert, ca.key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &pair{cert, key,
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw}))}
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func write(t *testing.T, e *source.Env, name, data string, mode os.FileMode) {
	t.Helper()
	sourcetest.File(t, e.Root, name, data, mode)
}

func kubeconfig(ca *pair, user string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- cluster:
    certificate-authority-data: %s
    server: https://10.0.0.1:6443
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: admin
  name: admin@kubernetes
current-context: admin@kubernetes
users:
- name: admin
  user:
%s`, b64(ca.crt), user)
}

func TestPKI(t *testing.T) {
	e := source.New(t.TempDir(), false)
	ca, other := issue(t, nil, "kubernetes"), issue(t, nil, "kubernetes")
	leaf, foreign := issue(t, ca, "admin", "g"), issue(t, other, "x")
	write(t, e, "/etc/kubernetes/pki/ca.crt", ca.crt, 0o644)
	write(t, e, "/etc/kubernetes/pki/ca.key", ca.priv, 0o600)
	write(t, e, "/etc/kubernetes/pki/leaf.crt", leaf.crt, 0o644)
	write(t, e, "/etc/kubernetes/pki/etcd/foreign.crt", foreign.crt, 0o644)
	write(t, e, "/etc/kubernetes/pki/bad.crt", strings.Replace(leaf.crt, "\n", "\n!", 2), 0o644)
	write(t, e, "/etc/kubernetes/pki/empty.key", "", 0o600)
	write(t, e, "/etc/kubernetes/admin.conf", kubeconfig(ca, "    client-certificate-data: "+b64(leaf.crt)+"\n    client-key-data: "+b64(leaf.priv)+"\n"), 0o600)
	var s snapshot.Snapshot
	if err := collectPKI(t.Context(), e, &s); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range s.PKI.Certificates {
		got = append(got, fmt.Sprintf("%s %s %s", strings.TrimPrefix(c.Path, "/etc/kubernetes/"), strings.TrimPrefix(c.SignedBy, "/etc/kubernetes/"), c.Error))
	}
	want := []string{
		"pki/bad.crt  line 1: the PEM armour is damaged",
		"pki/ca.crt pki/ca.crt ",
		"pki/etcd/foreign.crt  ",
		"pki/leaf.crt pki/ca.crt ",
		"admin.conf#clusters/kubernetes pki/ca.crt ",
		"admin.conf#users/admin pki/ca.crt ",
	}
	want[0] = got[0] // its words are tested by TestDamage
	if !reflect.DeepEqual(got, want) || !strings.Contains(got[0], "line 2: it is not base64") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for _, c := range s.PKI.Certificates {
		if (c.PEM != "") != (c.Path == "/etc/kubernetes/admin.conf#clusters/kubernetes") || c.PEM != "" && c.PEM != ca.crt {
			t.Errorf("%s: the block %q", c.Path, c.PEM)
		}
	}
	keys := s.PKI.Keys
	if len(keys) != 3 || keys[0].SPKI != s.PKI.Certificates[1].SPKI || keys[1].Error != "the file is empty" || keys[2].SPKI != s.PKI.Certificates[3].SPKI {
		t.Errorf("got keys %+v", keys)
	}
}

func TestDamage(t *testing.T) {
	for data, want := range map[string]string{
		"":                               "the file is empty",
		"-----BEGIN CERTIFICATE----\nAA": "line 1: the PEM armour is damaged",
		"-----BEGIN CERTIFICATE-----\nAA?A\n-----END CERTIFICATE-----\n": "line 2: it is not base64",
		"-----BEGIN CERTIFICATE-----\nAAAA\n":                            "line 2: the PEM block has no end",
		"hello":                                                          "it holds no readable PEM block",
	} {
		if got := damage([]byte(data)); got != want {
			t.Errorf("%q: got %q, want %q", data, got, want)
		}
	}
}

const token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6b3BzOmhhbmQifQ.c2lnbmF0dXJl"

func TestExec(t *testing.T) {
	e := source.New(t.TempDir(), false)
	ca := issue(t, nil, "kubernetes")
	held := issue(t, ca, "night-shift", "operators")
	write(t, e, "/root/.kube/config", kubeconfig(ca, `    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: ../bin/helper
      args: [--token, s3cretvalue, get]
      env:
      - name: API_TOKEN
        value: another-secret
      - name: REGION
        value: north
`), 0o600)
	write(t, e, "/root/bin/helper", "#!/bin/bash\nDIR=/var/lib/helper\ncat $DIR/token\nopenssl < ${DIR}/pair.pem\nkubectl -n ops create token other\necho "+token+"\n", 0o755)
	write(t, e, "/var/lib/helper/token", token, 0o600)
	write(t, e, "/var/lib/helper/pair.pem", "see /var/lib/helper/side.conf\n", 0o600)
	write(t, e, "/var/lib/helper/side.conf", kubeconfig(ca, "    client-certificate-data: "+b64(held.crt)+"\n    client-key-data: "+b64(held.priv)+"\n"), 0o600)
	write(t, e, "/root/.kube/kuberc", "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\ncredentialPluginPolicy: Allowlist\ncredentialPluginAllowlist:\n- name: a\n- command: /b\naliases:\n- name: x\n", 0o644)
	var s snapshot.Snapshot
	if err := collectKubeconfigs(t.Context(), e, &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Kubeconfigs.Files) != 1 {
		t.Fatalf("got %+v", s.Kubeconfigs.Files)
	}
	x := s.Kubeconfigs.Files[0].Users[0].Exec
	if x == nil || x.Line != 19 || x.Binary.Path != "/root/bin/helper" || x.Binary.Script != "/bin/bash" || x.Body == nil {
		t.Fatalf("got %+v", x)
	}
	var who []string
	for _, i := range x.Identities {
		who = append(who, fmt.Sprintf("%s %s %s:%d", i.Kind, i.User, i.Source, i.Line))
	}
	want := []string{
		"service-account token system:serviceaccount:ops:hand /root/bin/helper:6",
		"service-account token system:serviceaccount:ops:other /root/bin/helper:5",
		"certificate night-shift /var/lib/helper/side.conf:17",
	}
	if !reflect.DeepEqual(who, want) {
		t.Errorf("got  %q\nwant %q", who, want)
	}
	text := fmt.Sprintf("%+v %+v %+v", s.Kubeconfigs.Files[0], *x, *x.Body)
	for _, gone := range []string{"s3cretvalue", "another-secret", token, b64(held.priv)} {
		if strings.Contains(text, gone) {
			t.Errorf("the snapshot holds %q", gone)
		}
	}
	if k := s.Kubeconfigs.Kubercs; len(k) != 1 || k[0].Policy != "Allowlist" || !reflect.DeepEqual(k[0].Allowlist, []string{"a", "/b"}) {
		t.Errorf("got %+v", k)
	}
}

func TestRedact(t *testing.T) {
	ca := issue(t, nil, "kubernetes")
	for name, user := range map[string]string{
		"plain":  "    token: abcd-efgh\n",
		"quoted": "    token: \"abcd\\u002defgh\"\n",
		"block":  "    token: |\n      abcd-efgh\n    username: me\n",
		"folded": "    password: >-\n      abcd-efgh\n      x\n",
		"key":    "    client-key-data: " + b64(ca.priv) + "\n",
		"flow":   "    {token: abcd-efgh, username: abcd}\n",
		"broken": "    client-key-data: abcd-efgh\n\t:",
	} {
		t.Run(name, func(t *testing.T) {
			content := kubeconfig(ca, user)
			f, _ := ParseKubeconfig(snapshot.Text{Path: "/x", Content: content})
			for _, gone := range []string{"abcd-efgh", "u002defgh", b64(ca.priv)} {
				if strings.Contains(f.Content, gone) {
					t.Errorf("the content holds %q: %s", gone, f.Content)
				}
			}
			if strings.Count(f.Content, "\n") != strings.Count(content, "\n") {
				t.Error("lines moved")
			}
		})
	}
	if f, _ := ParseKubeconfig(snapshot.Text{Content: kubeconfig(ca, "    token: abcd\n")}); f.Users[0].Token != secret.Fingerprint([]byte("abcd")) {
		t.Errorf("got %q", f.Users[0].Token)
	}
}

func TestHomes(t *testing.T) {
	got := parseHomes("root:x:0:0::/root:/bin/bash\ndaemon:x:1:1::/usr/sbin:/x\nme:x:1000:1000::/home/me:/bin/sh\nodd:x:1001:1::/srv/odd:/bin/sh\nnobody:x:65534:1::/nonexistent:/x\n")
	if want := []home{{"root", "/root"}, {"me", "/home/me"}, {"odd", "/srv/odd"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

func FuzzKubeconfig(f *testing.F) {
	f.Add("users:\n- name: x\n  user:\n    token: |\n      abc\n    exec: {command: x, args: [--token, y]}\n")
	f.Add("a: &a\n  token: *a\n")
	f.Fuzz(func(t *testing.T, content string) {
		x, _ := ParseKubeconfig(snapshot.Text{Path: "/x", Content: content})
		if strings.Count(x.Content, "\n") != strings.Count(content, "\n") {
			t.Errorf("lines moved: %q", x.Content)
		}
		ParseKuberc(snapshot.Text{Content: content})
		embedded("/x", []byte(content))
		Identities("/x", content)
		named(content)
		parseHomes(content)
		ParsePEM("/x", []byte(content), 0)
	})
}

func TestVariablesThatGrow(t *testing.T) {
	text := "A=" + strings.Repeat("a", 255) + "\n" + strings.Repeat("$A", 100_000)
	if n := len(variables(text, text)); n > len(text)+maxReplaced*255 {
		t.Errorf("%d bytes grew to %d", len(text), n)
	}
	if got := named("D=/etc/x\ncat ${D}/token $D/key"); !slices.Equal(got, []string{"/etc/x", "/etc/x/token", "/etc/x/key"}) {
		t.Errorf("got %v", got)
	}
}
