package witness

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// resources compares memory, swap, processors, space and inodes of the host.
func resources(ctx context.Context, t *testing.T, n Node) {
	h := n.Snapshot.Host
	lines, err := n.Lines(ctx, `free -b | awk '/^Mem:/{print $2} /^Swap:/{print $2}'; lscpu -p=CPU | grep -vc '^#'; cat /sys/devices/system/cpu/online; sysctl -n kernel.pid_max kernel.threads-max`)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{fmt.Sprint(h.MemTotal), fmt.Sprint(h.Memory.SwapTotal), fmt.Sprint(h.CPUs), h.CPU.Online, fmt.Sprint(h.Counts.PIDMax), fmt.Sprint(h.Counts.ThreadsMax)}
	if strings.Join(got, " ") != strings.Join(lines, " ") {
		t.Errorf("%q was collected, %q is shown", got, lines)
	}
	var swaps []string
	for _, s := range h.Swaps {
		swaps = append(swaps, fmt.Sprintf("%s %d", s.Path, s.Size))
	}
	if lines, err = n.Lines(ctx, `swapon --show=NAME,SIZE --bytes --noheadings --raw || true`); err != nil {
		t.Fatal(err)
	}
	same(t, "swap", swaps, lines)
	if lines, err = n.Lines(ctx, `df -B1 --output=target,size,itotal,avail / /var /run /tmp | tail -n +2`); err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		w := strings.Fields(l)
		for _, m := range h.Mounts {
			if m.Target != w[0] {
				continue
			}
			var avail float64
			fmt.Sscan(w[3], &avail)
			if fmt.Sprint(m.Total, m.Inodes) != w[1]+" "+w[2] || avail/float64(m.Free+1) > 1.2 || avail/float64(m.Free+1) < 0.8 {
				t.Errorf("%s: %d bytes, %d inodes, %d free were collected, %q is shown", m.Target, m.Total, m.Inodes, m.Free, l)
			}
		}
	}
}
