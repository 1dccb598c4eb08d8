package witness

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

func testKernel(ctx context.Context, t *testing.T, n Node) {
	k := n.Snapshot.Kernel
	if k == nil {
		t.Fatal("not collected")
	}
	lines, err := n.Lines(ctx, `uname -r; uname -v; uname -m; cat /proc/sys/kernel/random/boot_id; cat /proc/cmdline; cat /proc/sys/kernel/tainted`)
	if err != nil || len(lines) != 6 {
		t.Fatal(lines, err)
	}
	tainted := 0
	for _, x := range k.Taints {
		tainted |= 1 << x.Bit
	}
	same(t, "kernel", []string{k.Release, k.Version, k.Machine, k.BootID, k.Cmdline, fmt.Sprint(tainted)}, lines)
	// what confines the components
	for _, c := range k.LSM.Confined {
		out, err := n.Lines(ctx, fmt.Sprintf(`grep -E '^(Seccomp|NoNewPrivs):' /proc/%d/status; tr -d '\0' < /proc/%d/attr/current 2>/dev/null || true`, c.PID, c.PID))
		if err != nil || len(out) < 2 {
			continue // it ended meanwhile
		}
		no := 0
		if c.NoNewPrivs {
			no = 1
		}
		want := fmt.Sprintf("NoNewPrivs: %d Seccomp: %d %s", no, c.Seccomp, c.Label)
		if got := strings.Join(strings.Fields(strings.Join(out, " ")), " "); got != strings.TrimSpace(want) {
			t.Errorf("%s (%d): %q was collected, %q is shown", c.Name, c.PID, want, got)
		}
	}
	if len(k.LSM.Confined) < 2 {
		t.Errorf("confined: %+v", k.LSM.Confined)
	}
	var got []string
	for _, x := range k.Invoked {
		got = append(got, x.Source+" "+x.Value)
	}
	want, err := n.Lines(ctx, `for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sys/kernel/hotplug /sys/kernel/uevent_helper /proc/sys/kernel/poweroff_cmd $(findmnt -rn -t cgroup -o TARGET | sed 's@$@/release_agent@'); do v=$(cat $f 2>/dev/null); [ -n "$v" ] && echo "$f $v"; done; true`)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "programs that the kernel runs", got, want)
}

func testClock(ctx context.Context, t *testing.T, n Node) {
	c := n.Snapshot.Clock
	if c == nil {
		t.Fatal("not collected")
	}
	lines, err := n.Lines(ctx, `timedatectl show -p NTPSynchronized --value 2>/dev/null || echo unknown; date +%s`)
	if err != nil || len(lines) < 2 {
		t.Fatal(lines, err)
	}
	if want := map[bool]string{true: "yes", false: "no"}[c.Synced]; !c.Asked || lines[0] != "unknown" && lines[0] != want {
		t.Errorf("synchronised %v, timedatectl says %s", c.Synced, lines[0])
	}
	var now int64
	fmt.Sscan(lines[len(lines)-1], &now)
	if d := time.Unix(now, 0).Sub(c.Now); d < -2*time.Second || d > 5*time.Minute {
		t.Errorf("the node's time is %s from that collected", d)
	}
}
