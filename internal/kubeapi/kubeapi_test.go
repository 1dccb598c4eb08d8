package kubeapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/pem"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree is a set of files.
type tree map[string]string

func (t tree) ReadFile(name string) ([]byte, error) {
	if data, ok := t[name]; ok {
		return []byte(data), nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// text is a kubeconfig for server whose user is written as given.
func text(server, user string) string {
	return "current-context: a\ncontexts:\n- name: a\n  context: {cluster: c, user: u}\nclusters:\n- name: c\n  cluster:\n    server: " +
		server + "\n    certificate-authority: ca.pem\nusers:\n- name: u\n  user:\n" + user
}

func TestLoad(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	tests := map[string]struct {
		user string
		err  string
		ok   func(c Config) bool
	}{
		"data":          {"    client-certificate-data: " + b64([]byte("cert")) + "\n    client-key-data: " + b64([]byte("key")), "", func(c Config) bool { return string(c.Cert) == "cert" && string(c.Key) == "key" }},
		"files":         {"    client-certificate: c.pem\n    client-key: /k.pem", "", func(c Config) bool { return string(c.Cert) == "C" && string(c.Key) == "K" }},
		"token":         {"    token: t", "", func(c Config) bool { return c.Token == "t" }},
		"token file":    {"    tokenFile: /t", "", func(c Config) bool { return c.Token == "T" }},
		"program":       {"    exec: {command: x}", "not run", nil},
		"both":          {"    token: t\n    exec: {command: x}", "", func(c Config) bool { return c.Token == "t" }},
		"nothing":       {"    {}", "no credentials", nil},
		"missing file":  {"    client-certificate: none.pem", "none.pem", nil},
		"not base64":    {"    client-certificate-data: '!'", "illegal base64", nil},
		"another shape": {"    - 1", "not a kubeconfig", nil},
	}
	files := tree{"/etc/ca.pem": "CA", "/etc/c.pem": "C", "/k.pem": "K", "/t": "T\n"}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			files["/etc/x.conf"] = text("https://h:1", tt.user)
			c, err := Load(files, "/etc/x.conf")
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil || !tt.ok(c) || c.Server != "https://h:1" || string(c.CA) != "CA" {
				t.Errorf("got %+v, %v", c, err)
			}
		})
	}
	for _, bad := range []string{"", "a: [", "current-context: x", "contexts: [{name: '', context: {cluster: c}}]"} {
		files["/etc/x.conf"] = bad
		if c, err := Load(files, "/etc/x.conf"); err == nil {
			t.Errorf("%q: got %+v, want an error", bad, c)
		}
	}
}

func TestDo(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "/else", http.StatusFound)
			return
		}
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte(r.Method + " " + r.URL.RequestURI() + " " + r.Header.Get("Authorization") + " " + r.Header.Get("Accept")))
	}))
	defer srv.Close()
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	c, err := New(Config{Server: srv.URL, CA: ca, Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	status, answer, err := c.Do(context.Background(), "PUT", "/a?b=c", "", "text/x", []byte("body"))
	if want := "PUT /a?b=c Bearer t text/x"; err != nil || status != http.StatusTeapot || string(answer) != want {
		t.Errorf("got %d %q, %v, want %q", status, answer, err, want)
	}
	if status, _, err := c.Do(context.Background(), "GET", "/away", "", "", nil); err != nil || status != http.StatusFound {
		t.Errorf("redirect: got %d, %v, want it not followed", status, err)
	}
	other, err := New(Config{Server: srv.URL, CA: otherCA(t)})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := other.Do(context.Background(), "GET", "/", "", "", nil); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a server of another CA: got %v", err)
	}
}

// otherCA is a certificate that signed nothing here.
func otherCA(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "other-ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(data)
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(text("https://h", "    token: t")))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = parse(data, &finder{tree{}, "/"})
	})
}
