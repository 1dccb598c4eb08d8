package systemd

import (
	"fmt"
	"strings"
	"testing"
)

func TestMerge(t *testing.T) {
	for in, want := range map[string]string{
		"[Service]\nExecStart=a\nExecStart=\nExecStart=b\nExecStop=c":               "ExecStart=b ExecStop=c",
		"[Service]\nRestart=no\nRestart=always":                                     "(Restart=no) Restart=always",
		"[Service]\nEnvironment=A=1\nEnvironment=A=2":                               "Environment=A=1 Environment=A=2",
		"[Unit]\nAfter=a\nAfter=\nAfter=b":                                          "After=a After=b",
		"[Unit]\nConditionPathExists=/a\nConditionHost=\nConditionUser=root":        "ConditionUser=root",
		"[Timer]\nOnBootSec=1\nOnCalendar=\nOnCalendar=daily\nPersistent=yes":       "OnCalendar=daily Persistent=yes",
		"[Socket]\nListenStream=1\nListenDatagram=2\nListenStream=\nListenStream=3": "ListenStream=3",
		"[Service]\nMemoryMax=1G\nMemoryMax=":                                       "",
		"[Service]\nA=1\n[Unit]\nA=\n":                                              "A=1",
	} {
		var got []string
		for _, s := range merge(parseUnit([]byte(in), "f")) {
			x := s.Key + "=" + s.Value
			if s.Replaced {
				x = "(" + x + ")"
			}
			got = append(got, x)
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%q: %s, want %s", in, text, want)
		}
	}
}

func TestDropInsOfStrongerFolders(t *testing.T) {
	e := planted(t, map[string]string{
		"/usr/lib/systemd/system/a-b.service":                      "[Service]\nNice=1\n",
		"/usr/lib/systemd/system/a-b.service.d/10.conf":            "[Service]\nNice=2\n",
		"/etc/systemd/system/a-.service.d/10.conf":                 "[Service]\nNice=3\n",
		"/run/systemd/system.control/a-b.service.d/20.conf":        "[Service]\nNice=4\n",
		"/etc/systemd/system/service.d/20.conf":                    "[Service]\nNice=5\n",
		"/etc/systemd/system/other.service.d/30.conf":              "[Service]\nNice=6\n",
		"/run/systemd/transient/run-x.service":                     "[Service]\nExecStart=/bin/x\n",
		"/etc/systemd/system/other.service@":                       "/usr/lib/systemd/system/a-b.service",
		"/usr/lib/systemd/system/t@.service":                       "[Service]\nNice=7\n",
		"/etc/systemd/system/t@.service.d/x.conf":                  "[Service]\nNice=8\n",
		"/etc/systemd/system/multi-user.target.wants/t@1.service@": "/usr/lib/systemd/system/t@.service",
	})
	tr := index(e)
	u := tr.unit("a-b.service")
	if got := fmt.Sprint(u.DropIns, u.Aliases); got != "[/etc/systemd/system/a-.service.d/10.conf /run/systemd/system.control/a-b.service.d/20.conf /etc/systemd/system/other.service.d/30.conf] [other.service]" {
		t.Errorf("got %s", got)
	}
	if s, _ := u.Last("Service", "Nice"); s.Value != "6" || s.Line != 2 {
		t.Errorf("got %+v", s)
	}
	if u := tr.unit("run-x.service"); u.Path != "/run/systemd/transient/run-x.service" {
		t.Errorf("got %+v", u)
	}
	i := tr.unit("t@1.service")
	if i.Template != "t@.service" || len(i.Settings) != 3 || len(i.WantedBy) != 1 {
		t.Errorf("got %+v", i)
	}
}
