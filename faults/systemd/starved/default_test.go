package starved

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

const conf = "/etc/systemd/system.conf"

// inherits is a node whose kubelet and containerd set what own says, below
// the lines of a system.conf.
func inherits(lines, own string) *snapshot.Snapshot {
	x := &snapshot.Systemd{DefaultTexts: []snapshot.Text{text("[Manager]\n" + lines)}}
	for i, l := range strings.Split(strings.TrimSpace(lines), "\n") {
		key, value, _ := strings.Cut(l, "=")
		x.Defaults = append(x.Defaults, snapshot.Setting{Section: "Manager", Key: key, Value: value, Source: conf, Line: i + 2})
	}
	for _, name := range []string{"containerd.service", "kubelet.service"} {
		u := snapshot.Unit{Name: name, Path: "/usr/lib/systemd/system/" + name, Active: "active"}
		if key, value, ok := strings.Cut(own, "="); ok {
			u.Settings = []snapshot.Setting{{Section: "Service", Key: key, Value: value, Source: u.Path, Line: 9}}
		}
		x.Units = append(x.Units, u)
	}
	return &snapshot.Snapshot{Systemd: x, Runtime: &snapshot.Runtime{Socket: "/run/containerd/containerd.sock"}}
}

func text(content string) snapshot.Text {
	return snapshot.Text{Path: conf, Content: content, Mode: 0o644, Size: int64(len(content)), SHA256: op.File{Data: []byte(content)}.Sum()}
}

func TestDefaults(t *testing.T) {
	for name, tt := range map[string]struct {
		lines, own string
		want       bool
	}{
		"nothing is set":           {"LogLevel=info", "", false},
		"systemd's own":            {"DefaultLimitNOFILE=1024:524288", "", false},
		"room":                     {"DefaultLimitNOFILE=65536\nDefaultTasksMax=15%", "", false},
		"no limit":                 {"DefaultLimitNOFILE=infinity\nDefaultTasksMax=infinity", "", false},
		"core files alone":         {"DefaultLimitCORE=0", "", false},
		"files":                    {"DefaultLimitNOFILE=64", "", true},
		"the units set their own":  {"DefaultLimitNOFILE=64", "LimitNOFILE=1048576", false},
		"they set another":         {"DefaultLimitNOFILE=64", "LimitCORE=infinity", true},
		"tasks":                    {"DefaultTasksMax=8", "", true},
		"tasks, and their own":     {"DefaultTasksMax=8", "TasksMax=infinity", false},
		"processes, run as root":   {"DefaultLimitNPROC=5", "", false},
		"addresses":                {"DefaultLimitAS=90M", "", true},
		"a key of another meaning": {"DefaultLimitation=1\nDefaultTimeoutStartSec=1", "", false},
	} {
		if got := detect(inherits(tt.lines, tt.own)); len(got) > 0 != tt.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	s := inherits("DefaultLimitNOFILE=64", "")
	for i := range s.Systemd.Units {
		s.Systemd.Units[i].Effective = []snapshot.Property{{Name: "LimitNOFILE", Value: "524288", Setting: "64", Source: conf, Line: 2, Differs: true}}
	}
	if got := detect(s); len(got) > 0 {
		t.Errorf("the manager has not taken it: %+v", got)
	}
	s.Systemd.Defaults[0].Replaced, s.Systemd.Units[0].Effective, s.Systemd.Units[1].Effective = true, nil, nil
	if got := detect(s); len(got) > 0 {
		t.Errorf("a later line replaces it: %+v", got)
	}
}

// One line holds two services back: one finding, one change, both restarted.
func TestLift(t *testing.T) {
	s := inherits("LogLevel=info\nDefaultLimitNOFILE=64\nDefaultTasksMax=9", "")
	got := detect(s)
	if len(got) != 1 || got[0].Subject.Name != conf || !strings.Contains(got[0].Summary, "DefaultLimitNOFILE=64 in /etc/systemd/system.conf:3 holds containerd, kubelet back") {
		t.Fatalf("findings %+v", got)
	}
	plan, err := Fault.Remedy(s, got[0])
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, o := range plan {
		kinds = append(kinds, o.Kind())
		if w, ok := o.(op.WriteFile); ok && string(w.Data) != "[Manager]\nLogLevel=info\n" {
			t.Errorf("writes %q", w.Data)
		}
	}
	if strings.Join(kinds, " ") != "reload-units write-file reload-units unit unit" {
		t.Errorf("plan %v", kinds)
	}
	s.Systemd.DefaultTexts = nil
	if _, err := Fault.Remedy(s, got[0]); err == nil {
		t.Error("changes a file that was not read")
	}
}

func TestServers(t *testing.T) {
	low := []snapshot.Setting{{Section: "Service", Key: "LimitNOFILE", Value: "40", Source: "/etc/systemd/system/x.d/a.conf", Line: 2}}
	for name, tt := range map[string]struct {
		u    snapshot.Unit
		want bool
	}{
		"k3s":               {snapshot.Unit{Name: "k3s.service", Path: "/p", Active: "activating", WantedBy: []string{"/w"}, Settings: low}, true},
		"etcd":              {snapshot.Unit{Name: "etcd.service", Path: "/p", Active: "active", Settings: low}, true},
		"rke2, not read":    {snapshot.Unit{Name: "rke2-agent.service", Path: "/p", WantedBy: []string{"/w"}, Settings: low}, true},
		"left behind":       {snapshot.Unit{Name: "etcd.service", Path: "/p", Active: "inactive", Settings: low}, false},
		"masked":            {snapshot.Unit{Name: "k3s.service", Path: "/p", Masked: true, WantedBy: []string{"/w"}, Settings: low}, false},
		"no limit":          {snapshot.Unit{Name: "k3s.service", Path: "/p", Active: "active"}, false},
		"another's service": {snapshot.Unit{Name: "nginx.service", Path: "/p", Active: "active", Settings: low}, false},
	} {
		got := detect(&snapshot.Snapshot{Systemd: &snapshot.Systemd{Units: []snapshot.Unit{tt.u}}})
		if len(got) > 0 != tt.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A program that has raised its limit is not held by what its unit says.
func TestRaisedItself(t *testing.T) {
	u := snapshot.Unit{Name: "kubelet.service", Settings: []snapshot.Setting{{Section: "Service", Key: "LimitNOFILE", Value: "1024", Source: "/d", Line: 2}}}
	for want, soft := range map[bool]string{true: "1024", false: "1000000"} {
		s := &snapshot.Snapshot{Activity: &snapshot.Activity{List: []snapshot.Behaviour{{Name: "kubelet", Files: 1020, Limits: []snapshot.ResourceLimit{{Name: "Max open files", Soft: soft}}}}}}
		if got := harms(s, u); len(got) > 0 != want {
			t.Errorf("soft %s: %+v", soft, got)
		}
	}
}
