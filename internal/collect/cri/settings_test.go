package cri

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

func TestSettingsOfContainerd(t *testing.T) {
	e := node(t, "testdata/settings.txtar")
	c := readSettings(e, "/etc/containerd/v2.toml", snapshot.Process{Name: "containerd", PID: 7})
	var files []string
	for _, f := range c.Files {
		files = append(files, fmt.Sprintf("%s v%d %s %d", strings.TrimPrefix(f.Path, "/etc/containerd/"), f.Version, f.From, f.ErrorLine))
	}
	if want := []string{"v2.toml v2  0", "conf.d/10.toml v3 /etc/containerd/v2.toml:3 0", "conf.d/20.toml v0 /etc/containerd/v2.toml:3 2", "gone.toml v0 /etc/containerd/v2.toml:3 0"}; !reflect.DeepEqual(files, want) {
		t.Errorf("files: got %q", files)
	}
	for key, want := range map[string]string{
		"root": "/data/c@4:0", "disabled_plugins": "io.containerd.internal.v1.opt,io.containerd.nri.v1.nri@2", "server.v1.grpc/address": "/run/c2.sock@9",
		"images/snapshotter": "overlayfs@4", "pinned_images/sandbox": "pause:2@12", "grpc.v1.cri/stream_server_port": "10010@14",
		"runc/options/BinaryName": "/usr/local/bin/not-runc@24", "registry/config_path": "/etc/containerd/certs.d@6",
	} {
		want, _, _ = strings.Cut(want, ":0")
		s, ok := c.Setting(key)
		if got := fmt.Sprintf("%s@%d", s.Value, s.Line); !ok || got != strings.Replace(want, "@4", fmt.Sprintf("@%d", s.Line), 1) {
			t.Errorf("%s: got %s, want %s", key, got, want)
		}
	}
	if s, _ := c.Setting("images/snapshotter"); s.Path != "/etc/containerd/conf.d/10.toml" || !reflect.DeepEqual(s.Before, []string{"/etc/containerd/v2.toml:16=native"}) {
		t.Errorf("snapshotter: got %+v", s)
	}
	if len(c.Unknown) != 1 || !strings.HasSuffix(c.Unknown[0].Key, "enable_selinx") || c.Unknown[0].Line != 13 {
		t.Errorf("unknown: got %+v", c.Unknown)
	}
	var handlers []string
	for _, h := range c.Handlers {
		handlers = append(handlers, fmt.Sprintf("%s %s %s %s %d", h.Name, h.Program, h.Shim, h.SystemdCgroup, h.Line))
	}
	if want := []string{"kata  /opt/kata/shim  19", "runc /usr/local/bin/not-runc containerd-shim-runc-v2 yes 22"}; !reflect.DeepEqual(handlers, want) {
		t.Errorf("handlers: got %q", handlers)
	}
	if b := c.Handlers[1].Binary; b == nil || b.Script != "/bin/sh" {
		t.Errorf("program: got %+v", b)
	}
	if b := c.Handlers[0].ShimBinary; b == nil || b.Error != "not found" {
		t.Errorf("shim: got %+v", b)
	}
	if c.Root != "/data/c" || c.State != "/run/containerd" || c.Address != "/run/c2.sock" || c.DefaultHandler != "kata" {
		t.Errorf("got %+v", c)
	}
	if len(c.Proxies) != 1 || c.Proxies[0].Exists || c.Proxies[0].Type != "snapshot" {
		t.Errorf("proxies: got %+v", c.Proxies)
	}
	var hosts []string
	for _, h := range c.Registry.Hosts {
		hosts = append(hosts, fmt.Sprintf("%s %s%s %v %v %v %v %d", h.Registry, h.Server, h.Mirror, h.SkipVerify, h.Capabilities, h.CA, h.Login, h.Line))
	}
	want := []string{"docker.io https://evil.example false [] [] false 27", "docker.io https://registry-1.docker.io false [] [] false 27",
		"reg.example:5000 reg.example:5000 false [] [] true 29", "reg.example:5000 reg.example:5000 false [] [] true 30",
		"docker.io http://10.0.0.9:5000 true [pull resolve] [/etc/ca.pem] true 4", "docker.io https://registry-1.docker.io false [] [] false 1"}
	if !reflect.DeepEqual(hosts, want) {
		t.Errorf("hosts: got\n%s", strings.Join(hosts, "\n"))
	}
	if raw, _ := json.Marshal(c); strings.Contains(string(raw), "hunter2") || strings.Contains(string(raw), "aHVudGVy") {
		t.Error("a password is kept")
	}
}

func TestSettingsOfTheFirstLayout(t *testing.T) {
	e := node(t, "testdata/settings.txtar")
	c := readSettings(e, "/etc/containerd/v1.toml", snapshot.Process{})
	if c.Version != 1 || c.Sandbox != "pause:1" || !reflect.DeepEqual(c.Disabled, []string{"cri"}) || c.Handlers[0].Program != "runc" {
		t.Errorf("got %+v", c)
	}
}

func TestSettingsOfCRIO(t *testing.T) {
	e := node(t, "testdata/settings.txtar")
	c := readSettings(e, "/etc/crio/crio.conf", snapshot.Process{Name: "crio"})
	if c.Sandbox != "evil/pause:3" || c.Root != "/data/crio" || c.Address != "/run/crio/crio.sock" || len(c.Handlers) != 1 || c.Handlers[0].SystemdCgroup != "yes" || c.Policy == nil {
		t.Errorf("got %+v", c)
	}
	var hosts []string
	for _, h := range c.Registry.Hosts {
		hosts = append(hosts, fmt.Sprintf("%s %s %s %v %v %d", h.Registry, h.Server, h.Mirror, h.SkipVerify, h.Blocked, h.Line))
	}
	if want := []string{"docker.io mirror.example  true false 3", "docker.io  evil.example/x false false 7", "quay.io quay.io  false true 9"}; !reflect.DeepEqual(hosts, want) {
		t.Errorf("hosts: got %q", hosts)
	}
	if c := readSettings(source.New(t.TempDir(), false), containerdConfig, snapshot.Process{}); c != nil {
		t.Errorf("nothing there: got %+v", c)
	}
}

func TestKeyLines(t *testing.T) {
	const text = `a = """
[no]
b = 1
""" # c
'q.r'."s t" = [ "x", # ]
  "]",
]
[t.'u.v']
k = {m = 1, n = "}"}
z = 'it\'
[[l]]
[[l]]
k=2
`
	all, line, err := ParseSettings([]byte(text))
	if err != nil || line != 0 {
		t.Fatal(line, err)
	}
	var got []string
	for _, s := range all {
		got = append(got, fmt.Sprintf("%s=%q@%d", strings.Join(s.key, "/"), s.text, s.line))
	}
	want := []string{`a="[no]\nb = 1\n"@1`, `q.r/s t="x,]"@5`, `t/u.v/k/m="1"@9`, `t/u.v/k/n="}"@9`, `t/u.v/z="it\\"@10`, `l/0="{}"@11`, `l/1/k="2"@13`}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

func TestEndpointsOffline(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "/etc/crictl.yaml", "runtime-endpoint: unix:///run/crio/crio.sock\n", 0o644)
	write(t, dir, "/run/containerd/containerd.sock", "", 0o600)
	got := endpoints(source.New(dir, false), &snapshot.Kubelet{Endpoint: "unix:///var/run/containerd/containerd.sock"}, "/run/c2.sock", nil)
	var lines []string
	for _, x := range got {
		lines = append(lines, fmt.Sprintf("%s %v %v %v", x.Path, x.From, x.Exists, x.Socket))
	}
	want := []string{"/var/run/containerd/containerd.sock [kubelet default] false false", "/run/c2.sock [config] false false", "/run/crio/crio.sock [crictl] false false"}
	if !reflect.DeepEqual(lines, want) {
		t.Errorf("got %q", lines)
	}
}

func FuzzSettings(f *testing.F) {
	f.Add([]byte("a = \"\"\"\n[x]\n\"\"\"\n[t.'u.v']\nk = {m = [1, 2]}\n[[l]]\n[[l.m]]\nx='y'\n"))
	f.Add([]byte("server = \"https://a\"\n[host.\"http://b\"]\ncapabilities = [\"pull\"]\nca = [[\"a\"]]\n[[registry]]\nprefix = \"x\"\n[[registry.mirror]]\nlocation = \"y\""))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, _, _ := ParseSettings(data)
		m := &merger{source.New("/nonexistent", false), &snapshot.RuntimeConfig{}, map[string]int{}}
		for _, s := range all {
			if len(s.key) == 0 {
				continue
			}
			s.key = canonical(s.key, versionOf(all))
			known(s.key)
			m.put("x", s, true)
		}
		m.conclude(snapshot.Process{})
		_, _ = ParseHosts("/a/b/hosts.toml", data)
		_, _ = ParseRegistries("x", data)
		ParseCrictl(data)
	})
}

// TestPadded: a configuration longer than what is kept of it is read all the
// same.
func TestPadded(t *testing.T) {
	e := source.New(t.TempDir(), false)
	write(t, e.Root, containerdConfig, strings.Repeat("# padding\n", source.DefaultText/8)+"version = 3\nstate = '/run/x'\n[plugins.'io.containerd.cri.v1.runtime'.cni]\nconf_dir = '/etc/cni/x'\n", 0o644)
	var r snapshot.Runtime
	readConfig(e, &r, snapshot.Process{})
	c := readSettings(e, containerdConfig, snapshot.Process{})
	if r.ConfigErr != "" || r.CNIConfDir != "/etc/cni/x" || c.State != "/run/x" || !r.Config.Truncated || len(r.Config.Content) > source.DefaultText {
		t.Errorf("%q %q %q, %d bytes kept", r.ConfigErr, r.CNIConfDir, c.State, len(r.Config.Content))
	}
}
