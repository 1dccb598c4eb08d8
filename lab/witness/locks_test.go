package witness

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// brief are programs that take locks for a moment all the time.
const brief = "runc containerd-shim iptables iptables-restore ip6tables cron exe"

func testLocks(ctx context.Context, t *testing.T, n Node) {
	l := n.Snapshot.Locks
	if l == nil {
		t.Fatal("not collected")
	}
	var shown struct {
		Locks []struct {
			Command, Type, Mode, Path string
			PID                       int
		}
	}
	if err := n.JSON(ctx, `lslocks -J`, &shown); err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, x := range shown.Locks {
		if strings.Contains(" "+brief+" ", " "+x.Command+" ") {
			continue
		}
		if x.PID < 0 { // lslocks does not know the files of these
			x.Path = ""
		}
		want = append(want, fmt.Sprintf("%s %s %d %s", x.Type, x.Mode, x.PID, x.Path))
	}
	for _, x := range l.List {
		if x.Line == 0 {
			continue // lslocks does not see it
		}
		pid, path := -1, ""
		if x.Kind != "OFDLCK" && len(x.Holders) > 0 {
			pid, path = x.Holders[0].PID, x.Path
		}
		if len(x.Holders) == 0 || !strings.Contains(" "+brief+" ", " "+x.Holders[0].Name+" ") {
			got = append(got, fmt.Sprintf("%s %s %d %s", x.Kind, x.Mode, pid, path))
		}
		if len(x.Holders) == 0 && x.Kind == "FLOCK" {
			t.Errorf("%+v has no holder", x)
		}
	}
	same(t, "locks", got, want)
	if on := l.On("/var/lib/etcd/member/snap/db"); strings.Contains(n.Name, "cp") && (len(on) != 1 || on[0].Holders[0].Name != "etcd" || on[0].Holders[0].Above == "") {
		t.Errorf("etcd's database: %+v", on)
	}
}
