package socket

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/network"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/internal/rtnl/rtnltest"
	"github.com/klustered/klustered/snapshot"
)

func TestParseTable(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the table is one of a little-endian machine")
	}
	got := parseTable([]byte(`  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0B00007F:A383 00000000:0000 0A 00000080:00000003 00:00000000 00000000   101        0 108235 1 00000000d813d4c2 100 0 0 10 0
   1: 0100007F:094B 0100007F:C3A8 01 00000000:00000007 00:00000000 00000000     0        0 7
   2: 00000000000000000000000001000000:192B 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 9
   x: broken
`))
	want := []sock{
		{local: netip.MustParseAddrPort("127.0.0.11:41859"), remote: netip.MustParseAddrPort("0.0.0.0:0"), state: 10, rx: 3, uid: 101, inode: 108235},
		{local: netip.MustParseAddrPort("127.0.0.1:2379"), remote: netip.MustParseAddrPort("127.0.0.1:50088"), state: 1, rx: 7, inode: 7},
		{local: netip.MustParseAddrPort("[::1]:6443"), remote: netip.MustParseAddrPort("[::]:0"), state: 10, inode: 9},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestParseUnixAndPacket(t *testing.T) {
	list := parseUnix([]byte(`Num       RefCount Protocol Flags    Type St Inode Path
0000000029ffef64: 00000003 00000000 00000000 0001 03 154143 /run/containerd/containerd.sock.ttrpc
0000000029ffef65: 00000002 00000000 00010000 0001 01 154144 /run/a b.sock
0000000029ffef66: 00000002 00000000 00010000 0005 01 154145 @abstract
0000000029ffef67: 00000002 00000000 00010000 0005 01 154146
`))
	want := []snapshot.Socket{
		{Protocol: "unix", State: "listen", Inode: 154144, Address: "/run/a b.sock"},
		{Protocol: "unix", State: "listen", Inode: 154145, Address: "@abstract"},
		{Protocol: "unix", State: "listen", Inode: 154146},
	}
	if !reflect.DeepEqual(list, want) {
		t.Errorf("got  %+v\nwant %+v", list, want)
	}
	list = parsePacket([]byte("sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n00000000b2dedd1d 3      3    0003   2     1 0      0      4711\n00000000b2dedd1d 3      3    88cc   0     1 0      7      12\n"), map[int]string{2: "eth0"})
	want = []snapshot.Socket{
		{Protocol: "packet", State: "unconn", Address: "eth0", Number: "all", Inode: 4711},
		{Protocol: "packet", State: "unconn", Address: "*", Number: "0x88cc", UID: 7, Inode: 12},
	}
	if !reflect.DeepEqual(list, want) {
		t.Errorf("got  %+v\nwant %+v", list, want)
	}
}

// TestANamespaceIsRead opens sockets of every kind in a new namespace and
// wants them, with this process as their owner, by either way of reading.
func TestANamespaceIsRead(t *testing.T) {
	ns := rtnltest.New(t)
	var closers []func() error
	err := rtnl.In(ns, func() error {
		l, err := net.Listen("tcp4", "127.0.0.1:6443")
		if err != nil {
			return err
		}
		c, err := net.Dial("tcp4", "127.0.0.1:6443")
		if err != nil {
			return err
		}
		u, err := net.ListenPacket("udp4", "127.0.0.1:53")
		if err != nil {
			return err
		}
		r, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
		if err != nil {
			return err
		}
		p, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(unix.ETH_P_ALL>>8|unix.ETH_P_ALL<<8&0xff00))
		if err != nil {
			return err
		}
		x, err := net.Listen("unix", "@klustered-test")
		closers = append(closers, l.Close, c.Close, u.Close, x.Close, func() error { unix.Close(r); return unix.Close(p) })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, c := range closers {
			c()
		}
	}()
	e := source.New("/", true)
	for _, tables := range []bool{false, true} {
		k := network.NewKernel(e)
		if tables {
			dir := t.TempDir() // a kernel with modules, and none of those asked for
			os.MkdirAll(dir+"/proc", 0o755)
			os.WriteFile(dir+"/proc/modules", []byte("ext4 1 0\n"), 0o644)
			k = network.NewKernel(source.New(dir, false))
		}
		r := &reader{env: e, kernel: k, found: map[uint64]bool{}}
		host := snapshot.NetNS{Host: true, Path: ns, Links: []snapshot.Link{{Index: 1, Name: "lo"}}}
		r.all(t.Context(), []snapshot.NetNS{host})
		owners, err := holders(t.Context(), e, nil, r.found)
		if err != nil {
			t.Fatal(err)
		}
		own(r.sockets, owners, true, &snapshot.Snapshot{Network: &snapshot.Network{}})
		var seen []string
		for _, s := range r.sockets {
			if len(s.Owners) != 1 || s.Owners[0].PID != os.Getpid() || s.Unowned {
				t.Errorf("owners of %+v", s)
			}
			seen = append(seen, strings.Join([]string{s.Protocol, s.Address, s.State, s.Number}, " "))
			if s.Protocol == "tcp" && (s.Queue != 1 || s.Backlog == 0 != tables) {
				t.Errorf("queue of %+v", s)
			}
		}
		want := []string{"tcp 127.0.0.1:6443 listen ", "udp 127.0.0.1:53 unconn ", "unix @klustered-test listen ", "raw 0.0.0.0 unconn icmp", "packet * unconn all"}
		if !reflect.DeepEqual(seen, want) {
			t.Errorf("tables %v: got  %q\nwant %q", tables, seen, want)
		}
		if left := others(slices.Clone(r.connections), r.mine); len(left) != 0 {
			t.Errorf("connections of this process are told: %+v", left)
		}
		got := peers(r.connections)
		if len(got) != 2 || got[0].Peer != "127.0.0.1" || !got[0].Server || got[0].States["established"] != 1 || got[1].Peer != "127.0.0.1:6443" {
			t.Errorf("peers %+v (gaps %v)", got, e.Gaps())
		}
	}
}

func TestSocketsOfTheKernelAreTold(t *testing.T) {
	s := &snapshot.Snapshot{
		Network: &snapshot.Network{Namespaces: []snapshot.NetNS{{Host: true, Links: []snapshot.Link{{Name: "flannel.1", Kind: "vxlan", Data: &snapshot.LinkData{UDPPort: 8472}}}}}},
	}
	list := []snapshot.Socket{
		{NetNS: "host", Protocol: "udp", Address: "0.0.0.0:8472", Inode: 5},
		{NetNS: "host", Protocol: "udp", Address: "[::]:8472", Inode: 6},
		{NetNS: "host", Protocol: "tcp", Address: "[::]:4444", Inode: 7},
		{NetNS: "host", Protocol: "tcp", Address: "[::]:22", Inode: 8},
	}
	own(list, map[uint64][]snapshot.SocketOwner{8: {{PID: 3}}}, true, s)
	if list[0].Kernel != "vxlan flannel.1" || list[1].Kernel != "vxlan flannel.1" || list[0].Unowned || !list[2].Unowned || list[3].Unowned {
		t.Errorf("got %+v", list)
	}
}

func TestCollectThisMachine(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("reading process 1's network namespace needs root")
	}
	e := source.New("/", true)
	s := &snapshot.Snapshot{Network: &snapshot.Network{Namespaces: []snapshot.NetNS{{Host: true, Path: "/proc/1/ns/net"}}}}
	if err := Collectors()[0].Collect(context.Background(), e, s); err != nil || s.Sockets == nil {
		t.Fatal(err)
	}
}

func FuzzSockets(f *testing.F) {
	b := make([]byte, msgLen)
	b[0] = unix.AF_INET6
	f.Add(rtnl.Append(b, attrV6Only, []byte{1}))
	f.Add([]byte("   0: 0B00007F:A383 00000000:0000 0A 00000080:00000003 00:00000000 00000000   101        0 108235 1\n"))
	f.Add([]byte("0000000029ffef65: 00000002 00000000 00010000 0001 01 154144 /run/a b.sock\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if x, ok := parseDiag(data); ok {
			x.socket("tcp", nil)
			x.connection()
		}
		for _, x := range parseTable(data) {
			x.connection()
		}
		parseUnixDiag(data)
		parseUnix(data)
		parsePacket(data, nil)
		socketInode(string(data))
		x := snapshot.Socket{Protocol: "udp", Address: string(data)}
		kernels(&x, map[string]string{"host:1": "x"}, nil)
	})
}
