package witness

import (
	"context"
	"strings"
	"testing"
)

func testHost(ctx context.Context, t *testing.T, n Node) {
	h := n.Snapshot.Host
	if h == nil {
		t.Fatal("not collected")
	}
	var mounts []string
	for _, m := range h.Mounts {
		mounts = append(mounts, m.Target+" "+m.FSType)
	}
	// those of pods come and go, and findmnt shows its own namespace alone
	want, err := n.Lines(ctx, `findmnt -rn -o TARGET,FSTYPE | grep -v -e /run/containerd/ -e /var/lib/kubelet/pods/ -e /run/netns/`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range mounts {
		if !strings.HasPrefix(m, "/run/containerd/") && !strings.HasPrefix(m, "/var/lib/kubelet/pods/") && !strings.HasPrefix(m, "/run/netns/") {
			got = append(got, m)
		}
	}
	same(t, "mounts", got, want)
	resources(ctx, t, n)
}
