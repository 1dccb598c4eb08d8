package ground

import "testing"

func TestNames(t *testing.T) {
	for line, want := range map[string]bool{
		"flock /run/xtables.lock sleep infinity":     true,
		"flock /var/run/xtables.lock sleep infinity": true,
		"exec 9>/run/xtables.lock; flock 9":          true,
		"open('/run/xtables.lock')":                  true,
		"flock --file=/run/xtables.lock":             true,
		"flock /run/xtables.lock.d/a true":           false,
		"flock /run/xtables.lock-old true":           false,
		"flock /srv/run/xtables.lock true":           false,
		"flock /run/backup.lock true":                false,
		"cat /a/run/xtables.lock /run/xtables.lock":  true,
		"": false,
	} {
		if got := Names(line, "/run/xtables.lock"); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
	if !Names("mount -t tmpfs none /var/lib/etcd/", "/var/lib/etcd") || Names("ls", "") || !Names("mount -o remount,ro /", "/") || Names("mount -o remount,ro /var", "/") {
		t.Error("a slash at the end, no path, or the root")
	}
}
