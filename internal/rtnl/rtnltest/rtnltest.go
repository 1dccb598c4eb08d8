// Package rtnltest makes network namespaces for tests, out of nothing but
// netlink. They are gone when the test ends.
package rtnltest

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
)

// New makes a network namespace and returns where it can be entered. A test
// without the right to make one is skipped.
func New(t testing.TB) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("making a network namespace needs root")
	}
	ready, done := make(chan error), make(chan struct{})
	var path string
	go func() {
		runtime.LockOSThread() // never unlocked: the thread and its namespace end with it
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			ready <- err
			return
		}
		path = fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid())
		ready <- nil
		<-done
	}()
	if err := <-ready; err != nil {
		t.Skipf("making a network namespace needs CAP_SYS_ADMIN: %v", err)
	}
	t.Cleanup(func() { close(done) })
	Up(t, path, "lo")
	return path
}

// Veth makes a pair of interfaces, both up: a in the namespace at path, b in
// that at other.
func Veth(t testing.TB, path, a, other, b string) {
	t.Helper()
	ns, err := os.Open(other)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	peer := rtnl.AppendText(make([]byte, unix.SizeofIfInfomsg), unix.IFLA_IFNAME, b)
	peer = rtnl.AppendUint32(peer, unix.IFLA_NET_NS_FD, uint32(ns.Fd()))
	const vethPeer = 1 // VETH_INFO_PEER
	info := rtnl.AppendText(nil, unix.IFLA_INFO_KIND, "veth")
	info = rtnl.AppendNested(info, unix.IFLA_INFO_DATA, rtnl.AppendNested(nil, vethPeer, peer))
	newLink(t, path, a, info)
	Up(t, path, a)
	Up(t, other, b)
}

// Link makes an interface of that kind, such as bridge, and sets it up.
func Link(t testing.TB, path, name, kind string) {
	t.Helper()
	newLink(t, path, name, rtnl.AppendText(nil, unix.IFLA_INFO_KIND, kind))
	Up(t, path, name)
}

func newLink(t testing.TB, path, name string, info []byte) {
	t.Helper()
	body := rtnl.AppendText(make([]byte, unix.SizeofIfInfomsg), unix.IFLA_IFNAME, name)
	body = rtnl.AppendNested(body, unix.IFLA_LINKINFO, info)
	do(t, path, unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, body)
}

// Up sets an interface up.
func Up(t testing.TB, path, name string) {
	t.Helper()
	body := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(body[8:], unix.IFF_UP)
	binary.NativeEndian.PutUint32(body[12:], unix.IFF_UP)
	do(t, path, unix.RTM_NEWLINK, 0, rtnl.AppendText(body, unix.IFLA_IFNAME, name))
}

// Master puts an interface into a bridge.
func Master(t testing.TB, path, name, bridge string) {
	t.Helper()
	body := rtnl.AppendText(make([]byte, unix.SizeofIfInfomsg), unix.IFLA_IFNAME, name)
	do(t, path, unix.RTM_NEWLINK, 0, rtnl.AppendUint32(body, unix.IFLA_MASTER, uint32(Index(t, path, bridge))))
}

// Addr gives an interface an address, such as 10.0.0.1/24.
func Addr(t testing.TB, path, name, cidr string) {
	t.Helper()
	p := netip.MustParsePrefix(cidr)
	body := make([]byte, unix.SizeofIfAddrmsg)
	body[0], body[1] = unix.AF_INET, byte(p.Bits())
	if p.Addr().Is6() {
		body[0], body[2] = unix.AF_INET6, unix.IFA_F_NODAD
	}
	binary.NativeEndian.PutUint32(body[4:], uint32(Index(t, path, name)))
	body = rtnl.Append(body, unix.IFA_LOCAL, p.Addr().AsSlice())
	body = rtnl.Append(body, unix.IFA_ADDRESS, p.Addr().AsSlice())
	do(t, path, unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, body)
}

// Route sends dst through an interface by a gateway, or directly without one.
func Route(t testing.TB, path, dst, gateway, name string) {
	t.Helper()
	p := netip.MustParsePrefix(dst)
	body := make([]byte, unix.SizeofRtMsg)
	body[0], body[1] = unix.AF_INET, byte(p.Bits())
	body[4], body[5], body[7] = unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, unix.RTN_UNICAST
	if p.Bits() > 0 {
		body = rtnl.Append(body, unix.RTA_DST, p.Addr().AsSlice())
	}
	if gateway != "" {
		body = rtnl.Append(body, unix.RTA_GATEWAY, netip.MustParseAddr(gateway).AsSlice())
	}
	body = rtnl.AppendUint32(body, unix.RTA_OIF, uint32(Index(t, path, name)))
	do(t, path, unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, body)
}

// Index is an interface's number.
func Index(t testing.TB, path, name string) int {
	t.Helper()
	index := 0
	c := dial(t, path)
	defer c.Close()
	err := c.Dump(unix.RTM_GETLINK, make([]byte, unix.SizeofIfInfomsg), func(m rtnl.Message) error {
		if rtnl.ParseAttrs(m.Body, unix.SizeofIfInfomsg).Text(unix.IFLA_IFNAME) == name {
			index = int(rtnl.Uint32(m.Body, 4))
		}
		return nil
	})
	if err != nil || index == 0 {
		t.Fatalf("interface %q not found in %s: %v", name, path, err)
	}
	return index
}

func dial(t testing.TB, path string) *rtnl.Conn {
	t.Helper()
	c, err := rtnl.DialIn(path, unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func do(t testing.TB, path string, kind, flags uint16, body []byte) {
	t.Helper()
	c := dial(t, path)
	defer c.Close()
	if err := c.Do(rtnl.Message{Type: kind, Flags: flags | unix.NLM_F_ACK, Body: body}); err != nil {
		t.Fatalf("netlink message %d: %v", kind, err)
	}
}
