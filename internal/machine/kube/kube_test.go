package kube

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"syscall"
	"testing"
)

type tree map[string]string

func (t tree) ReadFile(name string) ([]byte, error) {
	if data, ok := t[name]; ok {
		return []byte(data), nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func TestRequest(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("Authorization") {
		case "Bearer good":
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, r.Method, " ", r.URL.Path, " ", r.Header.Get("Content-Type"))
		case "Bearer weak":
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"message":"no"}`)
		default:
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer srv.Close()
	ca := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
	config := func(user string) string {
		return "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: '" +
			srv.URL + "', certificate-authority-data: " + ca + "}}]\nusers: [{name: u, user: {" + user + "}}]\n"
	}
	tests := map[string]struct {
		admin, super string
		status       int
		answer       string
	}{
		"first":             {"token: good", "", 201, "PATCH /x text/y"},
		"second":            {"token: bad", "token: good", 201, "PATCH /x text/y"},
		"program":           {"exec: {command: /bin/false}", "token: good", 201, "PATCH /x text/y"},
		"weak, then good":   {"token: weak", "token: good", 201, "PATCH /x text/y"},
		"weak alone":        {"token: weak", "", 403, `{"message":"no"}`},
		"only a program":    {"exec: {command: /bin/false}", "", 0, ""},
		"none":              {"", "", 0, ""},
		"weak, and program": {"token: weak", "exec: {command: /bin/false}", 403, `{"message":"no"}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			files := tree{}
			for file, user := range map[string]string{admins[0]: tt.admin, admins[1]: tt.super} {
				if user != "" {
					files[file] = config(user)
				}
			}
			status, answer, err := New(files).Request(context.Background(), "PATCH", "/x", "text/y", nil)
			if status != tt.status || string(answer) != tt.answer || (err != nil) != (tt.status == 0) {
				t.Errorf("got %d %q, %v, want %d %q", status, answer, err, tt.status, tt.answer)
			}
		})
	}
}

func TestRestarting(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	tests := map[string]struct {
		method string
		status int
		answer string
		err    error
		want   bool
	}{
		"refused":         {"POST", 0, "", fmt.Errorf("cannot: %w", errors.Join(errors.New("x"), refused)), true},
		"late":            {"DELETE", 0, "", context.DeadlineExceeded, true},
		"a late creation": {"POST", 0, "", context.DeadlineExceeded, false},
		"no connection":   {"POST", 0, "", &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, true},
		"no greeting":     {"POST", 0, "", errors.New("Post \"https://x\": net/http: TLS handshake timeout"), true},
		"no answer":       {"POST", 0, "", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, false},
		"cut":             {"PATCH", 0, "", io.ErrUnexpectedEOF, false},
		"closed":          {"PATCH", 0, "", io.EOF, true},
		"no credentials":  {"GET", 0, "", errors.New("cannot use /x"), false},
		"etcd is away":    {"POST", 500, `{"message":"rpc error: code = Unavailable desc = connection error"}`, nil, true},
		"etcd is full":    {"POST", 500, `{"message":"etcdserver: mvcc: database space exceeded"}`, nil, false},
		"starting":        {"GET", 503, "", nil, true},
		"created":         {"POST", 201, "", nil, false},
		"not found":       {"GET", 404, "", nil, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := restarting(tt.method, tt.status, []byte(tt.answer), tt.err); got != tt.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
