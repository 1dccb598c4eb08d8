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

func FuzzDistant(f *testing.F) {
	f.Add([]byte("30 22 0:40 / /a\\040b rw - fuse x rw\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, p := range distant(data) {
			if p == "" {
				t.Error("a mount point without a name")
			}
		}
	})
}
