package witness

import (
	"context"
	"fmt"
	"testing"
	"time"
)

func testBPF(ctx context.Context, t *testing.T, n Node) {
	b := n.Snapshot.BPF
	if b == nil {
		t.Fatal("not collected")
	}
	var progs []struct {
		ID              uint32
		Type, Name, Tag string
		UID             uint32
		LoadedAt        int64    `json:"loaded_at"`
		Maps            []uint32 `json:"map_ids"`
		Size            uint32   `json:"bytes_xlated"`
	}
	if err := n.JSON(ctx, `bpftool prog show -j`, &progs); err != nil {
		t.Fatal(err)
	}
	// programs come and go with the units of the nodes that share the kernel
	old := n.Snapshot.At.Add(-5 * time.Second)
	var got, want []string
	for _, p := range progs {
		if time.Unix(p.LoadedAt, 0).Before(old) {
			want = append(want, fmt.Sprint(p.ID, p.Type, p.Name, p.Tag, p.UID, p.Size, len(p.Maps)))
		}
	}
	for _, p := range b.Programs {
		if p.Loaded.Truncate(time.Second).Before(old) {
			got = append(got, fmt.Sprint(p.ID, p.Type, p.Name, p.Tag, p.UID, p.Size, len(p.Maps)))
		}
	}
	same(t, "programs", got, want)
	var maps, links []struct {
		ID   uint32
		Type string
	}
	if err := n.JSON(ctx, `bpftool map show -j`, &maps); err != nil {
		t.Fatal(err)
	}
	if err := n.JSON(ctx, `bpftool link show -j`, &links); err != nil {
		t.Fatal(err)
	}
	if len(maps) != b.MapCount || len(links) != len(b.Links) {
		t.Errorf("%d maps and %d links were collected, %d and %d are shown", b.MapCount, len(b.Links), len(maps), len(links))
	}
	attached(ctx, t, n)
}

// attached compares what control groups run.
func attached(ctx context.Context, t *testing.T, n Node) {
	var groups []struct {
		Cgroup   string
		Programs []struct {
			ID     uint32
			Attach string `json:"attach_type"`
		}
	}
	if err := n.JSON(ctx, `bpftool cgroup tree $(findmnt -n -t cgroup2 -o TARGET | head -1) -j`, &groups); err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, g := range groups {
		for _, p := range g.Programs {
			want = append(want, fmt.Sprint(g.Cgroup, p.Attach, p.ID))
		}
	}
	for _, a := range n.Snapshot.BPF.Attached {
		if a.Cgroup != "" {
			got = append(got, fmt.Sprint(a.Cgroup, a.Attach, a.Prog))
		}
	}
	for _, l := range n.Snapshot.BPF.Links {
		if l.Cgroup != "" {
			got = append(got, fmt.Sprint(l.Cgroup, l.Attach, l.Prog))
		}
	}
	same(t, "attached programs", got, want)
}
