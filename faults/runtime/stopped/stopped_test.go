package stopped

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	down := snapshot.Unit{Name: "containerd.service", Path: "/usr/lib/systemd/system/containerd.service", Load: "loaded", Active: "inactive", Sub: "dead"}
	with := func(change func(*snapshot.Unit)) snapshot.Unit { u := down; change(&u); return u }
	const socket = "/run/containerd/containerd.sock"
	for name, tc := range map[string]struct {
		unit    snapshot.Unit
		runtime snapshot.Runtime
		want    string
	}{
		"stopped":              {down, snapshot.Runtime{Socket: socket}, "the container runtime is stopped: containerd.service does not run"},
		"failed":               {with(func(u *snapshot.Unit) { u.Active = "failed" }), snapshot.Runtime{Socket: socket}, "the container runtime is failed: containerd.service does not run"},
		"masked":               {with(func(u *snapshot.Unit) { u.Masked = true }), snapshot.Runtime{Socket: socket}, "the container runtime is masked: containerd.service does not run"},
		"runs another way":     {down, snapshot.Runtime{Socket: socket, Reachable: true}, ""},
		"another is used":      {down, snapshot.Runtime{Socket: "/run/crio/crio.sock"}, ""},
		"of a distribution":    {down, snapshot.Runtime{Socket: "/run/k3s/containerd/containerd.sock"}, ""},
		"under /var/run":       {down, snapshot.Runtime{Socket: "/var" + socket}, "the container runtime is stopped: containerd.service does not run"},
		"being started":        {with(func(u *snapshot.Unit) { u.Active = "activating" }), snapshot.Runtime{Socket: socket}, ""},
		"systemd was silent":   {with(func(u *snapshot.Unit) { u.Active, u.Load = "", "" }), snapshot.Runtime{Socket: socket}, ""},
		"no such unit":         {with(func(u *snapshot.Unit) { u.Path, u.Load = "", "not-found" }), snapshot.Runtime{Socket: socket}, ""},
		"up and not answering": {with(func(u *snapshot.Unit) { u.Active = "active" }), snapshot.Runtime{Socket: socket}, ""},
	} {
		s := &snapshot.Snapshot{Systemd: &snapshot.Systemd{Units: []snapshot.Unit{tc.unit}}, Runtime: &tc.runtime}
		got := ""
		if f := detect(s); len(f) == 1 {
			got = f[0].Summary
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
