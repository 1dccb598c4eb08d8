package cri

import (
	"testing"

	"github.com/klustered/klustered/snapshot"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"nginx":                      "docker.io/library/nginx:latest",
		"nginx:1.27":                 "docker.io/library/nginx:1.27",
		"user/app":                   "docker.io/user/app:latest",
		"registry.k8s.io/pause:3.10": "registry.k8s.io/pause:3.10",
		"localhost/x":                "localhost/x:latest",
		"host:5000/x":                "host:5000/x:latest",
		"host:5000/x/y:1":            "host:5000/x/y:1",
		"a.io/x@sha256:00":           "a.io/x@sha256:00",
		"a.io/x:1@sha256:00":         "a.io/x:1@sha256:00",
	} {
		if got := Parse(in).String(); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestMalformed(t *testing.T) {
	digest := "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for _, good := range []string{"nginx", "a.io/b/c_d-e.f:v1.2.3-rc.1_x", "host:5000/x:1", "a.io/x@" + digest, "a.io/x:1@" + digest} {
		if why := Malformed(good); why != "" {
			t.Errorf("%s: %s", good, why)
		}
	}
	for _, bad := range []string{"", "nginx:", "Nginx:1", "nginx :1", "https://a.io/x", "a.io/x@", "a.io/x@sha256:zz", "a.io//x", "a.io/x/", "nginx:1:2", "a.io/x:v1+meta", "a.io/$x"} {
		if Malformed(bad) == "" {
			t.Errorf("%s is taken", bad)
		}
	}
}

func TestLocal(t *testing.T) {
	r := &snapshot.Runtime{Images: []snapshot.Image{
		{ID: "sha256:1", Names: []string{"docker.io/library/nginx:1.27"}, Digests: []string{"docker.io/library/nginx@sha256:aa"}},
		{ID: "sha256:2", Names: []string{"a.io/pause:3.9"}},
	}}
	for in, want := range map[string]string{"nginx:1.27": "sha256:1", "nginx": "", "docker.io/library/nginx@sha256:aa": "sha256:1", "nginx:9@sha256:aa": "sha256:1", "sha256:2": "sha256:2", "a.io/pause:3.9": "sha256:2", "b.io/pause:3.9": ""} {
		if got, _ := Local(r, in); got.ID != want {
			t.Errorf("%s: %q, want %q", in, got.ID, want)
		}
	}
	if k := Kin(r, "b.io/x/pause:1"); len(k) != 1 || k[0] != "a.io/pause:3.9" {
		t.Errorf("kin: %v", k)
	}
}

func TestPath(t *testing.T) {
	for in, want := range map[string]string{"unix:///run/a.sock": "/run/a.sock", "unix:///var/run/a.sock": "/run/a.sock", "/var/run/b/a.sock": "/run/b/a.sock", "tcp://x": ""} {
		if got, ok := Path(in); ok != (want != "") || ok && got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

func TestWithout(t *testing.T) {
	for _, tc := range []struct {
		line, value, with string
		drop              bool
	}{
		{`x = ["a", "b"]`, "a", `x = ["b"]`, false},
		{`x = ['a'] # note`, "a", "", true},
		{`x = ["a",`, "a", "", false},
	} {
		if with, drop := Without(tc.line, tc.value); with != tc.with || drop != tc.drop {
			t.Errorf("%s: %q, %v", tc.line, with, drop)
		}
	}
}
