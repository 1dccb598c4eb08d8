package cridisabled

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4)) }

func TestDetect(t *testing.T) {
	for name, tc := range map[string]struct {
		text   string
		change func(*snapshot.Snapshot)
		found  bool
		mended string
	}{
		"none":                   {"version = 3\ndisabled_plugins = []\n", nil, false, ""},
		"others":                 {"version = 3\ndisabled_plugins = ['io.containerd.snapshotter.v1.zfs', 'io.containerd.internal.v1.tracing']\n", nil, false, ""},
		"docker's":               {"disabled_plugins = [\"cri\"]\n", nil, true, ""},
		"the server":             {"version = 3\ndisabled_plugins = ['io.containerd.grpc.v1.cri']\n", nil, true, "version = 3\n"},
		"one of several":         {"version = 2\ndisabled_plugins = [\"a.b\", \"io.containerd.grpc.v1.cri\", \"c.d\"] # why\n", nil, true, "version = 2\ndisabled_plugins = [\"a.b\", \"c.d\"] # why\n"},
		"its snapshotter":        {"version = 3\ndisabled_plugins = ['io.containerd.snapshotter.v1.overlayfs']\n", nil, true, "version = 3\n"},
		"another's snapshotter":  {"version = 3\ndisabled_plugins = ['io.containerd.snapshotter.v1.native']\n", nil, false, ""},
		"the kubelet uses CRI-O": {"disabled_plugins = [\"cri\"]\n", func(s *snapshot.Snapshot) { s.Kubelet.Endpoint = "unix:///var/run/crio/crio.sock" }, false, ""},
		"the old way to write /run": {"disabled_plugins = [\"cri\"]\n",
			func(s *snapshot.Snapshot) { s.Kubelet.Endpoint = "unix:///var/run/containerd/containerd.sock" }, true, ""},
	} {
		s := faulttest.New(t, faulttest.File("/etc/containerd/config.toml", op.File{Data: []byte(tc.text), Mode: 0o644})).Snapshot()
		if tc.change != nil {
			tc.change(s)
		}
		found := detect(s)
		if (len(found) == 1) != tc.found {
			t.Errorf("%s: %v", name, found)
		}
		if tc.mended == "" || len(found) == 0 {
			continue
		}
		plan, err := remedy(s, found[0])
		if err != nil || string(plan[0].(op.WriteFile).Data) != tc.mended {
			t.Errorf("%s: %v, %v", name, plan, err)
		}
	}
}
