package boot

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// logs gives the last telling lines of what the runtime and the kubelet of every node
// wrote, and of the system's containers.
func (c *Cluster) logs(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var b strings.Builder
	for _, n := range c.Nodes {
		out, err := n.Exec(ctx, "journalctl", "--no-pager", "-q", "-n", "400", "-o", "short", "-u", "kubelet", "-u", "containerd")
		if err != nil {
			out = []byte(err.Error())
		}
		fmt.Fprintf(&b, "--- journal of %s ---\n%s\n", n.Name, telling(string(out), 8))
		const pods = `tail -q -n 2 /var/log/pods/kube-system_*/*/*.log /var/log/pods/canary_*/*/*.log 2>/dev/null | grep -E " E[0-9]{4} |rror|atal|anic"`
		if out, err := n.Exec(ctx, "sh", "-c", pods); err == nil {
			fmt.Fprintf(&b, "--- containers of %s ---\n%s\n", n.Name, telling(string(out), 8))
		}
	}
	return strings.TrimSpace(b.String())
}

// telling keeps the last n lines that are not mere information, or the last n of all
// where nothing else was said, each cut to what fits a few lines of a terminal.
func telling(text string, n int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	var bad []string
	for _, line := range all {
		if !strings.Contains(line, "level=info") && !informs(line) {
			bad = append(bad, line)
		}
	}
	if len(bad) == 0 {
		bad = all
	}
	bad = bad[max(0, len(bad)-n):]
	for i, line := range bad {
		bad[i] = line[:min(len(line), 320)]
	}
	return strings.Join(bad, "\n")
}

// informs reports whether a line of the kubelet's own format is one of information:
// its message begins with I and the date.
func informs(line string) bool {
	_, message, found := strings.Cut(line, "]: ")
	return found && len(message) > 5 && message[0] == 'I' && message[1] >= '0' && message[1] <= '9'
}
