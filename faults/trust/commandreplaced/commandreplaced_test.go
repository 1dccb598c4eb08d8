package commandreplaced

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4, 5, 6)) }

// Shims and wrappers that hand on what is typed.
func TestShims(t *testing.T) {
	for name, text := range map[string]string{
		"/usr/local/bin/kubectl": "#!/usr/bin/env bash\n# asdf-plugin: kubectl 1.34.1\nexec /root/.asdf/bin/asdf exec \"kubectl\" \"$@\"\n",
		"/usr/local/bin/crictl":  "#!/bin/sh\nexport CONTAINER_RUNTIME_ENDPOINT=unix:///run/k3s/containerd/containerd.sock\nexec k3s crictl \"$@\"\n",
		"/usr/local/bin/ls":      "#!/bin/sh\nexec /usr/bin/ls --color=auto \"$@\"\n",
	} {
		m := faulttest.New(t, faulttest.File(name, op.File{Data: []byte(text), Mode: 0o755}))
		if got := detect(m.Snapshot()); len(got) > 0 {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestNoRemedy(t *testing.T) {
	for want, hits := range map[string][]snapshot.Binary{
		"--reinstall procps":    {{Path: "/usr/bin/ps", ELF: true, Mode: 0o755, Size: 1, Package: "procps", PackageSum: "differs"}},
		"cannot tell who built": {{Path: "/var/tmp/bin/ps", ELF: true, Mode: 0o755, Size: 1, SHA256: "a"}, {Path: "/usr/bin/ps", ELF: true, Mode: 0o755, Size: 1, SHA256: "b"}},
		"no other ps is on":     {{Path: "/usr/local/bin/ps", Script: "/bin/sh", Mode: 0o755, Size: 1, SHA256: "a"}},
		"it is a link, or was":  {{Path: "/usr/local/bin/ps", Target: "/opt/x", Script: "/bin/sh", Mode: 0o755, Size: 1, SHA256: "a"}, {Path: "/usr/bin/ps", ELF: true, Mode: 0o755, Size: 1, SHA256: "b"}},
	} {
		s := &snapshot.Snapshot{Trust: &snapshot.Trust{Tools: []snapshot.Tool{{Name: "ps", Hits: hits}}}}
		found := detect(s)
		if len(found) != 1 {
			t.Fatalf("%s: got %+v", want, found)
		}
		if _, err := remedy(s, found[0]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
