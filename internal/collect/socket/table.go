package socket

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/snapshot"
)

// maxLines bounds the lines of a table that are read.
const maxLines = 200000

// parseTable reads /proc/net/tcp, udp, raw or their IPv6 forms.
func parseTable(data []byte) []sock {
	var out []sock
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) < 10 || !strings.HasSuffix(f[0], ":") || len(out) == maxLines {
			continue
		}
		local, okL := parseEnd(f[1])
		remote, okR := parseEnd(f[2])
		state, err := strconv.ParseUint(f[3], 16, 8)
		if !okL || !okR || err != nil {
			continue
		}
		x := sock{local: local, remote: remote, state: byte(state)}
		tx, rx, _ := strings.Cut(f[4], ":")
		x.tx, x.rx = hex32(tx), hex32(rx)
		uid, _ := strconv.ParseUint(f[7], 10, 32)
		x.uid = uint32(uid)
		x.inode, _ = strconv.ParseUint(f[9], 10, 64)
		if x.state == stateListen {
			x.tx = 0 // how many may wait is not told here
		}
		out = append(out, x)
	}
	return out
}

// parseEnd reads an address and port: words of four bytes in the machine's
// order, in hexadecimal.
func parseEnd(s string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(s, ":")
	raw, err := hex.DecodeString(host)
	p, errP := strconv.ParseUint(port, 16, 16)
	if err != nil || errP != nil || len(raw) != 4 && len(raw) != 16 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	a, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(a, uint16(p)), ok
}

func hex32(s string) uint32 {
	v, _ := strconv.ParseUint(s, 16, 32)
	return uint32(v)
}

// raw lists raw IP sockets, whose port is the protocol that they see.
func (r *reader) raw(names map[int]string) (list []snapshot.Socket, _ []connection, err error) {
	for _, file := range []string{"raw", "raw6"} {
		data, err := r.table(file)
		if err != nil {
			return list, nil, err
		}
		for _, x := range parseTable(data) {
			s := x.socket("raw", names)
			s.Address, s.Number = x.local.Addr().String(), ipProtocol(x.local.Port())
			list = append(list, s)
		}
	}
	return list, nil, nil
}

func ipProtocol(n uint16) string {
	switch n {
	case unix.IPPROTO_ICMP:
		return "icmp"
	case unix.IPPROTO_ICMPV6:
		return "ipv6-icmp"
	case unix.IPPROTO_TCP:
		return "tcp"
	case unix.IPPROTO_UDP:
		return "udp"
	case unix.IPPROTO_RAW:
		return "raw"
	}
	return strconv.Itoa(int(n))
}

// packet lists packet sockets, which see frames of an interface or of all.
func (r *reader) packet(names map[int]string) ([]snapshot.Socket, []connection, error) {
	data, err := r.table("packet")
	return parsePacket(data, names), nil, err
}

// parsePacket reads /proc/net/packet.
func parsePacket(data []byte, names map[int]string) []snapshot.Socket {
	var out []snapshot.Socket
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) < 9 || f[0] == "sk" || len(out) == maxSockets {
			continue
		}
		index, _ := strconv.Atoi(f[4])
		uid, _ := strconv.ParseUint(f[7], 10, 32)
		s := snapshot.Socket{Protocol: "packet", Address: names[index], UID: uint32(uid), State: "unconn", Number: "0x" + f[3]}
		if s.Inode, _ = strconv.ParseUint(f[8], 10, 64); s.Address == "" {
			s.Address = "*"
		}
		if hex32(f[3]) == unix.ETH_P_ALL {
			s.Number = "all"
		}
		out = append(out, s)
	}
	return out
}

// unix lists the Unix sockets that listen. How many connections wait is told
// by sock_diag alone.
func (r *reader) unix(map[int]string) ([]snapshot.Socket, []connection, error) {
	data, err := r.table("unix")
	list := parseUnix(data)
	if len(list) > 0 && r.kernel.Loaded("unix_diag") {
		waiting, _ := unixQueues() // an addition: without it the list is whole
		for i := range list {
			if q, ok := waiting[list[i].Inode]; ok {
				list[i].Queue, list[i].Backlog = q[0], q[1]
			}
		}
	}
	return list, nil, err
}

// parseUnix reads the listening sockets of /proc/net/unix.
func parseUnix(data []byte) []snapshot.Socket {
	const accepts = 0x10000 // __SO_ACCEPTCON
	var out []snapshot.Socket
	for line := range strings.Lines(string(data)) {
		rest := strings.Fields(line)
		if len(rest) < 7 || rest[0] == "Num" || hex32(rest[3])&accepts == 0 || len(out) == maxSockets {
			continue
		}
		s := snapshot.Socket{Protocol: "unix", State: "listen"}
		s.Inode, _ = strconv.ParseUint(rest[6], 10, 64)
		if _, name, ok := strings.Cut(line, " "+rest[6]+" "); ok {
			s.Address = strings.TrimRight(name, "\n")
		}
		out = append(out, s)
	}
	return out
}
