package guard

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/guard/fanotify"
	"github.com/klustered/klustered/internal/guard/netlink"
	"github.com/klustered/klustered/internal/guard/proc"
)

// networkKinds are the targets that netlink tells of; network is all of them.
var networkKinds = []string{"network", "qdisc", "route", "rule", "link"}

// watchNetwork hears of changes of the node's own network namespace.
func (w *Watch) watchNetwork(ctx context.Context) {
	if !slices.ContainsFunc(w.opts.Targets, func(t Target) bool { return slices.Contains(networkKinds, t.Kind) }) {
		return
	}
	for name, dial := range map[string]func(string) (*netlink.Conn, error){"links, routes and qdiscs": netlink.Route, "the packet filter": netlink.Netfilter} {
		c, err := dial(w.opts.netns)
		if err != nil {
			w.note("%s are not watched: %v", name, err)
			continue
		}
		w.mu.Lock()
		w.summary.Watched++
		w.mu.Unlock()
		context.AfterFunc(ctx, c.Stop)
		w.work.Go(func() {
			defer c.Close()
			fanotify.Hurry()
			for {
				events, lost, err := c.Read()
				if lost {
					w.lose()
				}
				if err != nil {
					return
				}
				for _, e := range events {
					w.network(c, e)
				}
			}
		})
	}
}

// network tells of one change, unless it is the daily work of the node's own
// components or follows by itself from another.
func (w *Watch) network(c *netlink.Conn, e netlink.Event) {
	if e.Did == "" || e.Kind != "ruleset" && e.Port == 0 && e.PID == 0 && e.Kind != "link" || e.Port == 0 && c.Kind(e.Link) == "veth" {
		return
	}
	h := w.netHand(e)
	if ordinary(h) {
		w.mu.Lock()
		w.summary.Ordinary++
		w.mu.Unlock()
		return
	}
	d := Deed{At: time.Now().UTC(), Kind: e.Kind, What: e.What, Did: e.Did, Events: 1, Hand: h}
	for _, t := range w.opts.Targets {
		same := t.Kind == e.Kind && (t.Name == e.What || strings.Contains(t.Name, e.What)) || t.Kind == "rule" && e.Kind == "ruleset" && sameTable(t.Name, e.Did)
		if t.Repair > 0 && same {
			d.Repair = t.Repair
		}
	}
	w.tell(d)
}

// sameTable reports whether an op and a change speak of the same table.
func sameTable(op, did string) bool {
	for part := range strings.SplitSeq(did, "; ") {
		if i := strings.LastIndex(part, "table "); i >= 0 && strings.Contains(op, part[i:]) {
			return true
		}
	}
	return false
}

// netHand names who asked the kernel for a change. The number of a netlink
// socket is most often that of its process, in that one's own namespace; where
// the kernel gives the name, that decides.
func (w *Watch) netHand(e netlink.Event) Hand {
	if e.Port == 0 && e.PID == 0 {
		return Hand{Process: proc.Process{UID: -1, LoginUID: -1}, Note: "the kernel itself, or one that it does not name"}
	}
	for _, pid := range []int{e.PID, e.Port} {
		if pid <= 0 || pid > 1<<22 {
			continue
		}
		h := w.hand(pid)
		if h.Known && (e.Name != "" && h.Name == e.Name || e.Name == "" && (h.Exe != "" || len(h.Args) > 0)) {
			if e.Name == "" && h.Note == "" {
				h.Note = "by the number of its netlink socket"
			}
			return h
		}
	}
	h := Hand{Process: proc.Process{PID: e.PID, Name: e.Name, UID: -1, LoginUID: -1}, Known: e.Name != "", Note: "a process that has ended, or of another process namespace"}
	if h.PID == 0 {
		h.PID = e.Port
	}
	return h
}

// components change the network all day; what they do is counted.
var components = []string{"kube-proxy", "kubelet", "containerd", "containerd-shim", "containerd-shim-runc-v2", "crio", "flanneld", "calico-node", "cilium-agent", "kube-router", "kindnetd", "dockerd"}

func ordinary(h Hand) bool {
	for _, p := range append([]proc.Process{h.Process}, h.Lineage...) {
		if slices.Contains(components, p.Name) || p.Exe != "" && slices.Contains(components, filepath.Base(p.Exe)) {
			// a shell in a pod descends from a shim as well, but not what the runtime runs itself
			return p.PID == h.PID || p.Name != "containerd-shim" && !strings.HasPrefix(p.Name, "containerd-sh")
		}
	}
	return false
}
