package pathwrong

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4, 5)) }

func TestDetect(t *testing.T) {
	const (
		run  = "version = 3\n[plugins.'io.containerd.cri.v1.runtime'"
		runc = run + ".containerd.runtimes.runc]\n"
		opts = run + ".containerd.runtimes.runc.options]\n"
		img  = "version = 3\n[plugins.'io.containerd.cri.v1.images']\n"
	)
	for name, tc := range map[string]struct {
		text   string
		change func(*snapshot.Snapshot)
		want   string
		mended string // the line that takes its place; "-" for none
	}{
		"defaults": {"version = 3\n", nil, "", ""},
		"all said": {img + "snapshotter = 'overlayfs'\n", nil, "", ""},
		"native":   {img + "snapshotter = 'native'\n", nil, "", ""},
		"a plugin that runs": {img + "snapshotter = 'stargz'\n", func(s *snapshot.Snapshot) {
			s.Runtime.Settings.Proxies = []snapshot.ProxyPlugin{{Name: "stargz", Type: "snapshot", Exists: true}}
		}, "", ""},
		"one that is built in": {img + "snapshotter = 'fuse-overlayfs'\n", func(s *snapshot.Snapshot) {
			for i := range s.Containerd.Namespaces {
				for j := range s.Containerd.Namespaces[i].Containers {
					s.Containerd.Namespaces[i].Containers[j].Snapshotter = "fuse-overlayfs"
				}
			}
		}, "", ""},
		"another runtime beside": {runc + "runtime_type = 'io.containerd.runc.v2'\n[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.kata]\nruntime_type = 'io.containerd.kata.v2'\n", nil, "", ""},
		"folders as they are":    {run + ".cni]\nconf_dir = '/etc/cni/net.d'\nbin_dirs = ['/opt/cni/bin']\n", nil, "", ""},
		"folder with an ending":  {run + ".cni]\nconf_dir = '/etc/cni/net.d/'\n", nil, "", ""},
		"docker beside CRI-O":    {img + "snapshotter = 'x'\n", func(s *snapshot.Snapshot) { s.Kubelet.Endpoint = "unix:///run/crio/crio.sock" }, "", ""},
		"shim by its path":       {runc + "runtime_type = 'io.containerd.runc.v2'\nruntime_path = '/usr/bin/containerd-shim-runc-v2'\n", nil, "", ""},
		"no such snapshotter":    {img + "snapshotter = 'overlay'\n", nil, "names the snapshotter \"overlay\"", "-"},
		"a plugin that is gone": {img + "snapshotter = 'stargz'\n", func(s *snapshot.Snapshot) {
			s.Runtime.Settings.Proxies = []snapshot.ProxyPlugin{{Name: "stargz", Type: "snapshot", Address: "/run/s.sock"}}
		}, "whose socket /run/s.sock is not there", ""},
		"no such default":     {run + ".containerd]\ndefault_runtime_name = 'nvidia'\n", nil, "makes \"nvidia\" the default runtime", "-"},
		"no such program":     {opts + "BinaryName = '/usr/bin/crun'\n", nil, "makes /usr/bin/crun the program", "-"},
		"no such shim":        {runc + "runtime_type = 'io.containerd.runc.v3'\n", nil, "whose shim containerd-shim-runc-v3 is not there", "runtime_type = \"io.containerd.runc.v2\""},
		"no such shim's path": {runc + "runtime_type = 'io.containerd.runc.v2'\nruntime_path = '/opt/shim'\n", nil, "sets runtime_path to /opt/shim", "-"},
		"no such base":        {runc + "runtime_type = 'io.containerd.runc.v2'\nbase_runtime_spec = '/etc/containerd/base.json'\n", nil, "names /etc/containerd/base.json", ""},
		"no such folder":      {run + ".cni]\nconf_dir = '/etc/cni/conf.d'\n", nil, "/etc/cni/conf.d: it holds no configuration", "-"},
		"no such programs":    {run + ".cni]\nbin_dirs = ['/opt/cni']\n", nil, "/opt/cni: it holds no plugin", "-"},
	} {
		s := faulttest.New(t, faulttest.File("/etc/containerd/config.toml", op.File{Data: []byte(tc.text), Mode: 0o644})).Snapshot()
		if tc.change != nil {
			tc.change(s)
		}
		found := detect(s)
		got := ""
		if len(found) == 1 {
			got = found[0].Summary
		}
		if len(found) > 1 || (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
			continue
		}
		if len(found) == 0 {
			continue
		}
		plan, err := remedy(s, found[0])
		if (err != nil) != (tc.mended == "") {
			t.Errorf("%s: %v, %v", name, plan, err)
		} else if err == nil {
			w := plan[0].(op.WriteFile)
			if has := strings.Contains(string(w.Data), tc.mended+"\n"); tc.mended != "-" && !has || string(w.Data) == tc.text {
				t.Errorf("%s: %q", name, w.Data)
			}
		}
	}
}
