package loginshell

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		for name, f := range map[string]op.File{
			"/etc/passwd":                {Data: []byte("root:x:0:0:root:/root:/usr/local/sbin/login-menu\n"), Mode: 0o644},
			"/usr/local/sbin/login-menu": {Data: []byte("#!/bin/sh\nsleep 5\nexec /bin/bash -l\n"), Mode: 0o755},
		} {
			if err := m.WriteFile(name, f); err != nil {
				t.Fatal(err)
			}
		}
	}))
}

func TestDetect(t *testing.T) {
	for name, tt := range map[string]struct {
		u    snapshot.User
		want int
	}{
		"bash":          {snapshot.User{Shell: "/bin/bash", Login: &snapshot.Binary{Path: "/bin/bash", ELF: true, Size: 1, Mode: 0o755, Package: "bash", PackageSum: "same"}}, 0},
		"zsh by hand":   {snapshot.User{Shell: "/usr/local/bin/zsh", Login: &snapshot.Binary{Path: "/usr/local/bin/zsh", ELF: true, Size: 1, Mode: 0o755}}, 0},
		"closed":        {snapshot.User{Shell: "/usr/sbin/nologin"}, 0},
		"changed":       {snapshot.User{Shell: "/bin/bash", Login: &snapshot.Binary{Path: "/bin/bash", ELF: true, Size: 1, Mode: 0o755, Package: "bash", PackageSum: "differs"}}, 1},
		"script":        {snapshot.User{Shell: "/opt/x", Login: &snapshot.Binary{Path: "/opt/x", Script: "/bin/sh", Size: 1, Mode: 0o755}}, 1},
		"hidden":        {snapshot.User{Shell: "/var/tmp/sh", Login: &snapshot.Binary{Path: "/var/tmp/sh", ELF: true, Size: 1, Mode: 0o755}}, 1},
		"not there":     {snapshot.User{Shell: "/bin/ksh", Login: &snapshot.Binary{Path: "/bin/ksh", Error: "no such file"}}, 1},
		"no run bit":    {snapshot.User{Shell: "/bin/bash", Login: &snapshot.Binary{Path: "/bin/bash", ELF: true, Size: 1, Mode: 0o644, Package: "bash", PackageSum: "same"}}, 1},
		"a user's menu": {snapshot.User{UID: 1000, Shell: "/opt/menu", Login: &snapshot.Binary{Path: "/opt/menu", Script: "/bin/sh", Size: 1, Mode: 0o755}}, 0},
	} {
		tt.u.Name = "x"
		if got := Fault.Detect(&snapshot.Snapshot{Users: &snapshot.Users{List: []snapshot.User{tt.u}}}); len(got) != tt.want {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}
