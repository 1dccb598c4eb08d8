// Package socket collects the sockets of every network namespace of the node
// and finds the processes that hold them.
package socket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/network"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

const (
	maxSockets = 4000 // that are kept of each list
	maxPeers   = 500
	maxSeen    = 50000 // connections that are looked at
	atOnce     = 4
	until      = 800 * time.Millisecond
)

// Collectors collects snapshot.Sockets of the namespaces that the network's
// collector found.
func Collectors() []source.Collector {
	return []source.Collector{{
		Section: snapshot.SectionSockets,
		After:   []snapshot.Section{snapshot.SectionNetwork, snapshot.SectionProcesses},
		Live:    true,
		Collect: collect,
	}}
}

func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	if s.Network == nil || len(s.Network.Namespaces) == 0 {
		return errors.New("cannot list the sockets: the network namespaces were not seen")
	}
	r := &reader{env: e, kernel: network.NewKernel(e), found: map[uint64]bool{}}
	r.all(ctx, slices.Concat(s.Network.Namespaces, s.Network.Others))
	out := &snapshot.Sockets{Listening: []snapshot.Socket{}, Peers: peers(others(r.connections, r.mine))}
	for _, x := range r.sockets {
		switch x.Protocol {
		case "unix":
			out.Unix = append(out.Unix, x)
		case "raw", "packet":
			out.Raw = append(out.Raw, x)
		default:
			out.Listening = append(out.Listening, x)
		}
	}
	owners, err := holders(ctx, e, s.Processes, r.found)
	e.Gap(snapshot.SectionSockets, "/proc/PID/fd", err)
	for _, list := range []*[]snapshot.Socket{&out.Listening, &out.Raw, &out.Unix} {
		own(*list, owners, err == nil, s)
		order.By(*list, byPlace)
		if n := len(*list); n > maxSockets {
			e.Gap(snapshot.SectionSockets, "sockets", fmt.Errorf("cannot keep all %d sockets: the first %d are kept", n, maxSockets))
			*list = (*list)[:maxSockets]
		}
	}
	if ns, err := e.Readlink("/proc/1/ns/pid"); err == nil {
		out.Nested = ns != fmt.Sprintf("pid:[%d]", 0xEFFFFFFC) // PROC_PID_INIT_INO
	}
	s.Sockets = out
	return nil
}

// byPlace puts the host's sockets first.
func byPlace(a, b snapshot.Socket) int {
	return cmp.Or(-cmp.Compare(rank(a), rank(b)), strings.Compare(a.NetNS, b.NetNS), strings.Compare(a.Protocol, b.Protocol), strings.Compare(a.Address, b.Address), cmp.Compare(a.Inode, b.Inode))
}

func rank(s snapshot.Socket) int {
	if s.NetNS == "host" {
		return 1
	}
	return 0
}

// A reader reads namespaces, several at once.
type reader struct {
	env    *source.Env
	kernel *network.Kernel

	mu          sync.Mutex
	sockets     []snapshot.Socket
	found       map[uint64]bool // inodes of sockets
	connections []connection    // of the host
	mine        map[uint64]bool // sockets of this process, when they were read
}

// all reads namespaces until the time for it is over.
func (r *reader) all(ctx context.Context, list []snapshot.NetNS) {
	ctx, cancel := context.WithTimeout(ctx, until)
	defer cancel()
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range list {
		slots <- struct{}{}
		if ctx.Err() != nil {
			r.env.Gap(snapshot.SectionSockets, list[i].Name(), fmt.Errorf("cannot list the sockets of every network namespace: the time of %v is over", until))
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			err := rtnl.In(r.env.Abs(list[i].Path), func() error { return r.namespace(&list[i]) })
			r.env.Gap(snapshot.SectionSockets, list[i].Name(), err)
		})
	}
	wg.Wait()
}

// namespace reads the namespace that the calling thread is in.
func (r *reader) namespace(ns *snapshot.NetNS) error {
	names := map[int]string{}
	for _, l := range ns.Links {
		names[l.Index] = l.Name
	}
	var list []snapshot.Socket
	var conns []connection
	var errs []error
	own := map[uint64]bool{}
	for _, part := range []func(map[int]string) ([]snapshot.Socket, []connection, error){
		func(n map[int]string) ([]snapshot.Socket, []connection, error) { return r.inet(n, "tcp", ns.Host) },
		func(n map[int]string) ([]snapshot.Socket, []connection, error) { return r.inet(n, "udp", false) },
		r.unix, r.raw, r.packet,
	} {
		s, c, err := part(names)
		if len(c) > 0 {
			own = mine(r.env)
		}
		list, conns, errs = append(list, s...), append(conns, c...), append(errs, err)
	}
	for i := range list {
		list[i].NetNS = ns.Name()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(own) > 0 {
		r.mine = own
	}
	r.sockets, r.connections = append(r.sockets, list...), append(r.connections, conns...)
	for _, x := range list {
		r.found[x.Inode] = true
	}
	return errors.Join(errs...)
}

// inet lists the TCP or UDP sockets of both families.
func (r *reader) inet(names map[int]string, protocol string, connections bool) (list []snapshot.Socket, conns []connection, err error) {
	proto := byte(unix.IPPROTO_TCP)
	if protocol == "udp" {
		proto = unix.IPPROTO_UDP
	}
	take := func(x sock) {
		switch {
		case protocol == "udp" && x.state == stateClose, x.state == stateListen, x.state == stateBound:
			list = append(list, x.socket(protocol, names))
		case connections && len(conns) < maxSeen && (known[x.local.Port()] || known[x.remote.Port()]):
			conns = append(conns, x.connection())
		}
	}
	if r.kernel.Loaded("inet_diag") && r.kernel.Loaded(protocol+"_diag") {
		if err = diagnose(proto, connections, take); !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EPROTONOSUPPORT) {
			return list, conns, err
		}
	}
	for _, file := range []string{protocol, protocol + "6"} {
		data, err := r.table(file)
		if err != nil {
			return list, conns, err
		}
		for _, x := range parseTable(data) {
			take(x)
		}
	}
	return list, conns, nil
}

// table reads a file of the calling thread's network namespace. A kernel
// without the protocol has none.
func (r *reader) table(name string) ([]byte, error) {
	const dir = "/proc/thread-self/net/"
	if !r.env.Exists(dir + name) {
		return nil, nil
	}
	return r.env.ReadFile(dir + name)
}
