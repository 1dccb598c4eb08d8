package proc

import (
	"bytes"
	"os"
	"strconv"
)

// Holds reports whether a process holds a netlink socket of the family with
// that port, in its own network namespace.
func (r *Reader) Holds(pid, family int, port uint32) bool {
	data, err := os.ReadFile(r.root() + "/" + strconv.Itoa(pid) + "/net/netlink")
	if err != nil {
		return false
	}
	inode := Socket(data, family, port)
	return inode != "" && r.opens(pid, inode)
}

// Holders are the processes that hold a netlink socket of the family with that
// port in the network namespace of which self is a process. It looks at every
// process.
func (r *Reader) Holders(self string, family int, port uint32) (out []int) {
	data, err := os.ReadFile(r.root() + "/" + self + "/net/netlink")
	if err != nil {
		return nil
	}
	inode := Socket(data, family, port)
	list, err := os.ReadDir(r.root())
	if err != nil || inode == "" {
		return nil
	}
	for _, x := range list {
		if pid, err := strconv.Atoi(x.Name()); err == nil && r.opens(pid, inode) {
			out = append(out, pid)
		}
	}
	return out
}

// opens reports whether one of a process's files is that socket.
func (r *Reader) opens(pid int, inode string) bool {
	dir := r.root() + "/" + strconv.Itoa(pid) + "/fd"
	d, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer d.Close()
	names, _ := d.Readdirnames(1 << 16)
	for _, n := range names {
		if to, err := os.Readlink(dir + "/" + n); err == nil && to == "socket:["+inode+"]" {
			return true
		}
	}
	return false
}

// Socket is the inode of the netlink socket of a family with that port in
// /proc/net/netlink, or "".
func Socket(table []byte, family int, port uint32) string {
	for line := range bytes.Lines(table) {
		f := bytes.Fields(line)
		if len(f) >= 10 && string(f[1]) == strconv.Itoa(family) && string(f[2]) == strconv.FormatUint(uint64(port), 10) {
			return string(f[9])
		}
	}
	return ""
}
