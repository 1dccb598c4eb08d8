package witness

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/klustered/klustered/snapshot"
)

func testSockets(ctx context.Context, t *testing.T, n Node) {
	s := n.Snapshot.Sockets
	if s == nil {
		t.Fatal("not collected")
	}
	for _, ns := range n.Snapshot.Network.Namespaces {
		var got, want []string
		for _, list := range [][]snapshot.Socket{s.Listening, s.Raw, s.Unix} {
			for _, x := range list {
				if x.NetNS == ns.Name() {
					got = append(got, socketWords(x))
				}
			}
		}
		lines, err := n.Lines(ctx, "nsenter --net="+ns.Path+" ss -Hlntupxw0 --bound-inactive 2>/dev/null || nsenter --net="+ns.Path+" ss -Hlntupxw0")
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			want = append(want, ssWords(line))
		}
		t.Run(strings.ReplaceAll(ns.Name(), "/", ":"), func(t *testing.T) { same(t, "sockets", got, want) })
	}
	got, want := peers(ctx, t, n)
	for range 3 { // connections that last for a moment come and go between two looks
		if slices.Equal(got, want) {
			break
		}
		got, want = peers(ctx, t, look(t, n))
	}
	same(t, "connections at the control plane's ports", got, want)
}

// peers are who is connected to the control plane's ports: as collected, and
// as ss shows it. Of the node's own connections only those that both show.
func peers(ctx context.Context, t *testing.T, n Node) (got, want []string) {
	t.Helper()
	lines, err := n.Lines(ctx, `ss -Hnt state established '( sport = :6443 or sport = :2379 or sport = :2380 or sport = :10250 )' | awk '{print $3, $4}'`)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range n.Snapshot.Sockets.Peers {
		if c.Server && c.States["established"] > 0 {
			got = append(got, fmt.Sprintf("%d from %s", c.Port, c.Peer))
		}
	}
	for _, line := range lines {
		f := strings.Fields(strings.NewReplacer("[::ffff:", "", "]", "").Replace(line))
		port, from := f[0][strings.LastIndex(f[0], ":")+1:], f[1][:strings.LastIndex(f[1], ":")]
		if w := port + " from " + from; !slices.Contains(want, w) {
			want = append(want, w)
		}
	}
	// of the node's own there are some that last for a moment
	here := func(x string) bool {
		return slices.ContainsFunc(n.Snapshot.Network.Namespaces[0].Addresses, func(a snapshot.Address) bool {
			return strings.HasSuffix(x, " from "+strings.Split(a.Address, "/")[0])
		})
	}
	got = slices.DeleteFunc(got, func(x string) bool { return here(x) && !slices.Contains(want, x) })
	want = slices.DeleteFunc(want, func(x string) bool { return here(x) && !slices.Contains(got, x) })
	slices.Sort(got)
	slices.Sort(want)
	return got, want
}

// socketWords writes a socket as ssWords does.
func socketWords(x snapshot.Socket) string {
	var pids []int
	for _, o := range x.Owners {
		if !slices.Contains(pids, o.PID) {
			pids = append(pids, o.PID)
		}
	}
	slices.Sort(pids)
	switch x.Protocol {
	case "unix":
		return fmt.Sprintf("unix %s backlog %d %v", x.Address, x.Backlog, pids)
	case "tcp":
		return fmt.Sprintf("tcp %s backlog %d %v", x.Address, x.Backlog, pids)
	}
	return fmt.Sprintf("%s %s %v", x.Protocol, x.Address, pids)
}

var ssPID = regexp.MustCompile(`pid=(\d+)`)

// ssWords reads a line of ss: what, state, waiting, how many may, local end.
func ssWords(line string) string {
	f := strings.Fields(line)
	var pids []int
	for _, m := range ssPID.FindAllStringSubmatch(line, -1) {
		var pid int
		fmt.Sscan(m[1], &pid)
		if !slices.Contains(pids, pid) {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	if strings.HasPrefix(f[0], "u_") {
		name := strings.Join(f[4:len(f)-3], " ") // then the inode, the peer and its inode
		if i := slices.Index(f, "*"); i > 5 {
			name = strings.Join(f[4:i-1], " ")
		}
		return fmt.Sprintf("unix %s backlog %s %v", name, f[3], pids)
	}
	addr := strings.Replace(f[4], "*:", "[::]:", 1)
	if i := strings.LastIndex(addr, "%"); i > 0 {
		addr = addr[:i] + addr[strings.LastIndex(addr, ":"):]
	}
	if f[0] == "tcp" {
		return fmt.Sprintf("tcp %s backlog %s %v", addr, f[3], pids)
	}
	return fmt.Sprintf("%s %s %v", map[string]string{"p_raw": "packet", "p_dgr": "packet"}[f[0]]+strings.Replace(strings.Replace(f[0], "p_raw", "", 1), "p_dgr", "", 1), addr, pids)
}
