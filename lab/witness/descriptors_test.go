package witness

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func testDescriptors(ctx context.Context, t *testing.T, n Node) {
	d := n.Snapshot.Descriptors
	if d == nil {
		t.Fatal("not collected")
	}
	find := func(pattern, test string) []string {
		t.Helper()
		lines, err := n.Lines(ctx, `find /proc/[0-9]*/fd -lname '`+pattern+`' `+test+` -printf '%h\n' 2>/dev/null | cut -d/ -f3 | sort | uniq -c | awk '{print $2, $1}'`)
		if err != nil {
			t.Fatal(err)
		}
		return lines
	}
	// the reader of the test and its parents are not there any more
	var got, gone []string
	for _, w := range d.Watches {
		if w.Inotify > 0 {
			got = append(got, fmt.Sprintf("%d %d", w.PID, w.Inotify))
		}
	}
	same(t, "inotify instances", got, find("anon_inode:inotify", ""))
	holders := map[int]int{}
	for _, b := range d.BPF {
		holders[b.PID]++
	}
	got = nil
	for pid, n := range holders {
		got = append(got, fmt.Sprintf("%d %d", pid, n))
	}
	same(t, "BPF descriptors", got, find("anon_inode:bpf*", ""))
	for _, x := range d.Deleted {
		gone = append(gone, fmt.Sprint(x.PID))
	}
	lines, err := n.Lines(ctx, `find -L /proc/[0-9]*/fd -maxdepth 1 -type f -links 0 -size +51200k -printf '%h\n' 2>/dev/null | cut -d/ -f3 || true`)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(gone)
	slices.Sort(lines)
	if strings.Join(gone, " ") != strings.Join(lines, " ") {
		t.Errorf("large deleted files: of %q were collected, of %q are shown", gone, lines)
	}
}
