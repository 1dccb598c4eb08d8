package source

import (
	"errors"
	"slices"
	"testing"
	"time"
)

func TestDistant(t *testing.T) {
	got := distant([]byte(`22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /srv/a\040b rw - fuse.bindfs /srv/x rw,user_id=0
31 22 0:41 / /mnt/nfs rw master:3 - nfs4 host:/x rw
32 22 0:42 / /sys/fs/fuse/connections rw - fusectl fusectl rw
34 22 0:43 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw,fd=29,direct
broken
`))
	if want := []string{"/srv/a b", "/mnt/nfs"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSilent(t *testing.T) {
	forever := make(chan struct{})
	defer close(forever)
	start := time.Now()
	got := silent([]string{"/good", "/hangs", "/good too", "/hangs too"}, func(p string) {
		if p == "/hangs" || p == "/hangs too" {
			<-forever
		}
	})
	if want := []string{"/hangs", "/hangs too"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if took := time.Since(start); took > 3*stuckWait {
		t.Errorf("took %s", took)
	}
}

func TestStuckIsRefused(t *testing.T) {
	e := New("/", true)
	e.stalled.once.Do(func() { e.stalled.points = []string{"/srv/stuck"} })
	for name, want := range map[string]bool{"/srv/stuck": true, "/srv/stuck/x": true, "/srv/stuckless": false, "/": false} {
		if _, err := e.Stat(name); errors.Is(err, ErrStuck) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := e.ReadDir("/srv/stuck"); !errors.Is(err, ErrStuck) {
		t.Errorf("a folder is read: %v", err)
	}
}

// automounts are a direct one that waits, one that is mounted, and a map with
// one of its folders mounted.
const automounts = `22 1 8:1 / / rw - ext4 /dev/sda1 rw
23 22 0:30 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw,fd=29,pgrp=1,timeout=0,minproto=5,maxproto=5,direct
24 22 0:31 / /data rw - autofs systemd-1 rw,direct
25 24 0:32 / /data rw - nfs4 host:/data rw
26 22 0:33 / /home rw - autofs /etc/auto.home rw,timeout=300,indirect
27 26 0:34 / /home/ann rw - nfs4 host:/ann rw
`

func TestAutomountsAreNotSprung(t *testing.T) {
	if got := distant([]byte(automounts)); slices.ContainsFunc(got, func(p string) bool { return p == "/proc/sys/fs/binfmt_misc" || p == "/home" }) {
		t.Errorf("statfs, which mounts, is asked of %q", got)
	}
	e := New("/", true)
	e.stalled.once.Do(func() { e.stalled.traps = traps([]byte(automounts)) })
	for name, want := range map[string]bool{
		"/proc/sys/fs/binfmt_misc": true, "/proc/sys/fs/binfmt_misc/status": true, "/proc/sys/fs": false,
		"/data": false, "/data/x": false, "/home": false, "/home/bob": true, "/home/bob/.kube": true, "/home/ann": false, "/home/ann/x": false, "/homes": false,
	} {
		if _, err := e.Lstat(name); errors.Is(err, ErrUnmounted) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDistant(f *testing.F) {
	f.Add([]byte("30 22 0:40 / /a\\040b rw - fuse x rw\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, p := range distant(data) {
			if p == "" {
				t.Error("a mount point without a name")
			}
		}
		for _, x := range traps(data) {
			x.catches(x.point + "/x")
		}
	})
}
