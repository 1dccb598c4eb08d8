package configinvalid

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4)) }

func TestDetect(t *testing.T) {
	const (
		main = "/etc/containerd/config.toml"
		runc = "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]\n"
		reg  = "[plugins.'io.containerd.cri.v1.images'.registry]\nconfig_path = '/etc/containerd/certs.d'\n"
	)
	for name, tc := range map[string]struct{ text, more, want, mended string }{
		"empty":                {"", "", "", ""},
		"docker's":             {"disabled_plugins = [\"x\"]\n", "", "", ""},
		"layout 2":             {"version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\nsandbox_image = \"a:1\"\n", "", "", ""},
		"layout 4":             {"version = 4\n", "", "", ""},
		"no layout":            {"[plugins]\n", "", "", ""},
		"a glob of nothing":    {"version = 3\nimports = ['/etc/containerd/none/*.toml']\n", "", "", ""},
		"an import":            {"version = 3\nimports = ['/etc/containerd/more.toml']\n", "version = 3\n", "", ""},
		"unknown key":          {"version = 3\n" + runc + "Colour = \"red\"\n", "", "", ""},
		"registry folder":      {"version = 3\n" + reg, "", "", ""},
		"a text of digits":     {"version = 3\n[plugins.'io.containerd.cri.v1.images'.pinned_images]\nsandbox = '7'\n", "", "", ""},
		"unclosed table":       {"version = 3\n[plugins.x\n", "", main + ":2 does not parse", "[plugins.x]"},
		"unclosed quote":       {"version = 3\nroot = \"/x\nstate = \"/y\"\n", "", main + ":2 does not parse", `root = "/x"`},
		"nonsense":             {"version = 3\nthis is no line\n", "", main + ":2 does not parse", ""},
		"imported and broken":  {"version = 3\nimports = ['more.toml']\n", "version = 3\n[x\n", "/etc/containerd/more.toml:2 does not parse", "[x]"},
		"layout of tomorrow":   {"version = 6\n" + runc, "", main + ":1 has layout version 6", "version = 3"},
		"import of nothing":    {"version = 3\nimports = ['/etc/containerd/gone.toml']\n", "", main + ":2 imports /etc/containerd/gone.toml, which is not there", ""},
		"quoted boolean":       {"version = 3\n" + runc + "SystemdCgroup = \"true\"\n", "", main + ":3 gives SystemdCgroup the value \"true\"", "SystemdCgroup = true"},
		"number for text":      {"version = 3\n[plugins.'io.containerd.cri.v1.runtime'.cni]\nconf_dir = 5\n", "", main + ":3 gives conf_dir the value 5", ""},
		"two ways to a mirror": {"version = 3\n" + reg + "[plugins.'io.containerd.cri.v1.images'.registry.mirrors.'a.io']\nendpoint = ['https://m']\n", "", main + ":5 sets registry.mirrors", ""},
	} {
		opts := []faulttest.Option{faulttest.File(main, op.File{Data: []byte(tc.text), Mode: 0o644})}
		if tc.more != "" {
			opts = append(opts, faulttest.File("/etc/containerd/more.toml", op.File{Data: []byte(tc.more), Mode: 0o644}))
		}
		s := faulttest.New(t, opts...).Snapshot()
		found := detect(s)
		got := ""
		if len(found) == 1 {
			got = found[0].Summary
		}
		if len(found) > 1 || (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
			continue
		}
		if tc.mended == "" || len(found) == 0 {
			continue
		}
		plan, err := remedy(s, found[0])
		if w, ok := plan[0].(op.WriteFile); err != nil || !ok || !strings.Contains("\n"+string(w.Data), "\n"+tc.mended+"\n") {
			t.Errorf("%s: %v, %v; want %q", name, plan, err, tc.mended)
		}
	}
}
