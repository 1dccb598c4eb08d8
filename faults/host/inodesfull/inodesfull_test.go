package inodesfull

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	for name, tc := range map[string]struct {
		m    snapshot.Mount
		want int
	}{
		"none left":     {snapshot.Mount{Target: "/var", FSType: "ext4", Total: 20 << 30, Free: 9 << 30, Inodes: 1e6, IFree: 12}, 1},
		"plenty":        {snapshot.Mount{Target: "/var", FSType: "ext4", Total: 20 << 30, Free: 9 << 30, Inodes: 1e6, IFree: 5e5}, 0},
		"not counted":   {snapshot.Mount{Target: "/var", FSType: "btrfs", Total: 20 << 30, Free: 9 << 30}, 0},
		"few, and free": {snapshot.Mount{Target: "/var/log", FSType: "tmpfs", Total: 1 << 20, Free: 1 << 20, Inodes: 100, IFree: 60}, 0},
		"few, and gone": {snapshot.Mount{Target: "/var/log", FSType: "tmpfs", Total: 1 << 20, Free: 1 << 20, Inodes: 10}, 1},
		"can be read":   {snapshot.Mount{Target: "/var", FSType: "erofs", Total: 1 << 30, ReadOnly: true, Inodes: 900}, 0},
		"another's":     {snapshot.Mount{Target: "/srv", FSType: "ext4", Total: 1 << 30, Free: 1 << 29, Inodes: 900}, 0},
	} {
		root := snapshot.Mount{Target: "/", FSType: "ext4", Total: 50 << 30, Free: 20 << 30, Inodes: 3e6, IFree: 2e6}
		if got := detect(&snapshot.Snapshot{Host: &snapshot.Host{Mounts: []snapshot.Mount{root, tc.m}}}); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
