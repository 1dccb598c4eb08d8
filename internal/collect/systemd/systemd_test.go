package systemd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	"golang.org/x/tools/txtar"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// unpack makes a root of the fixture: scripts executable, links as links.
func unpack(t *testing.T) *source.Env {
	t.Helper()
	a, err := txtar.ParseFile("testdata/node.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range a.Files {
		p := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(filepath.Dir(p), ".wants") {
			err = os.Symlink("../"+filepath.Base(p), p)
		} else {
			mode := os.FileMode(0o644)
			if strings.HasPrefix(string(f.Data), "#!") {
				mode = 0o755
			}
			err = os.WriteFile(p, f.Data, mode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/dev/null", filepath.Join(dir, "etc/systemd/system/kubelet.service")); err != nil {
		t.Fatal(err)
	}
	return source.New(dir, false)
}

func TestUnits(t *testing.T) {
	s := &snapshot.Snapshot{}
	if err := collectUnits(context.Background(), unpack(t), s); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, u := range s.Systemd.Units {
		names = append(names, u.Name)
	}
	want := []string{"idle.service", "kubelet.service", "kubepods.slice", "loop.service", "tick.timer", "tock.service", "vendor.service"}
	if !slices.Equal(names, want) {
		t.Errorf("units %q", names)
	}
	k, _ := s.Systemd.Unit("kubelet.service")
	if !k.Masked || k.Path != "/etc/systemd/system/kubelet.service" {
		t.Errorf("kubelet %+v", k)
	}
	v, _ := s.Systemd.Unit("vendor.service")
	if v.Package != "cron" || !slices.Equal(v.DropIns, []string{"/etc/systemd/system/service.d/10-all.conf", "/etc/systemd/system/vendor.service.d/20-more.conf"}) {
		t.Errorf("vendor %+v", v)
	}
	var got []string
	for _, x := range v.Settings {
		got = append(got, fmt.Sprintf("%s=%s %s:%d", x.Key, x.Value, filepath.Base(x.Source), x.Line))
	}
	if want := []string{"Restart=no vendor.service:3", "Restart=on-failure 10-all.conf:2", "ExecStart=/usr/bin/vendor --more 20-more.conf:3", "ExecStartPost=/opt/lib/apply 8:0 20-more.conf:4"}; !slices.Equal(got, want) {
		t.Errorf("settings\n got %q\nwant %q", got, want)
	}
	l, _ := s.Systemd.Unit("loop.service")
	if !slices.Equal(l.WantedBy, []string{"/etc/systemd/system/multi-user.target.wants/loop.service"}) {
		t.Errorf("wanted by %q", l.WantedBy)
	}
}

func TestPersistence(t *testing.T) {
	s := &snapshot.Snapshot{Processes: &snapshot.Processes{List: []snapshot.Process{
		{PID: 9, Args: []string{"/bin/bash", "/opt/bin/fair"}}, {PID: 10, Args: []string{"sleep", "5"}}}}}
	if err := collectPersistence(context.Background(), unpack(t), s); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range s.Persistence.Entries {
		var names []string
		for _, t := range x.Scripts {
			names = append(names, filepath.Base(t.Path))
		}
		line := fmt.Sprintf("%s %s:%d on=%v pkg=%s pids=%v files=%d %v", x.Kind, x.Source, x.Line, x.Enabled, x.Package, x.PIDs, len(x.Files), names)
		got = append(got, line)
		for _, t0 := range append(x.Scripts, x.Files...) {
			if strings.Contains(t0.Content, "hunter2") || t0.SHA256 == "" {
				t.Errorf("%s: %q", t0.Path, t0.Content)
			}
		}
	}
	want := strings.TrimSpace(`
crontab /etc/crontab:2 on=true pkg=cron pids=[] files=1 []
cron.d /etc/cron.d/odd.name:1 on=false pkg= pids=[] files=1 []
cron.d /etc/cron.d/tuner:4 on=true pkg= pids=[9] files=1 [fair common.sh apply]
cron.d /etc/cron.d/tuner:5 on=true pkg= pids=[] files=1 [common.sh]
cron.d /etc/cron.d/vendor:1 on=true pkg=cron pids=[] files=1 []
cron-spool /var/spool/cron/crontabs/root:2 on=true pkg= pids=[9] files=1 [fair common.sh apply]
cron-dir /etc/cron.hourly/local:0 on=true pkg= pids=[9] files=1 [local fair common.sh apply]
cron-dir /etc/cron.daily/vendor:0 on=true pkg=cron pids=[] files=1 []
at /var/spool/cron/atjobs/a0000101b6d3c5:9 on=true pkg= pids=[9] files=1 [a0000101b6d3c5 fair common.sh apply]
timer /etc/systemd/system/tick.timer:2 on=true pkg= pids=[9] files=3 [fair common.sh apply]
service /etc/systemd/system/idle.service:2 on=false pkg= pids=[] files=1 []
service /etc/systemd/system/loop.service:7 on=true pkg= pids=[] files=2 [apply]
setting /etc/systemd/system.control/kubepods.slice.d/50-IOWriteBandwidthMax.conf:2 on=true pkg= pids=[] files=1 []
drop-in /etc/systemd/system/vendor.service.d/20-more.conf:3 on=false pkg= pids=[] files=1 [apply]
rc.local /etc/rc.local:0 on=true pkg= pids=[] files=1 [rc.local apply]
profile /root/.bashrc:0 on=true pkg= pids=[] files=1 [.bashrc common.sh]
udev /etc/udev/rules.d/99-x.rules:2 on=true pkg= pids=[] files=1 [apply]`)
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

// What an entry copies over files that matter is read, unless it is large, no
// text, of the kernel, or the entry a package's; and without what is secret.
func TestCopied(t *testing.T) {
	e := source.New(t.TempDir(), false)
	for name, text := range map[string]string{"srv/a.yaml": "a: b", "srv/b.yaml": "password: hunter22", "srv/c.yaml": "\x7fELF\x00", "srv/d": "d", "srv/e.yaml": strings.Repeat("x", maxScript+1),
		"etc/shadow": "root:x", "proc/kmsg": "x"} {
		file := filepath.Join(e.Root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/shadow", filepath.Join(e.Root, "srv/link")); err != nil {
		t.Fatal(err)
	}
	p := &persistence{env: e}
	job := snapshot.Persistent{Kind: "cron.d", Enabled: true}
	for command, want := range map[string]string{
		"cp /srv/*.yaml /etc/kubernetes/manifests":                "/srv/a.yaml /srv/b.yaml",
		"cat /srv/d > /var/lib/kubelet/config.yaml":               "/srv/d",
		"cp d /etc/hosts; cp /srv /etc/hosts; cp /x /etc/hosts":   "",
		"cp /etc/shadow /etc/hosts; cp /srv/link /etc/hosts":      "",
		"cp /etc/shadow /root/backup; cp /srv/d /srv/f":           "",
		"cp /s*/d /etc/hosts; dd if=/proc/kmsg of=/etc/hosts":     "",
		"cp srv/d /etc/hosts; cp /srv/e.yaml /etc/systemd/x.yaml": "",
	} {
		var got []string
		x := job
		x.Command = command
		for _, t0 := range p.copied(x) {
			got = append(got, t0.Path)
			if strings.Contains(t0.Content, "hunter22") {
				t.Errorf("%s: %s", command, t0.Content)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", command, got, want)
		}
	}
	job.Scripts = []snapshot.Text{{Content: "#!/bin/sh\ncp /srv/d /etc/hosts\n"}}
	if got := p.copied(job); len(got) != 1 {
		t.Errorf("by a script: %+v", got)
	}
	for name, change := range map[string]func(*snapshot.Persistent){
		"of a package": func(x *snapshot.Persistent) { x.Package = "tool" },
		"of a user":    func(x *snapshot.Persistent) { x.User = "bob" },
		"of a login":   func(x *snapshot.Persistent) { x.Kind = "profile" },
		"not enabled":  func(x *snapshot.Persistent) { x.Enabled = false },
	} {
		x := job
		change(&x)
		if got := p.copied(x); got != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestParseCrontab(t *testing.T) {
	for _, tc := range []struct {
		line   string
		system bool
		want   job
	}{
		{"*/5 0-6,8 1 jan Mon root  a  b", true, job{schedule: "*/5 0-6,8 1 jan Mon", user: "root", command: "a  b"}},
		{"@daily x y", false, job{schedule: "@daily", command: "x y"}},
		{"1 2 3 4 5 date +\\%F % in", false, job{schedule: "1 2 3 4 5", command: "date +\\%F"}},
		{"1 2 3 4 5", false, job{}},
		{"! 2 3 4 5 x", false, job{}},
		{"# 2 3 4 5 x", false, job{}},
		{" A = b", false, job{}},
	} {
		got := parseCrontab([]byte(tc.line+"\n"), tc.system)
		switch {
		case tc.want.command == "" && len(got) > 0:
			t.Errorf("%q: %+v", tc.line, got)
		case tc.want.command == "":
		case len(got) != 1 || got[0].schedule != tc.want.schedule || got[0].user != tc.want.user || got[0].command != tc.want.command || got[0].line != 1:
			t.Errorf("%q: %+v", tc.line, got)
		}
	}
}

func TestSplit(t *testing.T) {
	got := fmt.Sprintf("%q", split("a=1 b 'c d' \"e \\\" f\" # note\nx|y>/z; $(in ner) ${V}/p \\\n more `q`"))
	want := `[["a=1" "b" "c d" "e \" f"] ["x"] ["y" "/z"] ["in" "ner"] ["${V}/p" "more"] ["q"]]`
	if got != want {
		t.Errorf("got %s", got)
	}
	if got := expand("${A}/$B-$C$", map[string]string{"A": "x", "B": "y"}); got != "x/y-$C$" {
		t.Errorf("expand %q", got)
	}
}

func TestHostileTextCostsLittle(t *testing.T) {
	vars := map[string]string{"A": "x"}
	for range 200 {
		vars["A"] = expand("$A$A$A", vars)
	}
	if n := len(vars["A"]); n > 2*maxGrowth {
		t.Errorf("a variable grew to %d bytes", n)
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "etc/cron.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "etc/cron.d/many"), []byte(strings.Repeat("* * * * * root x\n", maxEntries+5)), 0o644); err != nil {
		t.Fatal(err)
	}
	e, s := source.New(dir, false), &snapshot.Snapshot{}
	if err := collectPersistence(context.Background(), e, s); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Persistence.Entries); n != maxEntries || len(e.Gaps()) != 1 || !strings.HasPrefix(e.Gaps()[0].Reason, "5 more") {
		t.Errorf("%d entries, gaps %v", n, e.Gaps())
	}
}

func TestSettingsHoldNoSecret(t *testing.T) {
	e := unpack(t)
	if err := os.WriteFile(filepath.Join(e.Root, "etc/systemd/system/agent.service"), []byte("[Service]\nEnvironment=K3S_TOKEN=K10abcdef::server:0123\nExecStart=/opt/agent --token abcdef.0123456789abcdef\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := &snapshot.Snapshot{}
	if err := collectUnits(context.Background(), e, s); err != nil {
		t.Fatal(err)
	}
	u, _ := s.Systemd.Unit("agent.service")
	if text := fmt.Sprint(u.Settings); strings.Contains(text, "K10abcdef") || strings.Contains(text, "abcdef.0123") || !strings.Contains(text, "/opt/agent --token ") {
		t.Errorf("got %s", text)
	}
}

func TestDropInDirs(t *testing.T) {
	want := []string{"a-b@c.service.d", "a-b@.service.d", "a-.service.d", "service.d"}
	if got := dropInDirs("a-b@c.service"); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestUnitOf(t *testing.T) {
	for data, want := range map[string]string{
		"4:blkio:/x.service\n1:name=systemd:/system.slice/cron.service\n0::/y.service\n": "cron.service",
		"0::/system.slice/a.service/sub\n":                                               "a.service",
		"0::/user.slice\n":                                                               "",
	} {
		if got := unitOf([]byte(data)); got != want {
			t.Errorf("%q: %q", data, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("[Service]\nExecStart=/bin/x \\\n y\n")
	f.Add("PATH=/x\n* * * * * root a % b\n")
	f.Add("a \"b $(c ${D} `e` \\")
	f.Fuzz(func(t *testing.T, text string) {
		data := []byte(text)
		n := strings.Count(text, "\n") + 1
		for _, s := range merge(parseUnit(data, "f")) {
			if s.Line < 1 || s.Line > n {
				t.Errorf("line %d of %d", s.Line, n)
			}
		}
		for _, j := range parseCrontab(data, true) {
			if j.line < 1 || j.line > n || j.command == "" {
				t.Errorf("%+v", j)
			}
		}
		for _, words := range split(text) {
			for _, w := range words {
				expand(w, map[string]string{"A": "$A"})
			}
		}
		parseAt(data)
		parseUdev(text)
		unitOf(data)
		dropInDirs(text)
	})
}

// busy is a manager that lists units and never comes to say more, but of one.
type busy struct{ asked []string }

func (b *busy) ListUnitsByNamesContext(_ context.Context, names []string) ([]dbus.UnitStatus, error) {
	var out []dbus.UnitStatus
	for _, n := range names {
		st := dbus.UnitStatus{Name: n, LoadState: "loaded", ActiveState: "inactive", SubState: "dead"}
		switch n {
		case "broken.service":
			st.ActiveState = "failed"
		case "crio.service", "cri-docker.service", "docker.service":
			st.LoadState = "not-found"
		}
		out = append(out, st)
	}
	return out, nil
}

func (b *busy) GetAllPropertiesContext(ctx context.Context, name string) (map[string]any, error) {
	if b.asked = append(b.asked, name); name == "kubelet.service" {
		return map[string]any{"LoadState": "loaded", "ActiveState": "active", "MainPID": uint32(7)}, nil
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func (b *busy) ListUnitsContext(ctx context.Context) ([]dbus.UnitStatus, error) {
	return b.ListUnitsByNamesContext(ctx, []string{"a.timer", "b.timer", "broken.service", "fine.service"})
}

func (b *busy) GetUnitTypePropertiesContext(_ context.Context, unit, _ string) (map[string]any, error) {
	if unit == "b.timer" {
		return nil, errors.New("no")
	}
	return map[string]any{"Unit": "a.service", "NextElapseUSecRealtime": uint64(5e6), "NextElapseUSecMonotonic": uint64(0), "LastTriggerUSec": uint64(3e6)}, nil
}

func (b *busy) GetManagerProperty(string) (string, error) {
	return `["LANG=C","PASSWORD=hunter2hunter2"]`, nil
}

func TestWhole(t *testing.T) {
	x := &snapshot.Systemd{}
	err := whole(context.Background(), &busy{}, x)
	if err == nil || len(x.Timers) != 2 || !x.Timers[0].Next.Equal(time.Unix(5, 0)) || !x.Timers[0].Last.Equal(time.Unix(3, 0)) || x.Timers[0].Activates != "a.service" {
		t.Errorf("%v, timers %+v", err, x.Timers)
	}
	if len(x.Ailing) != 1 || x.Ailing[0].Unit != "broken.service" {
		t.Errorf("ailing %+v", x.Ailing)
	}
	if len(x.Environment) != 2 || x.Environment[0] != "LANG=C" || strings.Contains(x.Environment[1], "hunter2") {
		t.Errorf("environment %q", x.Environment)
	}
}

func TestABusyManagerCostsLittle(t *testing.T) {
	x := &snapshot.Systemd{Units: []snapshot.Unit{{Name: "broken.service", Path: "/etc/systemd/system/broken.service"},
		{Name: "kubelet.service", Path: "/usr/lib/systemd/system/kubelet.service"}, {Name: "x.timer", Path: "/etc/systemd/system/x.timer"}}}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	m := &busy{}
	err := fill(ctx, m, x)
	if err == nil || !x.Reachable || !slices.Equal(m.asked, []string{"kubelet.service", "containerd.service"}) {
		t.Errorf("%v, reached %v, asked %q", err, x.Reachable, m.asked)
	}
	var got []string
	for _, u := range x.Units {
		got = append(got, fmt.Sprint(u.Name, " ", u.Active, " ", u.MainPID))
	}
	want := []string{"broken.service failed 0", "kubelet.service active 7", "x.timer inactive 0", "containerd.service inactive 0"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
