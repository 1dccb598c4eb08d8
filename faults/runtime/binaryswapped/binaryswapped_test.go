package binaryswapped

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestWrong(t *testing.T) {
	const shim = "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2"
	elf := func(name, main string) snapshot.Binary {
		return snapshot.Binary{Path: name, Size: 9, Mode: 0o755, ELF: true, GoMain: main}
	}
	with := func(b snapshot.Binary, change func(*snapshot.Binary)) snapshot.Binary { change(&b); return b }
	runc := elf("/usr/sbin/runc", "github.com/opencontainers/runc")
	for name, tc := range map[string]struct {
		b    snapshot.Binary
		want string
	}{
		"runc":                      {runc, ""},
		"runc without build info":   {elf("/usr/bin/runc", ""), ""},
		"runc of a vendor":          {elf("/usr/bin/runc", "command-line-arguments"), ""},
		"runc of a fork's package":  {with(elf("/usr/bin/runc", "example.com/runc-fork"), func(b *snapshot.Binary) { b.Package, b.PackageSum = "runc", "same" }), ""},
		"the shim":                  {elf("/usr/bin/containerd-shim-runc-v2", shim), ""},
		"the shim of 1.7":           {elf("/usr/bin/containerd-shim-runc-v2", "github.com/containerd/containerd/cmd/containerd-shim-runc-v2"), ""},
		"crun":                      {elf("/usr/bin/crun", ""), ""},
		"a wrapper of its own name": {snapshot.Binary{Path: "/usr/local/bin/runc-wrapped", Size: 9, Mode: 0o755, Script: "/bin/sh"}, ""},
		"nvidia's":                  {elf("/usr/bin/nvidia-container-runtime", "main"), ""},
		"it was not read":           {snapshot.Binary{Path: "/usr/sbin/runc", Error: "permission denied"}, ""},
		"gone":                      {snapshot.Binary{Path: "runc", Error: "not found"}, "it is not there"},
		"empty":                     {snapshot.Binary{Path: "/usr/sbin/runc", Mode: 0o755}, "it is empty"},
		"may not run":               {with(runc, func(b *snapshot.Binary) { b.Mode = 0o644 }), "its mode is 0644: nobody may run it"},
		"text":                      {snapshot.Binary{Path: "/usr/sbin/runc", Size: 4, Mode: 0o755}, "it is no program"},
		"a script":                  {snapshot.Binary{Path: "/usr/local/sbin/runc", Size: 4, Mode: 0o755, Script: "/bin/bash"}, "it is a script for /bin/bash, and no program"},
		"another program":           {elf("/usr/sbin/runc", "github.com/containerd/containerd/v2/cmd/ctr"), "it is github.com/containerd/containerd/v2/cmd/ctr"},
		"not the package's":         {with(runc, func(b *snapshot.Binary) { b.Package, b.PackageSum = "runc", "differs" }), "it is not the file of the package runc"},
	} {
		if got := wrong(tc.b); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
