package systemd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/snapshot"
)

// surface is a node with one thing of each kind that runs by itself, and a
// file or two of a package beside.
var surface = map[string]string{
	"/etc/passwd":                                              "root:x:0:0::/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/bash\n",
	"/etc/anacrontab":                                          "SHELL=/bin/sh\n1 5 cron.daily  run-parts /etc/cron.daily\n",
	"/etc/cron.allow":                                          "ann\nroot\n",
	"/etc/cron.d/.hid":                                         "* * * * * root /opt/x\n",
	"/etc/init.d/own":                                          "#!/bin/sh\nkubectl delete node x\n",
	"/etc/inittab":                                             "x:3:respawn:/opt/x\n",
	"/etc/default/grub":                                        "GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX=\"maxcpus=1\"\n",
	"/var/lib/cloud/scripts/per-boot/x":                        "#!/bin/sh\n",
	"/etc/cloud/cloud.cfg.d/9.cfg":                             "a: b\nruncmd:\n - [ x ]\nc: d\n",
	"/usr/lib/systemd/system-sleep/x":                          "#!/bin/sh\n",
	"/etc/kernel/postinst.d/x":                                 "#!/bin/sh\n",
	"/etc/initramfs-tools/hooks/x":                             "#!/bin/sh\n",
	"/etc/update-motd.d/99-x":                                  "#!/bin/sh\n",
	"/home/ann/.bash_aliases":                                  "alias kubectl=echo\n",
	"/etc/network/interfaces":                                  "iface eth0\n  post-up /opt/up\n",
	"/etc/udev/rules.d/1.rules":                                "ACTION==\"add\", RUN+=\"/opt/a\", \\\n PROGRAM==\"/opt/b \\\"q\\\"\"\n",
	"/etc/dbus-1/system-services/x.service":                    "[D-BUS Service]\nExec=/opt/x\n",
	"/etc/tmpfiles.d/x.conf":                                   "d /run/x\nf+ /etc/cron.d/x 0644 root root - * * * * * root /opt/x\n",
	"/usr/lib/tmpfiles.d/vendor.conf":                          "L /etc/x - - - - y\n",
	"/etc/sysusers.d/x.conf":                                   "u bob 0\n",
	"/etc/binfmt.d/x.conf":                                     ":x:M::\\x7fELF::/opt/x:C\n",
	"/etc/modules":                                             "# none\nevil\n",
	"/etc/modprobe.d/x.conf":                                   "install overlay /bin/true\noptions a b=1\n",
	"/etc/apt/apt.conf.d/99x":                                  "// x\nDPkg::Post-Invoke { \"/opt/x\"; };\nDPkg { Pre-Install-Pkgs:: \"/opt/y\"; };\nAcquire::Retries \"3\";\n",
	"/etc/dpkg/dpkg.cfg.d/x":                                   "post-invoke=/opt/x\nno-debsig\n",
	"/etc/logrotate.d/x":                                       "/var/log/x {\n postrotate\n  /opt/x\n endscript\n}\n",
	"/var/lib/dpkg/info/v.list":                                "/usr/lib/tmpfiles.d/vendor.conf\n",
	"/var/lib/dpkg/info/v.md5sums":                             "e9a252dbfd0226aa31b25d60df9432f3  usr/lib/tmpfiles.d/vendor.conf\n",
	"/var/lib/dpkg/info/v.postinst":                            "#!/bin/sh\n",
	"/var/lib/dpkg/info/gone.prerm":                            "#!/bin/sh\n",
	"/etc/xdg/autostart/x.desktop":                             "[Desktop Entry]\nExec=/opt/x\n",
	"/root/.gitconfig":                                         "[core]\n\tpager = /opt/x\n\tname = y\n[alias]\n\ta = !/opt/z\n\tb = log\n",
	"/usr/lib/python3.11/x.pth":                                "/usr/share\nimport os; os.system('x')\n",
	"/usr/local/lib/python3.11/dist-packages/sitecustomize.py": "#!/usr/bin/python3\n",
	"/etc/aliases":                                             "root: \"|/opt/x\"\nann: root\n",
	"/var/spool/cron/atjobs/b00002019ba2c0":                    "#!/bin/sh\ncd / || {\n exit 1\n}\nx\n",
	"/home/ann/.config/systemd/user/t.timer":                   "[Timer]\nOnCalendar=daily\n",
}

func TestTheSurface(t *testing.T) {
	e := planted(t, surface)
	late := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(e.Root, "/var/lib/dpkg/info/v.postinst"), late, late); err != nil {
		t.Fatal(err)
	}
	s := &snapshot.Snapshot{}
	if err := collectUnits(context.Background(), e, s); err != nil {
		t.Fatal(err)
	}
	if err := collectPersistence(context.Background(), e, s); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range s.Persistence.Entries {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s:%d %s %s", x.Kind, x.Source, x.Line, strings.ReplaceAll(x.Command, "\n", "|"), strings.Join(x.Marks, " "))))
	}
	want := strings.TrimSpace(`
cron.d /etc/cron.d/.hid:1 /opt/x
anacron /etc/anacrontab:2 run-parts /etc/cron.daily
at /var/spool/cron/atjobs/b00002019ba2c0:5 x
cron-access /etc/cron.allow:0 ann root
init /etc/init.d/own:0 /etc/init.d/own kube-tool
init /etc/inittab:1 /opt/x
hook /usr/lib/systemd/system-sleep/x:0 /usr/lib/systemd/system-sleep/x
boot-hook /etc/kernel/postinst.d/x:0 /etc/kernel/postinst.d/x
boot-hook /etc/initramfs-tools/hooks/x:0 /etc/initramfs-tools/hooks/x
grub /etc/default/grub:2 GRUB_CMDLINE_LINUX="maxcpus=1"
cloud-init /var/lib/cloud/scripts/per-boot/x:0 /var/lib/cloud/scripts/per-boot/x
cloud-init /etc/cloud/cloud.cfg.d/9.cfg:2 runcmd:| - [ x ]|
profile /home/ann/.bash_aliases:0 /home/ann/.bash_aliases kube-tool
motd /etc/update-motd.d/99-x:0 /etc/update-motd.d/99-x
interfaces /etc/network/interfaces:2 /opt/up
udev /etc/udev/rules.d/1.rules:1 /opt/a|/opt/b "q"
dbus /etc/dbus-1/system-services/x.service:2 /opt/x
tmpfiles /etc/tmpfiles.d/x.conf:2 f+ /etc/cron.d/x 0644 root root - * * * * * root /opt/x
sysusers /etc/sysusers.d/x.conf:1 u bob 0
binfmt /etc/binfmt.d/x.conf:1 :x:M::\x7fELF::/opt/x:C
modules-load /etc/modules:2 evil
modprobe /etc/modprobe.d/x.conf:1 install overlay /bin/true
apt /etc/apt/apt.conf.d/99x:2 /opt/x
apt /etc/apt/apt.conf.d/99x:3 /opt/y
dpkg /etc/dpkg/dpkg.cfg.d/x:1 post-invoke=/opt/x
logrotate /etc/logrotate.d/x:2 /opt/x|
maintainer-script /var/lib/dpkg/info/gone.prerm:0 /var/lib/dpkg/info/gone.prerm
maintainer-script /var/lib/dpkg/info/v.postinst:0 /var/lib/dpkg/info/v.postinst
autostart /etc/xdg/autostart/x.desktop:2 /opt/x
git /root/.gitconfig:2 /opt/x
git /root/.gitconfig:5 !/opt/z
python /usr/lib/python3.11/x.pth:2 import os; os.system('x')
python /usr/local/lib/python3.11/dist-packages/sitecustomize.py:0 /usr/local/lib/python3.11/dist-packages/sitecustomize.py
mail /etc/aliases:1 /opt/x
user-timer /home/ann/.config/systemd/user/t.timer:2`)
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	if n := s.Persistence.Packaged["tmpfiles"]; n != 1 {
		t.Errorf("packaged %v", s.Persistence.Packaged)
	}
	i := slices.IndexFunc(s.Persistence.Entries, func(x snapshot.Persistent) bool { return x.Kind == "at" })
	if x := s.Persistence.Entries[i]; x.At.Format(time.RFC3339) != "2021-04-17T00:00:00Z" {
		t.Errorf("at %s", x.At)
	}
}

func TestParseApt(t *testing.T) {
	got := fmt.Sprint(parseApt("A::B \"1\";\nC { D \"2\"; E { \"3\"; \"4\" } };\n/* \n */ F:: bare; # x\n"))
	if want := "[{A::B 1 1} {C::D 2 2} {C::E:: 3 2} {C::E:: 4 2} {F:: bare 4}]"; got != want {
		t.Errorf("got %s", got)
	}
}

func FuzzLines(f *testing.F) {
	for _, data := range surface {
		f.Add(data)
	}
	picks := []func(string) []clause{
		eachLine(tmpfilesLine), eachLine(modprobeLine), eachLine(interfaceHook), eachLine(mailPipe), eachLine(dpkgLine), eachLine(inittab), eachLine(desktopExec),
		gitCommands, aptHooks, logrotateScripts, udevRules, cloudKeys,
	}
	f.Fuzz(func(t *testing.T, data string) {
		n := strings.Count(data, "\n") + 1
		for i, pick := range picks {
			for _, c := range pick(data) {
				if c.line < 1 || c.line > n {
					t.Errorf("pick %d: line %d of %d", i, c.line, n)
				}
			}
		}
		parseAtName(data)
		for _, w := range properties {
			w.normalise(data)
		}
		merge(parseUnit([]byte(data), "f"))
	})
}
