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
	programs(ctx, t, n)
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

// programs compares who holds which program of BPF. Units that were started
// between the two looks have newer ones.
func programs(ctx context.Context, t *testing.T, n Node) {
	lines, err := n.Lines(ctx, `for f in $(find /proc/[0-9]*/fd -lname 'anon_inode:bpf-prog' 2>/dev/null); do echo "$(echo $f | cut -d/ -f3) $(grep -h prog_id ${f/fd/fdinfo} | tr -dc 0-9)"; done`)
	if err != nil {
		t.Fatal(err)
	}
	newest := uint32(0)
	for _, p := range n.Snapshot.BPF.Programs {
		newest = max(newest, p.ID)
	}
	var got, want []string
	for _, l := range lines {
		var pid int
		var id uint32
		if _, err := fmt.Sscan(l, &pid, &id); err == nil && id <= newest {
			want = append(want, l)
		}
	}
	for _, b := range n.Snapshot.Descriptors.BPF {
		if b.Kind == "prog" {
			got = append(got, fmt.Sprintf("%d %d", b.PID, b.ID))
		}
	}
	same(t, "programs held", got, want)
}
