package witness

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// watched are the paths at which a mount is to be reported, said anew.
var watched = regexp.MustCompile(`^(/etc|/usr|/s?bin|/lib|/lib64|/opt|/root|/boot|/run/systemd|/run/kubernetes|/var/lib/(etcd|kubelet|containerd|dpkg|cni|systemd)|/var/log|/var/spool|/var/run)(/.*)?$|^(/var|/var/lib|/run)$|^/proc/.`)

// comesAndGoes are mounts of pods, and of the kernel's own below /proc.
var comesAndGoes = regexp.MustCompile(`^/var/lib/kubelet/(pods|plugins)/.|^/var/lib/containerd/io\.|^/proc/sys/fs/binfmt_misc$`)

// testView compares mounts with findmnt, in each namespace.
func testView(ctx context.Context, t *testing.T, n Node) {
	v := n.Snapshot.View
	if v == nil {
		t.Fatal("not collected")
	}
	if !v.CleanProc || !v.CleanFiles {
		t.Errorf("not the clean view: %+v", n.Snapshot.Gaps)
	}
	lines, err := n.Lines(ctx, "findmnt -rn -o TARGET")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, x := range lines {
		if watched.MatchString(x) && !comesAndGoes.MatchString(x) {
			want = append(want, x)
		}
	}
	for _, o := range v.Over {
		got = append(got, o.Target)
		if o.Shown == nil || o.Beneath == nil || o.Shown.Error != "" || o.Beneath.Error != "" {
			t.Errorf("not seen from both sides: %+v", o)
		}
		if o.Origin != "engine" || o.Late {
			t.Errorf("the engine made it: %+v", o)
		}
	}
	same(t, "mounts that matter", got, want)
	for _, x := range v.Namespaces {
		testMountNamespace(ctx, t, n, x.PIDs[0], x.Inode, x.Mounts)
	}
	if len(v.Namespaces) == 0 || v.Namespaces[0].PIDs[0] != 1 {
		t.Errorf("namespaces %+v", v.Namespaces)
	}
	for _, h := range v.Hidden {
		t.Errorf("hidden on a healthy node: %+v", h)
	}
	for _, o := range v.Oracles {
		if o.Error != "" {
			t.Errorf("not asked: %+v", o)
		}
	}
}

// testMountNamespace compares one mount namespace with what findmnt shows of it.
// Those of the host have mounts of pods, which come and go.
func testMountNamespace(ctx context.Context, t *testing.T, n Node, pid int, inode uint64, mounts int) {
	ns, err := n.Lines(ctx, fmt.Sprintf("readlink /proc/%d/ns/mnt", pid))
	if err != nil || len(ns) == 0 {
		return // it ended
	}
	if want := fmt.Sprintf("mnt:[%d]", inode); ns[0] != want {
		t.Errorf("namespace of %d: %s, want %s", pid, want, ns[0])
	}
	lines, err := n.Lines(ctx, fmt.Sprintf("findmnt --task %d -rn -o TARGET", pid))
	if err != nil || pid == 1 {
		return
	}
	if len(lines) != mounts {
		t.Errorf("process %d: %d mounts were collected, findmnt shows %d:\n%s", pid, mounts, len(lines), strings.Join(lines, "\n"))
	}
}
