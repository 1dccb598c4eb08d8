package fault

import (
	"fmt"
	"testing"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func text(path, content string) snapshot.Text {
	return snapshot.Text{Path: path, Mode: 0o644, Content: content, SHA256: op.File{Data: []byte(content)}.Sum()}
}

func TestUproot(t *testing.T) {
	for name, tc := range map[string]struct {
		p    snapshot.Persistent
		want string // the plan, or ""
	}{
		"a file of its own": {
			snapshot.Persistent{Kind: "cron.d", Source: "/etc/cron.d/x", Line: 2, Files: []snapshot.Text{text("/etc/cron.d/x", "PATH=/bin\n* * * * * root y\n# end\n")}},
			"[remove /etc/cron.d/x: why]",
		},
		"one line of several": {
			snapshot.Persistent{Kind: "cron-spool", Source: "/var/spool/cron/crontabs/root", Line: 1, Files: []snapshot.Text{text("/var/spool/cron/crontabs/root", "* * * * * y\n0 1 * * * backup\n")}},
			"[replace /var/spool/cron/crontabs/root: without line 1, why]",
		},
		"a timer": {
			snapshot.Persistent{
				Kind: "timer", Source: "/etc/systemd/system/x.timer", Unit: "x.service", Links: []string{"/l/x.timer"}, Companions: []string{"/etc/systemd/system/x.service"},
				Files: []snapshot.Text{text("/etc/systemd/system/x.timer", "t"), text("/etc/systemd/system/x.service", "s"), {Path: "/l/x.timer", Link: "../x.timer"}},
			},
			"[make systemd read its unit files again stop x.timer stop x.service remove /l/x.timer: why remove /etc/systemd/system/x.service: why remove /etc/systemd/system/x.timer: why make systemd read its unit files again]",
		},
		"a package's": {snapshot.Persistent{Kind: "cron.d", Source: "/etc/cron.d/x", Package: "cron"}, ""},
		"not read":    {snapshot.Persistent{Kind: "cron.d", Source: "/etc/cron.d/x"}, ""},
		"not whole": {
			snapshot.Persistent{Kind: "crontab", Source: "/etc/crontab", Line: 1, Files: []snapshot.Text{{Path: "/etc/crontab", Content: "a\nb\n", SHA256: "00"}}},
			"",
		},
	} {
		plan, err := Uproot(tc.p, "why")
		if got := fmt.Sprint(plan); (err == nil) != (tc.want != "") || err == nil && got != tc.want {
			t.Errorf("%s: plan %s, %v; want %s", name, got, err, tc.want)
		}
	}
}
