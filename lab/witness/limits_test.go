package witness

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

func testLimits(ctx context.Context, t *testing.T, n Node) {
	l := n.Snapshot.Limits
	if l == nil {
		t.Fatal("not collected")
	}
	want, err := n.Lines(ctx, `cat /etc/security/limits.conf /etc/security/limits.d/*.conf 2>/dev/null | sed 's/#.*//' | awk 'NF>=4 {print $1,$2,$3,$4}'`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range l.PAM {
		got = append(got, strings.Join([]string{x.Domain, x.Type, x.Item, x.Value}, " "))
	}
	same(t, "limits of sessions", got, want)
	if want, err = n.Lines(ctx, `systemd-analyze cat-config systemd/system.conf | grep -E '^(DefaultLimit|DefaultTasksMax)' || true`); err != nil {
		t.Fatal(err)
	}
	got = nil
	for _, x := range l.Manager {
		if strings.HasPrefix(x.Key, "DefaultLimit") || x.Key == "DefaultTasksMax" {
			got = append(got, x.Key+"="+x.Value)
		}
	}
	same(t, "limits of units", got, want)
	lines, err := n.Lines(ctx, "sysctl -n fs.nr_open")
	if err != nil || len(lines) != 1 || lines[0] != fmt.Sprint(l.NROpen) {
		t.Errorf("nr_open %d was collected, %q is shown: %v", l.NROpen, lines, err)
	}
}
