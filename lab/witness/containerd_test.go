package witness

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/klustered/klustered/snapshot"
)

// testContainerd compares what was read of containerd's files with what
// containerd itself says through ctr.
func testContainerd(ctx context.Context, t *testing.T, n Node) {
	c := n.Snapshot.Containerd
	if c == nil {
		t.Fatal("not collected")
	}
	if c.Error != "" {
		t.Fatal(c.Error)
	}
	names, err := n.Lines(ctx, "ctr ns ls -q")
	if err != nil {
		t.Fatal(err)
	}
	var spaces []string
	for _, x := range c.Namespaces {
		spaces = append(spaces, x.Name)
	}
	same(t, "namespaces", spaces, names)
	for _, x := range c.Namespaces {
		testNamespace(ctx, t, n, x)
		var tasks []string
		for _, k := range c.Tasks {
			if k.Namespace == x.Name && k.Alive == snapshot.Yes {
				tasks = append(tasks, fmt.Sprintf("%s %d", k.ID, k.PID))
			}
		}
		want, err := n.Lines(ctx, "ctr -n "+x.Name+` tasks ls | awk '$3 == "RUNNING" {print $1, $2}'`)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "tasks of "+x.Name, tasks, want)
	}
	for _, k := range c.Tasks {
		if k.Program == nil {
			if strings.HasPrefix(k.Pod, "kube-system/") {
				t.Errorf("the program of %s %s was not found", k.Pod, k.ID)
			}
			continue
		}
		// an overlay shows the file's own size and time
		want, err := n.Lines(ctx, fmt.Sprintf("stat -L -c '%%s %%Z' /proc/%d/exe", k.PID))
		if got := fmt.Sprintf("%d %d", k.Program.Size, k.Program.Changed.Unix()); err == nil && (len(want) != 1 || want[0] != got) {
			t.Errorf("%s: got %+v, stat shows %v", k.Pod, k.Program, want)
		}
	}
	shims, err := n.Lines(ctx, `ps -eo pid,args --no-headers | awk '$2 ~ /\/containerd-shim/ {print $1}'`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range c.Shims {
		got = append(got, fmt.Sprint(x.PID))
	}
	same(t, "shims", got, shims)
}

func testNamespace(ctx context.Context, t *testing.T, n Node, x snapshot.ContainerdNamespace) {
	var containers, images, leases []string
	for _, k := range x.Containers {
		image := k.Image
		if image == "" {
			image = "-"
		}
		containers = append(containers, k.ID+" "+image+" "+k.Runtime)
	}
	for _, i := range x.Images {
		images = append(images, i.Name+" "+i.Digest)
		if i.Manifest != snapshot.Yes || i.Sound != snapshot.Yes || i.ConfigIs != snapshot.Yes {
			t.Errorf("image %s: got %+v", i.Name, i)
		}
	}
	for _, l := range x.Leases {
		leases = append(leases, l.ID)
	}
	for what, c := range map[string]struct {
		got    []string
		script string
	}{
		"containers": {containers, "containers ls | awk 'NR > 1 {print $1, $2, $3}'"},
		"images":     {images, "images ls | awk 'NR > 1 {print $1, $3}'"},
		"leases":     {leases, "leases ls -q"},
	} {
		want, err := n.Lines(ctx, "ctr -n "+x.Name+" "+c.script)
		if err != nil {
			t.Fatal(err)
		}
		same(t, what+" of "+x.Name, c.got, want)
	}
	for name, count := range x.Snapshots {
		want, err := n.Lines(ctx, "ctr -n "+x.Name+" snapshots --snapshotter "+name+" ls | tail -n +2 | wc -l")
		if err != nil {
			t.Fatal(err)
		}
		if strings.TrimSpace(strings.Join(want, "")) != fmt.Sprint(count) {
			t.Errorf("snapshots of %s: got %d, ctr shows %v", name, count, want)
		}
	}
	blobs, err := n.Lines(ctx, "ctr -n "+x.Name+" content ls -q | wc -l")
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(strings.Join(blobs, "")) != fmt.Sprint(x.Blobs) {
		t.Errorf("blobs: got %d, ctr shows %v", x.Blobs, blobs)
	}
}
