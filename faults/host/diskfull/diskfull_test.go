package diskfull

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	root := snapshot.Mount{Target: "/", FSType: "ext4", Total: 50 << 30, Free: 20 << 30, Inodes: 3e6, IFree: 2e6}
	for name, tc := range map[string]struct {
		m    snapshot.Mount
		over []snapshot.OverMount
		want int
	}{
		"full":                 {snapshot.Mount{Target: "/var", FSType: "ext4", Total: 20 << 30, Free: 1 << 20}, nil, 1},
		"nearly":               {snapshot.Mount{Target: "/var", FSType: "ext4", Total: 20 << 30, Free: 1 << 30}, nil, 0},
		"of a pod":             {snapshot.Mount{Target: "/var/lib/kubelet/pods/a/volumes/b", FSType: "tmpfs", Total: 1 << 20}, nil, 0},
		"an image of programs": {snapshot.Mount{Target: "/usr", FSType: "squashfs", Total: 1 << 30, ReadOnly: true}, nil, 0},
		"of a snap":            {snapshot.Mount{Target: "/snap/core/1", FSType: "squashfs", Total: 1 << 26, ReadOnly: true}, nil, 0},
		"a lock folder":        {snapshot.Mount{Target: "/run/lock", FSType: "tmpfs", Total: 5 << 20}, nil, 0},
		"small, on its own":    {snapshot.Mount{Target: "/var/log", FSType: "tmpfs", Total: 1 << 20}, nil, 1},
		"not measured":         {snapshot.Mount{Target: "/var", FSType: "nfs"}, nil, 0},
		"it hides what it lies over": {snapshot.Mount{Target: "/var/lib/etcd", FSType: "tmpfs", Total: 1 << 20}, []snapshot.OverMount{{Mount: snapshot.Mount{Target: "/var/lib/etcd", FSType: "tmpfs"},
			Kind: "folder", Shown: &snapshot.Look{}, Beneath: &snapshot.Look{Count: 1}}}, 0},
	} {
		s := &snapshot.Snapshot{Host: &snapshot.Host{Mounts: []snapshot.Mount{root, tc.m}}, View: &snapshot.View{Over: tc.over}}
		if got := detect(s); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
