package secret

import (
	"encoding/base64"
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

func FuzzScrub(f *testing.F) {
	f.Add("a\n" + pem)
	f.Add("token: eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0x.c2ln")
	f.Fuzz(func(t *testing.T, text string) {
		if got := Scrub(text); strings.Count(got, "\n") != strings.Count(text, "\n") {
			t.Errorf("lines moved: %q", got)
		}
	})
}
