package fault

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func render(p op.Plan) string {
	var out []string
	for _, o := range p {
		s := o.Kind() + " " + o.String()
		if w, ok := o.(op.WriteFile); ok {
			s = "write " + w.Path + " " + strings.ReplaceAll(string(w.Data), "\n", "|")
		}
		if r, ok := o.(op.RemoveFile); ok {
			s = "remove " + r.Path
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func TestUprootAll(t *testing.T) {
	table := text("/etc/crontab", "one\ntwo\nthree\n")
	other := text("/etc/anacrontab", "1\n2\n")
	dropIn := text("/etc/systemd/system/x.service.d/a.conf", "[Service]\nExecStartPost=/a \\\n b\nNice=1\n")
	unit := text("/etc/systemd/system/y.service", "[Service]\n")
	link := snapshot.Text{Path: "/etc/systemd/system/m.wants/y.service", Link: "../y.service"}
	for _, tc := range []struct {
		name string
		list []snapshot.Persistent
		want string
	}{
		{"two lines of a package's table", []snapshot.Persistent{
			{Kind: "crontab", Source: table.Path, Line: 1, Package: "cron", Files: []snapshot.Text{table}},
			{Kind: "crontab", Source: table.Path, Line: 3, Package: "cron", Files: []snapshot.Text{table}},
		}, "write /etc/crontab one|two|; write /etc/crontab two|"},
		{"two lines of a table, with another's between them", []snapshot.Persistent{
			{Kind: "crontab", Source: table.Path, Line: 1, Files: []snapshot.Text{table}},
			{Kind: "crontab", Source: other.Path, Line: 1, Files: []snapshot.Text{other}},
			{Kind: "crontab", Source: table.Path, Line: 2, Files: []snapshot.Text{table}},
		}, "write /etc/anacrontab 2|; write /etc/crontab one|three|; write /etc/crontab three|"},
		{"a continued line of a drop-in", []snapshot.Persistent{
			{Kind: "drop-in", Source: dropIn.Path, Line: 2, Unit: "x.service", Files: []snapshot.Text{dropIn}},
		}, "reload-units make systemd read its unit files again; write " + dropIn.Path + " [Service]|Nice=1|; reload-units make systemd read its unit files again"},
		{"a unit and its link", []snapshot.Persistent{
			{Kind: "service", Source: unit.Path, Line: 1, Unit: "y.service", Links: []string{link.Path}, Files: []snapshot.Text{unit, link}},
		}, "reload-units make systemd read its unit files again; unit stop y.service; remove " + link.Path + "; remove " + unit.Path + "; reload-units make systemd read its unit files again"},
		{"a timer and a path unit of one service", []snapshot.Persistent{
			{Kind: "timer", Source: "/u/a.timer", Unit: "y.service", Companions: []string{unit.Path}, Files: []snapshot.Text{text("/u/a.timer", "[Timer]\n"), unit}},
			{Kind: "path", Source: "/u/b.path", Unit: "y.service", Companions: []string{unit.Path}, Files: []snapshot.Text{text("/u/b.path", "[Path]\n"), unit}},
		}, strings.ReplaceAll("RELOAD; unit stop a.timer; unit stop y.service; remove "+unit.Path+"; remove /u/a.timer; RELOAD; RELOAD; unit stop b.path; remove /u/b.path; RELOAD", "RELOAD", "reload-units make systemd read its unit files again")},
		{"a package's unit", []snapshot.Persistent{{Kind: "service", Source: unit.Path, Package: "y", Files: []snapshot.Text{unit}}}, ""},
		{"a file that was not read whole", []snapshot.Persistent{
			{Kind: "cron-spool", Source: "/x", Line: 1, Files: []snapshot.Text{{Path: "/x", Content: "cut", SHA256: "other"}}}}, ""},
	} {
		plan, err := UprootAll(tc.list, "why")
		if (err != nil) != (tc.want == "") || render(plan) != tc.want {
			t.Errorf("%s: %v\n got %s\nwant %s", tc.name, err, render(plan), tc.want)
		}
	}
}
