package overmounted

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func over(change func(*snapshot.OverMount)) *snapshot.Snapshot {
	o := snapshot.OverMount{Mount: snapshot.Mount{Target: "/var/lib/etcd", Source: "tmpfs", FSType: "tmpfs", Root: "/"}, Kind: "folder",
		Shown: &snapshot.Look{Type: "folder"}, Beneath: &snapshot.Look{Type: "folder", Count: 1, Entries: []string{"member"}}}
	change(&o)
	return &snapshot.Snapshot{View: &snapshot.View{CleanFiles: true, Over: []snapshot.OverMount{o}}}
}

func TestDetect(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*snapshot.OverMount)
		want   int
	}{
		"empty memory":             {func(o *snapshot.OverMount) {}, 1},
		"a disk that has the data": {func(o *snapshot.OverMount) { o.FSType, o.Source, o.Shown.Count = "ext4", "/dev/sdb", 1 }, 0},
		"made with the node":       {func(o *snapshot.OverMount) { o.Origin = "engine" }, 0},
		"nothing beneath":          {func(o *snapshot.OverMount) { o.Beneath.Count = 0 }, 0},
		"a folder of others":       {func(o *snapshot.OverMount) { o.Target = "/srv/data" }, 0},
		"not looked beneath":       {func(o *snapshot.OverMount) { o.Beneath = nil }, 0},
	} {
		if got := detect(over(tc.change)); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestDeclaredIsForAPerson(t *testing.T) {
	s := over(func(o *snapshot.OverMount) { o.Declared = "/etc/fstab" })
	if plan, err := remedy(s, finding.Finding{Subject: finding.Subject{Kind: "mount", Name: "/var/lib/etcd"}}); err == nil {
		t.Errorf("%v", plan)
	}
}

func TestMounts(t *testing.T) {
	for line, want := range map[string]bool{
		"mount -t tmpfs none /etc/kubernetes":                  true,
		"/bin/mount -o size=1m -t tmpfs x \"/etc/kubernetes\"": true,
		"umount /etc/kubernetes":                               false,
		"mountpoint -q /etc/kubernetes || exit 1":              false,
		"findmnt /etc/kubernetes && logger mounted":            false,
		"sh -c 'mount -t tmpfs x /etc/kubernetes'":             true,
		"mount --bind /srv/x /etc/kubernetes-old":              false,
		"mount -t tmpfs none /etc/kubernetes/x":                false,
		"ls /etc/kubernetes":                                   false,
	} {
		if got := mounts("/etc/kubernetes")(line); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}
