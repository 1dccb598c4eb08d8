package file

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/collect/source/sourcetest"
	"github.com/klustered/klustered/snapshot"
)

func TestCollect(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{
		"usr/bin/su":                  "su",
		"usr/bin/evil":                "x",
		"usr/local/bin/.. ":           "x",
		"tmp/run":                     "x",
		"dev/null2":                   "x",
		"dev/shm/stash":               "x",
		"etc/.x":                      "x",
		"var/lib/dpkg/info/l.list":    "/usr/bin/su\n",
		"var/lib/dpkg/diversions":     "/usr/bin/kubectl\n/usr/bin/kubectl.real\n:\n/usr/share/x\n/usr/share/y\np\n",
		"var/lib/dpkg/statoverride":   "root root 0644 /usr/bin/su\n",
		"var/lib/dpkg/status":         "Package: kubelet\nStatus: hold ok installed\n\nPackage: a\nStatus: install ok installed\n\nPackage: b\nStatus: install ok half-configured\n",
		"etc/apt/preferences.d/p":     "Package: *\nPin-Priority: -1\n",
		"etc/apt/apt.conf.d/p":        "Acquire::http::Proxy \"http://x\";\nOther \"1\";\n",
		"etc/apt/trusted.gpg.d/k.gpg": "k",
		"opt/x":                       "x",
	} {
		sourcetest.File(t, dir, name, data, 0o644)
	}
	for name, mode := range map[string]os.FileMode{"usr/bin/su": 0o755 | os.ModeSetuid, "usr/bin/evil": 0o755 | os.ModeSetuid, "tmp/run": 0o755, "opt/x": 0o755 | os.ModeSetgid} {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "etc/alternatives"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/usr/bin/evil", filepath.Join(dir, "etc/alternatives/iptables")); err != nil {
		t.Fatal(err)
	}
	s := &snapshot.Snapshot{}
	if err := collect(context.Background(), source.New(dir, false), s); err != nil {
		t.Fatal(err)
	}
	x := s.Files
	var got []string
	for _, list := range [][]snapshot.Special{x.Privileged, x.Odd, x.Alternatives, x.Diversions, x.Overrides} {
		for _, f := range list {
			got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Why, f.Path, f.Target)))
		}
	}
	for _, r := range x.Sources {
		got = append(got, fmt.Sprintf("%s %s %s:%d", r.Kind, r.Text, filepath.Base(r.Source), r.Line))
	}
	slices.Sort(got)
	want := `alternative /etc/alternatives/iptables /usr/bin/evil
diversion /usr/bin/kubectl /usr/bin/kubectl.real
executable /tmp/run
hidden /etc/.x
hold b: install ok half-configured status:8
hold kubelet: hold ok installed status:2
key k.gpg k.gpg:0
name /usr/local/bin/..
option Acquire::http::Proxy "http://x"; p:1
override /usr/bin/su
pin Package: * p:1
pin Pin-Priority: -1 p:2
regular /dev/null2
setgid /opt/x
setuid /usr/bin/evil
shared-memory /dev/shm/stash`
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	if x.Granted != 1 || x.Walked == 0 {
		t.Errorf("granted %d, walked %d", x.Granted, x.Walked)
	}
}

func TestCapabilities(t *testing.T) {
	data := binary.LittleEndian.AppendUint32(nil, 3<<24|1)
	for _, v := range []uint32{1 << 13, 0, 1 << 7, 0, 1000} {
		data = binary.LittleEndian.AppendUint32(data, v)
	}
	if got := capabilities(data); got != "cap_net_raw,cap_perfmon,cap_bpf effective root uid 1000" && got != "cap_net_raw,cap_bpf effective root uid 1000" {
		t.Errorf("got %q", got)
	}
	if got := capabilities(nil); got != "malformed: 0 bytes" {
		t.Errorf("got %q", got)
	}
}

func TestParseFormat(t *testing.T) {
	f := parseFormat("enabled\ninterpreter /opt/x\nflags: OCF\noffset 0\nmagic 7f45\n")
	if !f.Enabled || f.Interpreter != "/opt/x" || f.Flags != "OCF" || f.Match != "offset 0 magic 7f45" {
		t.Errorf("got %+v", f)
	}
}

func FuzzFile(f *testing.F) {
	f.Add("a\nb\n:\nPackage: x\nStatus: hold ok installed\n")
	f.Fuzz(func(t *testing.T, data string) {
		n := strings.Count(data, "\n") + 1
		for _, h := range holds(data) {
			if h.line < 1 || h.line > n {
				t.Errorf("line %d of %d", h.line, n)
			}
		}
		parseDiversions(data)
		parseFormat(data)
		capabilities([]byte(data))
		hides(data)
	})
}
