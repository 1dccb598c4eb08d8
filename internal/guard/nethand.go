package guard

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/guard/netlink"
	"github.com/klustered/klustered/internal/guard/proc"
)

// link reads a symbolic link of /proc; "" when it cannot be read.
func link(path string) string {
	s, _ := os.Readlink(path)
	return s
}

// maxPID is the greatest number of a process. A greater port is one that the
// kernel chose for a second socket of a process.
const maxPID = 1 << 22

// hand names who asked the kernel for a change. The kernel's own word decides;
// where it has none, who holds the socket that asked; where that has ended, who
// had its number just now, in the same namespaces. Else it is not known.
func (x wire) hand(e netlink.Event) Hand {
	if e.Port == 0 && e.PID == 0 {
		return x.perhaps(Hand{Process: nobody(0), Note: "the kernel itself, or one that it does not name"}, e)
	}
	if x.first && e.PID > 0 && e.Name != "" {
		h := x.w.hand(e.PID)
		if !named(h.Process, e.Name) {
			h = Hand{Process: nobody(e.PID), Note: "it has ended; the kernel told its name alone"}
			h.Name = e.Name
		}
		h.Known = true
		return x.unsure(h, e)
	}
	held := x.holders(e.Port)
	if len(held) == 1 {
		if h := x.w.hand(held[0]); h.Known {
			h.Note = "it holds the netlink socket that asked"
			return x.unsure(h, e)
		}
	}
	h := Hand{Process: nobody(0), Note: "a process that has ended, or of another process namespace"}
	for _, pid := range held {
		h.Candidates = append(h.Candidates, x.w.hand(pid).Process)
	}
	if len(held) > 0 || e.Port <= 1 || e.Port > maxPID { // the first process has its own sockets
		return x.perhaps(h, e)
	}
	n := x.w.hand(e.Port)
	switch {
	case !n.Known || e.Name != "" && !named(n.Process, e.Name):
	case n.Net == x.net && n.PIDs == x.pids && time.Since(n.Start) < asked:
		n.Note = "its number is that of the netlink socket that asked, which is closed"
		return x.unsure(n, e)
	default:
		h.Note += ": its number is that of the netlink socket that asked, in whichever process namespace"
		h = h.add(n.Process)
	}
	return x.perhaps(h, e)
}

// holders are the processes that hold the socket of that port; the one of that
// number is asked first.
func (x wire) holders(port int) []int {
	if port > 1 && port <= maxPID && link("/proc/"+strconv.Itoa(port)+"/ns/net") == x.net && x.w.reader.Holds(port, x.family, uint32(port)) {
		return []int{port}
	}
	return x.w.reader.Holders(x.self(), x.family, uint32(port))
}

// unsure takes back a hand where messages were lost before the change was whole.
func (x wire) unsure(h Hand, e netlink.Event) Hand {
	if !e.Unsure {
		return h
	}
	return Hand{Process: nobody(0), Candidates: []proc.Process{h.Process}, Note: "changes were lost before this one: it may be another's"}
}

// perhaps adds who began just before and names what was changed.
func (x wire) perhaps(h Hand, e netlink.Event) Hand {
	var words []string
	for _, k := range e.Keys {
		word, _, _ := strings.Cut(k, " table ")
		words = append(words, word)
	}
	for _, p := range x.w.ring.Since(time.Now().Add(-namedFor), func(p proc.Process) bool {
		return p.PID != os.Getpid() && slices.ContainsFunc(p.Args, func(a string) bool { return slices.Contains(words, a) })
	}) {
		h = h.add(p)
	}
	return h
}

// namedFor is how long before a change who names it on its command line may have
// begun.
const namedFor = 3 * time.Second

// self is a process of the network namespace that is watched, as /proc names
// it.
func (x wire) self() string {
	dir, ok := strings.CutSuffix(x.w.opts.netns, "/ns/net")
	if name, below := strings.CutPrefix(dir, "/proc/"); ok && below {
		return name
	}
	return "self"
}

// nameLen is how much of a name the kernel keeps: TASK_COMM_LEN without its end.
const nameLen = 15

// named reports whether a process is of that name: as the kernel knows it, by
// its program or as it was called. The kernel cuts names.
func named(p proc.Process, name string) bool {
	all := []string{p.Name, filepath.Base(p.Exe)}
	if len(p.Args) > 0 {
		all = append(all, filepath.Base(p.Args[0]))
	}
	return slices.ContainsFunc(all, func(s string) bool { return s != "." && s[:min(len(s), nameLen)] == name })
}

// services are the components that run in a unit of their own, with their
// programs; they change the network all day, and what they do is counted.
var services = map[string][]string{
	"kubelet.service": {"kubelet"}, "containerd.service": {"containerd"}, "crio.service": {"crio"}, "cri-docker.service": {"cri-dockerd"},
	"docker.service": {"dockerd"}, "k3s.service": {"k3s"}, "k3s-agent.service": {"k3s"}, "rke2-server.service": {"rke2"}, "rke2-agent.service": {"rke2"},
}

// agents are the same in pods, by where their images have them.
var agents = []string{"/usr/local/bin/kube-proxy", "/opt/bin/flanneld", "/usr/bin/calico-node", "/bin/calico-node", "/usr/bin/cilium-agent", "/usr/local/bin/kube-router", "/bin/kindnetd"}

// component reports whether a hand is one of the node's own components, or was
// begun by one in the same unit or container: by the unit or the container that
// it is in and the program that it runs there, and not by its name, which every
// process may choose.
func component(h Hand) bool {
	if !h.Known {
		return false
	}
	for _, p := range append([]proc.Process{h.Process}, h.Lineage...) {
		if p.Unit != h.Unit || p.Pod != h.Pod || p.Container != h.Container {
			return false
		}
		switch {
		case p.Exe == "":
		case p.Pod != "":
			if slices.Contains(agents, p.Exe) {
				return true
			}
		case slices.Contains(services[p.Unit], filepath.Base(p.Exe)) && installed(p.Exe):
			return true
		}
	}
	return false
}

// installed reports whether a program lies where only its installation puts it.
func installed(exe string) bool {
	return slices.Contains([]string{"/usr/bin", "/usr/local/bin", "/usr/sbin", "/usr/local/sbin", "/bin", "/opt/bin", "/var/lib/rancher/rke2/bin"}, filepath.Dir(exe))
}

// add takes in one who may have done it, once.
func (h Hand) add(p proc.Process) Hand {
	same := func(q proc.Process) bool { return q.PID == p.PID && q.Start.Equal(p.Start) }
	if len(h.Candidates) < maxCandidates && !slices.ContainsFunc(h.Candidates, same) && !(h.Known && same(h.Process)) {
		h.Candidates = append(slices.Clone(h.Candidates), p)
	}
	return h
}

// maxCandidates bounds those who may have done it.
const maxCandidates = 6

// nobody is a process of which only the number is known; 0 for not even that.
func nobody(pid int) proc.Process { return proc.Process{PID: pid, UID: -1, LoginUID: -1} }
