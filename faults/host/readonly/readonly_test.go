package readonly

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func on(m snapshot.Mount) *snapshot.Snapshot {
	return &snapshot.Snapshot{Host: &snapshot.Host{Mounts: []snapshot.Mount{{Target: "/", FSType: "ext4"}, m}}}
}

func TestDetect(t *testing.T) {
	for name, tc := range map[string]struct {
		m    snapshot.Mount
		want int
	}{
		"its data":             {snapshot.Mount{Target: "/var", FSType: "ext4", ReadOnly: true}, 1},
		"the kubelet's folder": {snapshot.Mount{Target: "/var/lib/kubelet", FSType: "ext4", ReadOnly: true}, 1},
		"can be written":       {snapshot.Mount{Target: "/var", FSType: "ext4"}, 0},
		"programs alone":       {snapshot.Mount{Target: "/usr", FSType: "ext4", ReadOnly: true}, 0},
		"keys alone":           {snapshot.Mount{Target: "/etc/kubernetes", FSType: "ext4", ReadOnly: true}, 0},
		"a volume of a pod":    {snapshot.Mount{Target: "/var/lib/kubelet/pods/a/volumes/b", FSType: "ext4", ReadOnly: true}, 0},
		"credentials":          {snapshot.Mount{Target: "/run/credentials/x.service", FSType: "ramfs", ReadOnly: true}, 0},
	} {
		if got := detect(on(tc.m)); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A root that can only be read, with the data on another file system.
func TestAnImageAsRoot(t *testing.T) {
	s := on(snapshot.Mount{Target: "/var", FSType: "ext4"})
	s.Host.Mounts[0] = snapshot.Mount{Target: "/", FSType: "ext4", ReadOnly: true}
	s.Host.Mounts = append(s.Host.Mounts, snapshot.Mount{Target: "/run", FSType: "tmpfs"})
	if got := detect(s); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}

// A file system that is read-only may be damaged.
func TestRemedyRefuses(t *testing.T) {
	s := on(snapshot.Mount{Target: "/var", FSType: "ext4", ReadOnly: true})
	if plan, err := remedy(s, finding.Finding{Subject: finding.Subject{Kind: "filesystem", Name: "/var"}}); err == nil {
		t.Errorf("%v", plan)
	}
}

func TestRemounts(t *testing.T) {
	for line, want := range map[string]bool{
		"mount -o remount,ro /var/lib/kubelet":          true,
		"mount -o bind,ro /var/lib/kubelet":             true,
		"mount -o remount,rw /var/lib/kubelet":          false,
		"mount -o ro /dev/sdb /var/lib/kubelet-backup":  false,
		"mount -o ro /dev/sdb /srv/old/var/lib/kubelet": false,
	} {
		if got := remounts("/var/lib/kubelet")(line); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}
