package systemd

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/klustered/klustered/snapshot"
)

func TestTheWholeOfSystemd(t *testing.T) {
	e := planted(t, map[string]string{
		"/etc/passwd": "root:x:0:0::/root:/bin/bash\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\nann:x:1000:1000::/home/ann:/bin/bash\n",
		"/root/.x":    "",
		"/home/ann/.config/systemd/user/tick.timer":   "[Timer]\nOnCalendar=daily\n",
		"/home/ann/.config/systemd/user/tick.service": "[Service]\nExecStart=/home/ann/x\n",
		"/run/user/0/systemd/transient/run-1.service": "[Service]\nExecStart=/tmp/x\n",
		"/etc/systemd/user/all.service":               "[Service]\nExecStart=/opt/all\n",
		"/usr/lib/systemd/user/vendor.service":        "[Service]\n",
		"/var/lib/systemd/linger/ann":                 "",
		"/etc/systemd/system.conf":                    "[Manager]\nDefaultLimitNOFILE=1024\n",
		"/run/systemd/system.conf.d/50-x.conf":        "[Manager]\nDefaultEnvironment=LD_PRELOAD=/tmp/x.so\n",
		"/usr/lib/systemd/system.conf.d/50-x.conf":    "[Manager]\nDefaultTasksMax=3\n",
		"/etc/systemd/system-generators/own":          "#!/bin/sh\n",
		"/usr/lib/systemd/system-generators/vendor":   "#!/bin/sh\n",
		"/etc/systemd/system/kubelet.service":         "[Service]\nEnvironmentFile=-/etc/default/kub*\nMemoryMax=1G\n",
		"/etc/default/kubelet":                        "A=1\nTOKEN=0123456789abcdef\n",
		"/var/lib/dpkg/info/v.list":                   "/usr/lib/systemd/user/vendor.service\n/usr/lib/systemd/system-generators/vendor\n",
	})
	s := &snapshot.Snapshot{}
	if err := collectUnits(context.Background(), e, s); err != nil {
		t.Fatal(err)
	}
	x := s.Systemd
	var users []string
	for _, u := range x.UserUnits {
		users = append(users, u.User+" "+u.Name+" "+u.Unit)
	}
	if got := fmt.Sprint(users, x.Linger); got != "[* all.service  ann tick.service  ann tick.timer tick.service uid 0 run-1.service ] [ann]" {
		t.Errorf("users %s", got)
	}
	if len(x.Defaults) != 2 || x.Defaults[1].Source != "/run/systemd/system.conf.d/50-x.conf" || x.Defaults[1].Line != 2 {
		t.Errorf("defaults %+v", x.Defaults)
	}
	if len(x.DefaultTexts) != 2 || !strings.Contains(x.DefaultTexts[0].Content, "NOFILE") || !x.DefaultTexts[0].Whole() {
		t.Errorf("texts of the defaults %+v", x.DefaultTexts)
	}
	if len(x.Generators) != 1 || x.Generators[0].Path != "/etc/systemd/system-generators/own" {
		t.Errorf("generators %+v", x.Generators)
	}
	k, _ := x.Unit("kubelet.service")
	if len(k.Sourced) != 1 || strings.Contains(k.Sourced[0].Content, "0123456789abcdef") || len(k.Files) != 1 || k.Files[0].Modified.IsZero() {
		t.Errorf("kubelet %+v", k)
	}
}

func TestEffective(t *testing.T) {
	u := snapshot.Unit{Settings: []snapshot.Setting{
		{Section: "Service", Key: "MemoryMax", Value: "1G", Source: "/x", Line: 3}, {Section: "Service", Key: "LimitNOFILE", Value: "512:1024", Source: "/x", Line: 4},
		{Section: "Service", Key: "CPUQuota", Value: "20%", Source: "/x", Line: 5}, {Section: "Service", Key: "ProtectHome", Value: "yes", Source: "/x", Line: 6},
	}}
	defaults := []snapshot.Setting{{Section: "Manager", Key: "DefaultTasksMax", Value: "77", Source: "/d", Line: 1}}
	var got []string
	for _, p := range effective(u, defaults, map[string]any{
		"MemoryMax": uint64(1 << 30), "LimitNOFILE": uint64(1024), "CPUQuotaPerSecUSec": uint64(50000), "TasksMax": uint64(77), "ProtectHome": "yes",
		"ReadOnlyPaths": []string{"/etc"}, "IPAddressDeny": [][]any{}, "SystemCallFilter": []any{false, []string{}}, "RestrictAddressFamilies": []any{true, []string{"AF_UNIX"}},
		"MemoryHigh": uint64(math.MaxUint64), "LimitNPROC": uint64(9), "FreezerState": "frozen", "PrivateTmp": false,
	}) {
		got = append(got, fmt.Sprint(p.Name, "=", p.Value, " ", p.Setting, " ", p.Source, ":", p.Line, " ", p.Differs))
	}
	want := `CPUQuotaPerSecUSec=5% 20% /x:5 true
MemoryMax=1073741824 1G /x:3 false
TasksMax=77 77 /d:1 false
LimitNOFILE=1024 512:1024 /x:4 false
ProtectHome=yes yes /x:6 false
RestrictAddressFamilies=AF_UNIX  :0 true
ReadOnlyPaths=/etc  :0 true
FreezerState=frozen  :0 true`
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}
