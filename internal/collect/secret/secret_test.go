package secret

import (
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
)

const pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIBase64\nlines\n-----END EC PRIVATE KEY-----\n"

func TestScrub(t *testing.T) {
	for _, c := range []struct{ name, text, gone, stays string }{
		{"pem", "a\n" + pem + "b\n", "MHcCAQEEI", "\nb\n"},
		{"pem cut off", "a\n-----BEGIN PRIVATE KEY-----\nMHcCAQEEI", "MHcCAQEEI", "a\n"},
		{"pem in base64", "client-key-data: " + base64.StdEncoding.EncodeToString([]byte(pem)) + "\n", "LS0tLS1CRUdJ", "client-key-data: "},
		{"certificate in base64", "x: " + base64.StdEncoding.EncodeToString([]byte("-----BEGIN CERTIFICATE-----\nAAAAAAAAAAAAAAAAAAAA")), "", "LS0tLS1CRUdJ"},
		{"jwt", `echo eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0x.c2lnbmF0dXJl`, "c2lnbmF0dXJl", "echo "},
		{"bearer", `curl -H "Authorization: Bearer abcdef0123456789"`, "abcdef0123456789", "curl -H"},
		{"assignment", "DB_PASSWORD='hunter2hunter2'", "hunter2", "DB_PASSWORD"},
		{"url", "postgres://me:letmein@db/x", "letmein", "@db/x"},
		{"variable stays", `token=$(cat /run/token)`, "", "token=$(cat /run/token)"},
		{"path stays", `token_file=/var/lib/x/token`, "", "/var/lib/x/token"},
		{"reference stays", "secretName: registry-login", "", "registry-login"},
		{"next line stays", "serviceAccountToken:\n  expirationSeconds: 3607", "", "expirationSeconds: 3607"},
		{"flag and word", "ExecStart=/usr/bin/agent --server https://a --token K10abc::server:def -v", "K10abc", "--token "},
		{"flag of a file stays", "agent --token-file /etc/agent/token", "", "/etc/agent/token"},
		{"flag before a flag stays", "agent --secret --verbose-mode", "", "--verbose-mode"},
		{"certificate key", "kubeadm join --certificate-key 0123456789abcdef", "0123456789abcdef", "--certificate-key "},
		{"registry login", `auth = "dXNlcjpwYXNzd29yZA=="`, "dXNlcjpwYXNz", "auth = "},
		{"authorization stays", "--authorization-mode=Node,RBAC --anonymous-auth=false", "", "=Node,RBAC --anonymous-auth=false"},
		{"format stays", `{"token": "%s"}`, "", `"%s"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Scrub(c.text)
			if c.gone != "" && strings.Contains(got, c.gone) || !strings.Contains(got, c.stays) {
				t.Errorf("got %q", got)
			}
			if strings.Count(got, "\n") != strings.Count(c.text, "\n") {
				t.Errorf("lines moved: %q", got)
			}
			if again := Scrub(got); again != got {
				t.Errorf("twice is not once: %q, then %q", got, again)
			}
		})
	}
}

func TestArgs(t *testing.T) {
	got := strings.Join(Args([]string{"--token", "abcdef", "--password=x1", "--token-file", "/etc/x", "-v", "plain"}), " ")
	if strings.Contains(got, "abcdef") || strings.Contains(got, "x1") || !strings.Contains(got, "/etc/x") || !strings.HasSuffix(got, "plain") {
		t.Errorf("got %q", got)
	}
}

// patterns is Scrub with every pattern tried on every text.
func patterns(text string) string {
	text = privateKey.ReplaceAllStringFunc(text, func(s string) string {
		return Mark(s) + strings.Repeat("\n", strings.Count(s, "\n"))
	})
	text = jwt.ReplaceAllStringFunc(text, Mark)
	text = regexp.MustCompile(`[A-Za-z0-9+/_-]{40,}={0,2}`).ReplaceAllStringFunc(text, func(s string) string {
		if Sensitive(s) {
			return Mark(s)
		}
		return s
	})
	text = bearer.ReplaceAllStringFunc(text, second(bearer))
	text = urlUser.ReplaceAllStringFunc(text, second(urlUser))
	text = login.ReplaceAllStringFunc(text, second(login))
	text = assigned.ReplaceAllStringFunc(text, second(assigned))
	return flagged.ReplaceAllStringFunc(text, second(flagged))
}

// BenchmarkScrub is for a line of a log, which holds nothing secret.
func BenchmarkScrub(b *testing.B) {
	const line = `{"level":"warn","ts":"2026-01-02T03:04:05.000006Z","caller":"txn/util.go:93","msg":"apply request took too long","took":"151.7ms","expected-duration":"100ms","prefix":"read-only range ","request":"key:\"/registry/leases/kube-system/kube-scheduler\" limit:1 "}`
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		Scrub(line)
	}
}

func FuzzScrub(f *testing.F) {
	f.Add("a\n" + pem)
	f.Add("x " + base64.StdEncoding.EncodeToString([]byte(pem)) + "=== " + base64.RawURLEncoding.EncodeToString([]byte(pem)))
	f.Add("authorization: Ba\u017fic abcdefghijklmn http://a:b@c to\u212aen=abcdefgh API_KEY: abcdefgh")
	f.Add("token: eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0x.c2ln")
	f.Fuzz(func(t *testing.T, text string) {
		got := Scrub(text)
		if want := patterns(text); got != want {
			t.Errorf("got %q, the patterns alone say %q", got, want)
		}
		if strings.Count(got, "\n") != strings.Count(text, "\n") {
			t.Errorf("lines moved: %q", got)
		}
	})
}
