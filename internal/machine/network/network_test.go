package network

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/internal/rtnl/rtnltest"
	"github.com/klustered/klustered/op"
)

// machine is a machine of which only the network is real.
type machine struct {
	rest
	*Network
}

// rest is what is never called.
type rest struct{ op.Machine }

var tbf = op.Qdisc{Kind: "tbf", RateBps: 80000, BurstBytes: 1600, LimitBytes: 3000}

func TestQdiscOpsAreUndoneExactly(t *testing.T) {
	host, pod := rtnltest.New(t), rtnltest.New(t)
	rtnltest.Veth(t, pod, "eth0", host, "veth0")
	inode, err := rtnl.Inode(pod)
	if err != nil {
		t.Fatal(err)
	}
	n := At(host)
	m := machine{Network: n}
	for _, place := range []op.QdiscPlace{
		{Link: "veth0", Parent: "root"},
		{NetNS: inode, Pod: "shop/web", Link: "eth0", Parent: "root"},
	} {
		if _, ok, err := n.ReadQdisc(place); ok || err != nil {
			t.Fatalf("%s has a qdisc at first (%v)", place, err)
		}
		q := tbf
		q.QdiscPlace = place
		add := op.AddQdisc{Qdisc: q}
		undoAdd := apply(t, m, add)
		first, ok, err := n.ReadQdisc(place)
		if !ok || err != nil || first.RateBps != tbf.RateBps {
			t.Fatalf("made %+v, %v, %v", first, ok, err)
		}
		undoDelete := apply(t, m, op.DeleteQdisc{Qdisc: first})
		if _, ok, _ := n.ReadQdisc(place); ok {
			t.Error("it is still there")
		}
		undoDelete()
		if back, _, _ := n.ReadQdisc(place); !reflect.DeepEqual(back, first) {
			t.Errorf("put back %+v, want %+v", back, first)
		}
		undoAdd()
		if _, ok, _ := n.ReadQdisc(place); ok {
			t.Error("the first undo left it")
		}
	}
}

func apply(t *testing.T, m op.Machine, o op.Op) (undo func()) {
	t.Helper()
	ctx := context.Background()
	s, err := o.Before(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // Do twice is Do once
		if err := o.Do(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		t.Helper()
		if err := o.Undo(ctx, m, s); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatIsGoneIsSaid(t *testing.T) {
	host := rtnltest.New(t)
	rtnltest.Link(t, host, "cni0", "bridge")
	n := At(host)
	for _, p := range []op.QdiscPlace{{Link: "veth9", Parent: "root"}, {NetNS: 42, Link: "eth0", Parent: "root"}} {
		if _, _, err := n.ReadQdisc(p); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", p, err)
		}
	}
	err := n.WriteQdisc(op.Qdisc{QdiscPlace: op.QdiscPlace{Link: "cni0", Parent: "root"}, Kind: "nosuch", Raw: []byte{4, 0, 0, 0}})
	if err == nil || !strings.Contains(err.Error(), "this kernel has none") {
		t.Errorf("an unknown kind: %v", err)
	}
	if err := n.RemoveQdisc(op.QdiscPlace{Link: "cni0", Parent: "root"}); err != nil {
		t.Errorf("nothing to remove: %v", err)
	}
}

// guarded makes a node and a stranger with a listener on port 2379 and 2380
// of the node.
func guarded(t *testing.T) (node, member, stranger string) {
	node, member, stranger = rtnltest.New(t), rtnltest.New(t), rtnltest.New(t)
	rtnltest.Link(t, node, "br0", "bridge")
	rtnltest.Addr(t, node, "br0", "10.9.0.1/24")
	rtnltest.Addr(t, node, "br0", "fd09::1/64")
	for i, other := range []string{member, stranger} {
		end := []string{"vm", "vs"}[i]
		rtnltest.Veth(t, other, "eth0", node, end)
		rtnltest.Master(t, node, end, "br0")
		rtnltest.Addr(t, other, "eth0", []string{"10.9.0.2/24", "10.9.0.3/24"}[i])
		rtnltest.Addr(t, other, "eth0", []string{"fd09::2/64", "fd09::3/64"}[i])
	}
	for _, port := range []string{"2379", "2380"} {
		listen(t, node, "0.0.0.0:"+port, "tcp4")
		listen(t, node, "[::]:"+port, "tcp6")
	}
	for range 20 { // the kernel takes up to a second to let packets through a new pair
		if reaches(member, "10.9.0.1:2380") && reaches(stranger, "10.9.0.1:2380") && reaches(member, "[fd09::1]:2380") && reaches(stranger, "[fd09::1]:2380") {
			break
		}
	}
	return node, member, stranger
}

func listen(t *testing.T, ns, addr, network string) {
	t.Helper()
	err := rtnl.In(ns, func() error {
		l, err := net.Listen(network, addr)
		if err != nil {
			return err
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				c.Close()
			}
		}()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func reaches(ns, addr string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	_, err := Reach(ctx, ns, addr)
	return err == nil
}

func TestGuardLetsOnlyMembersIn(t *testing.T) {
	node, member, stranger := guarded(t)
	n := At(node)
	if err := n.WriteGuard(op.Guard{Name: "klustered-test"}); errors.Is(err, unix.EOPNOTSUPP) {
		t.Skipf("this kernel has no nf_tables: %v", err)
	}
	if err := n.RemoveGuard("klustered-test"); err != nil {
		t.Fatal(err)
	}
	g := op.Guard{Name: "klustered-etcd", Ports: []op.GuardPort{
		{Port: 2379}, {Port: 2380, Allow: []string{"10.9.0.2", "fd09::2"}},
	}}
	undo := apply(t, machine{Network: n}, op.GuardPorts{Guard: g})
	if got, ok, err := n.ReadGuard(g.Name); !ok || err != nil || !reflect.DeepEqual(got, g) {
		t.Errorf("reads back %+v, %v, %v; want %+v", got, ok, err, g)
	}
	for _, tc := range []struct {
		from, to string
		want     bool
	}{
		{member, "10.9.0.1:2380", true}, {stranger, "10.9.0.1:2380", false},
		{member, "[fd09::1]:2380", true}, {stranger, "[fd09::1]:2380", false},
		{member, "10.9.0.1:2379", false}, {stranger, "10.9.0.1:2379", false},
		{node, "127.0.0.1:2379", true}, {node, "10.9.0.1:2379", true},
	} {
		if got := reaches(tc.from, tc.to); got != tc.want {
			t.Errorf("%s to %s: %v, want %v", tc.from, tc.to, got, tc.want)
		}
	}
	shownByNft(t, node)
	undo()
	if _, ok, _ := n.ReadGuard(g.Name); ok || !reaches(stranger, "10.9.0.1:2380") {
		t.Error("the guard is still there")
	}
}

func shownByNft(t *testing.T, ns string) {
	t.Helper()
	if _, err := exec.LookPath("nft"); err != nil {
		return
	}
	var out []byte
	err := rtnl.In(ns, func() (err error) {
		out, err = exec.Command("nft", "list", "ruleset").CombinedOutput()
		return err
	})
	if err != nil || !strings.Contains(string(out), "tcp dport 2380 tcp dport @guarded ip saddr != @v4-2380") {
		t.Errorf("nft shows %s (%v)", out, err)
	}
}

func TestGuardIsForgottenByTheKernel(t *testing.T) {
	node, _, stranger := guarded(t)
	n := At(node)
	g := op.Guard{Name: "klustered-etcd", Ports: []op.GuardPort{{Port: 2380}}, Expires: time.Second}
	if err := n.WriteGuard(g); err != nil {
		t.Fatal(err)
	}
	if reaches(stranger, "10.9.0.1:2380") {
		t.Fatal("the guard does not hold")
	}
	if got, _, _ := n.ReadGuard(g.Name); got.Expires != g.Expires {
		t.Errorf("expires %v, want %v", got.Expires, g.Expires)
	}
	time.Sleep(1200 * time.Millisecond)
	if !reaches(stranger, "10.9.0.1:2380") {
		t.Error("the guard outlives its time")
	}
	if got, ok, _ := n.ReadGuard(g.Name); !ok || len(got.Ports) != 0 {
		t.Errorf("after its time: %+v, %v", got, ok)
	}
	g.Expires = 0 // confirmed
	if err := n.WriteGuard(g); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1200 * time.Millisecond)
	if reaches(stranger, "10.9.0.1:2380") {
		t.Error("a confirmed guard does not last")
	}
}

func TestEstablishedConnectionsAreGuardedToo(t *testing.T) {
	node, _, stranger := guarded(t)
	var c net.Conn
	done := make(chan error, 1)
	echo(t, node, "10.9.0.1:2381")
	if err := rtnl.In(stranger, func() (err error) {
		c, err = net.DialTimeout("tcp", "10.9.0.1:2381", time.Second)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := At(node).WriteGuard(op.Guard{Name: "g", Ports: []op.GuardPort{{Port: 2381}}}); err != nil {
		t.Fatal(err)
	}
	c.Write([]byte("x"))
	go func() {
		_, err := c.Read(make([]byte, 1))
		done <- err
	}()
	select {
	case err := <-done:
		t.Errorf("an answer came (%v)", err)
	case <-time.After(400 * time.Millisecond):
	}
}

func echo(t *testing.T, ns, addr string) {
	t.Helper()
	err := rtnl.In(ns, func() error {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return err
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := make([]byte, 1)
			if n, _ := c.Read(b); n == 1 {
				c.Write(b)
			}
		}()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestDialAnother: where another namespace has come into the place of one,
// nothing is opened in it.
func TestDialAnother(t *testing.T) {
	const own = "/proc/self/ns/net"
	inode, err := rtnl.Inode(own)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		inode uint64
		want  error
	}{{0, nil}, {inode, nil}, {inode + 1, fs.ErrNotExist}} {
		c, err := dialAt(own, tt.inode, unix.NETLINK_ROUTE)
		if !errors.Is(err, tt.want) {
			if tt.want == nil && errors.Is(err, fs.ErrPermission) {
				t.Skip(err) // setns(2) wants a privilege
			}
			t.Errorf("%d: %v, want %v", tt.inode, err, tt.want)
		}
		if err == nil {
			c.Close()
		}
	}
}
