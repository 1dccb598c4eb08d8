package kernel

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"golang.org/x/tools/txtar"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/collect/source/sourcetest"
	"github.com/klustered/klustered/snapshot"
)

func root(t *testing.T) *source.Env {
	t.Helper()
	a, err := txtar.ParseFile("testdata/node.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range a.Files {
		sourcetest.File(t, dir, f.Name, string(f.Data), 0o644)
	}
	return source.New(dir, false)
}

func TestKernel(t *testing.T) {
	s := &snapshot.Snapshot{}
	if err := collect(context.Background(), root(t), s); err != nil {
		t.Fatal(err)
	}
	k := s.Kernel
	var got []string
	for _, x := range k.Taints {
		got = append(got, fmt.Sprintf("taint %d%s", x.Bit, x.Letter))
	}
	for _, x := range k.Boot {
		got = append(got, fmt.Sprintf("boot %s:%d %s %q missing %q extra %q", x.File, x.Line, x.Kernel, x.Args, x.Missing, x.Extra))
	}
	for _, x := range k.Invoked {
		script := "-"
		if x.Program != nil {
			script = x.Program.Script
		}
		got = append(got, fmt.Sprintf("%s %s %q %v %q %q", x.What, x.Source, x.Value, x.Enabled, script, x.Detail))
	}
	for _, x := range k.LSM.Files {
		got = append(got, fmt.Sprintf("profile %s:%d %q %q %q", x.File, x.Line, x.Name, x.Attach, x.Flags))
	}
	got = append(got, fmt.Sprintf("%q %s", k.LSM.Disabled, k.LSM.SEConfig.Value))
	want := []string{
		"taint 0P", "taint 9W", "taint 12O",
		`boot /boot/grub/grub.cfg:2 /boot/vmlinuz-6.1.0 "root=/dev/sda ro quiet audit=1" missing ["audit=1"] extra ["init=/odd"]`,
		`boot /etc/default/grub:2  "quiet audit=1" missing ["audit=1"] extra []`,
		`core /proc/sys/kernel/core_pattern "|/usr/lib/odd %P %u" true "/bin/sh" ""`,
		`modprobe /proc/sys/kernel/modprobe "/sbin/modprobe" true "" ""`,
		`release /sys/fs/cgroup/cpu/release_agent "/tmp/agent" true "" ""`,
		`binfmt /proc/sys/fs/binfmt_misc/odd "/opt/odd" true "" "flags: OC; offset 0; magic 7f454c46"`,
		`profile /etc/apparmor.d/odd:3 "/usr/bin/kubelet" "/usr/bin/kubelet" "complain"`,
		`profile /etc/apparmor.d/odd:6 "runc" "/usr/sbin/runc" ""`,
		`profile /etc/apparmor.d/odd:10 "a b" "" "attach_disconnected,mediate_deleted"`,
		`["/etc/apparmor.d/disable/usr.bin.x"] permissive`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

func TestClock(t *testing.T) {
	s := &snapshot.Snapshot{}
	if err := collectClock(context.Background(), root(t), s); err != nil {
		t.Fatal(err)
	}
	if c := s.Clock; c.RTCZone != "LOCAL" || len(c.Keepers) != 1 || c.Keepers[0].Config != "/etc/chrony/chrony.conf" || len(c.Files) != 1 || c.Asked {
		t.Errorf("%+v", c)
	}
	c := &snapshot.Clock{}
	adjusted(c, 5, unix.Timex{Status: unix.STA_UNSYNC | unix.STA_NANO, Offset: 5000, Maxerror: 16000000, Freq: 65536})
	if c.Synced || c.State != "error" || c.OffsetUs != 5 || c.FrequencyPP != 1 || !slices.Equal(c.Status, []string{"STA_UNSYNC", "STA_NANO"}) {
		t.Errorf("%+v", c)
	}
	if err := collectClock(context.Background(), source.New("/", true), s); err != nil || !s.Clock.Asked {
		t.Errorf("%v %+v", err, s.Clock)
	}
}

// TestAutomount: what is mounted only when it is looked at is not looked at.
func TestAutomount(t *testing.T) {
	if got := mountsOf([]byte("31 25 0:27 / /b rw - binfmt_misc x rw\n32 31 0:28 / /b rw - autofs x rw\n"), "binfmt_misc"); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("enabled\ninterpreter /opt/odd\nflags: OC\n\tlinux /x a=b\noptions x\nGRUB_CMDLINE_LINUX=\"a b\"\n/usr/bin/x flags=(complain) {\nname (enforce)\nSELINUX=x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		parseTaints(data)
		parseFormat(data)
		mountsOf(data, "cgroup")
		parseProfiles(data)
		parseSEConfig(data)
		parseSeccomp(data)
		parseAdjtime(data)
		for _, b := range slices.Concat(parseGrub(data, "f"), parseLoader(data, "f"), parseDefault(data, "f")) {
			if b.Line == 0 || len(b.Args) > maxRaw {
				t.Errorf("%+v", b)
			}
			difference(&b, string(data), true)
		}
		for _, p := range parseProfileHeads(data, "f") {
			if p.Line == 0 {
				t.Errorf("%+v", p)
			}
		}
	})
}
