package socket

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// maxOwners bounds the processes that are named of one socket.
const maxOwners = 8

// holders finds the processes with descriptors of the wanted sockets.
func holders(ctx context.Context, e *source.Env, p *snapshot.Processes, wanted map[uint64]bool) (map[uint64][]snapshot.SocketOwner, error) {
	list, err := e.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	known := map[int]*snapshot.Process{}
	if p != nil {
		for i := range p.List {
			known[p.List[i].PID] = &p.List[i]
		}
	}
	out := map[uint64][]snapshot.SocketOwner{}
	denied := 0
	var mu sync.Mutex
	var wg sync.WaitGroup
	pids := make(chan int)
	for range max(2, runtime.NumCPU()) {
		wg.Go(func() {
			for pid := range pids {
				held, err := sockets(e, fmt.Sprintf("/proc/%d/fd", pid), wanted)
				mu.Lock()
				if err != nil {
					denied++
				}
				for inode, fd := range held {
					out[inode] = append(out[inode], owner(pid, fd, known[pid]))
				}
				mu.Unlock()
			}
		})
	}
	for _, x := range list {
		if pid, err := strconv.Atoi(x.Name()); err == nil && ctx.Err() == nil {
			pids <- pid
		}
	}
	close(pids)
	wg.Wait()
	for _, owners := range out {
		order.By(owners, func(a, b snapshot.SocketOwner) int { return a.PID - b.PID })
	}
	if err = ctx.Err(); err == nil && denied > 0 {
		err = fmt.Errorf("cannot read the descriptors of %d processes: %w", denied, unix.EACCES)
	}
	return out, err
}

func owner(pid, fd int, p *snapshot.Process) snapshot.SocketOwner {
	o := snapshot.SocketOwner{PID: pid, FD: fd}
	if p != nil {
		o.Name, o.Exe, o.Container = p.Name, p.Exe, p.Container
	}
	return o
}

// sockets returns the lowest descriptor of each wanted socket in a folder of
// descriptors. A process that has ended has none.
func sockets(e *source.Env, dir string, wanted map[uint64]bool) (map[uint64]int, error) {
	list, err := e.ReadDir(dir)
	if err != nil {
		if os.IsPermission(err) {
			return nil, err
		}
		return nil, nil
	}
	var out map[uint64]int
	for _, x := range list {
		link, err := e.Readlink(dir + "/" + x.Name())
		if err != nil {
			continue
		}
		inode, ok := socketInode(link)
		fd, err := strconv.Atoi(x.Name())
		if !ok || err != nil || !wanted[inode] {
			continue
		}
		if out == nil {
			out = map[uint64]int{}
		}
		if was, seen := out[inode]; !seen || fd < was {
			out[inode] = fd
		}
	}
	return out, nil
}

// socketInode reads socket:[INODE].
func socketInode(link string) (uint64, bool) {
	text, ok := strings.CutPrefix(link, "socket:[")
	if !ok {
		return 0, false
	}
	inode, err := strconv.ParseUint(strings.TrimSuffix(text, "]"), 10, 64)
	return inode, err == nil
}

// own adds owners to sockets, tells the kernel's, and marks those that nobody
// holds, when every process was looked at.
func own(list []snapshot.Socket, owners map[uint64][]snapshot.SocketOwner, whole bool, s *snapshot.Snapshot) {
	ports := tunnels(s.Network)
	for i := range list {
		x := &list[i]
		held := owners[x.Inode]
		x.Owners = held[:min(len(held), maxOwners)]
		if len(held) > 0 {
			continue
		}
		x.Kernel = kernels(x, ports, s.Processes)
		x.Unowned = whole && x.Kernel == ""
	}
}

// tunnels are the ports on which the kernel itself takes packets of tunnels:
// namespace and port to the interface.
func tunnels(n *snapshot.Network) map[string]string {
	out := map[string]string{}
	for _, ns := range slices.Concat(n.Namespaces, n.Others) {
		for _, l := range ns.Links {
			switch {
			case l.Kind == "wireguard":
				out[ns.Name()] = "wireguard " + l.Name
			case l.Data != nil && l.Data.UDPPort > 0:
				out[fmt.Sprintf("%s:%d", ns.Name(), l.Data.UDPPort)] = l.Kind + " " + l.Name
			}
		}
	}
	return out
}

// kernels names who of the kernel has a socket that no process holds: a tunnel
// by its port, or a kernel thread that serves it.
func kernels(x *snapshot.Socket, ports map[string]string, p *snapshot.Processes) string {
	_, port, _ := strings.Cut(x.Address[strings.LastIndex(x.Address, "]")+1:], ":")
	if x.Protocol == "udp" {
		if name := ports[x.NetNS+":"+port]; name != "" {
			return name
		}
		if name := ports[x.NetNS]; name != "" {
			return name
		}
	}
	if port == "2049" && thread(p, "nfsd") {
		return "nfsd"
	}
	if port != "" && x.UID == 0 && thread(p, "lockd") {
		return "lockd"
	}
	return ""
}

// thread reports whether the kernel has a thread of that name.
func thread(p *snapshot.Processes, name string) bool {
	return p != nil && slices.ContainsFunc(p.List, func(x snapshot.Process) bool { return x.Name == name && x.PPID == 2 && x.Exe == "" })
}
