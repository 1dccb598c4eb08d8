package guard

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/guard/fanotify"
	"github.com/klustered/klustered/internal/guard/netlink"
)

// networkKinds are the targets that netlink tells of; network is all of them.
var networkKinds = []string{"network", "qdisc", "route", "policy", "ruleset", "link"}

// A wire is one family of netlink in the network namespace that is watched.
type wire struct {
	w         *Watch
	family    int
	net       string // the namespace, as a link of /proc names it
	first     bool   // this is the first process namespace, in which the kernel counts
	pids      string // this process namespace
	wholesale bool   // every change is told, not only those of targets
}

// watchNetwork hears of changes of the node's own network namespace.
func (w *Watch) watchNetwork(ctx context.Context) {
	is := func(t Target) bool { return slices.Contains(networkKinds, t.Kind) }
	if !slices.ContainsFunc(w.opts.Targets, is) {
		return
	}
	base := w.wire()
	for _, f := range []struct {
		name   string
		family int
		dial   func(string) (*netlink.Conn, error)
	}{{"links, routes and qdiscs", unix.NETLINK_ROUTE, netlink.Route}, {"the packet filter", unix.NETLINK_NETFILTER, netlink.Netfilter}} {
		c, err := f.dial(w.opts.netns)
		if err != nil {
			w.note("%s are not watched: %v", f.name, err)
			continue
		}
		w.watched(1)
		context.AfterFunc(ctx, c.Stop)
		at := base
		at.family = f.family
		w.work.Go(func() {
			defer c.Close()
			at.listen(c, f.name)
		})
	}
}

func (w *Watch) wire() wire {
	x := wire{w: w, net: link("/proc/self/ns/net"), pids: link("/proc/self/ns/pid")}
	if w.opts.netns != "" {
		var st unix.Stat_t
		if unix.Stat(w.opts.netns, &st) == nil {
			x.net = fmt.Sprintf("net:[%d]", st.Ino)
		}
	}
	x.first = x.pids == firstProcesses
	x.wholesale = slices.ContainsFunc(w.opts.Targets, func(t Target) bool { return t.Kind == "network" })
	return x
}

// firstProcesses is the kernel's first process namespace, see PROC_PID_INIT_INO
// of linux/proc_ns.h.
const firstProcesses = "pid:[4026531836]"

func (x wire) listen(c *netlink.Conn, name string) {
	fanotify.Hurry()
	for {
		events, lost, err := c.Read()
		if lost {
			x.w.lose()
			x.w.note("changes of %s were lost: too many came at once", name)
		}
		if err != nil {
			return
		}
		for _, e := range events {
			x.change(e)
		}
	}
}

// change tells of one change: of a target always, of another only where all is
// watched, unless it is the daily work of the node's own components or follows
// by itself from another.
func (x wire) change(e netlink.Event) {
	if me := os.Getpid(); x.first && e.PID == me || e.Port == me && x.w.reader.Holds(me, x.family, uint32(me)) {
		return
	}
	t := x.w.netTarget(e)
	byKernel := e.Port == 0 && e.PID == 0
	if e.Did == "" || t.Repair == 0 && (byKernel && e.Kind != "ruleset" && e.Kind != "link" || e.Port == 0 && e.Type == "veth") {
		return
	}
	if t.Kind == "" && !x.wholesale {
		x.w.count(func(s *Summary) { s.Others++ })
		return
	}
	h, at := x.hand(e), time.Now().UTC()
	if h.Known && h.PPID > 0 || !x.w.wait() {
		x.tell(e, t, h, at)
		return
	}
	x.w.work.Go(func() { // the kernel's word of a start may come after that of what was done
		time.Sleep(lateTime)
		x.w.count(func(*Summary) { x.w.late-- })
		x.tell(e, t, x.hand(e), at)
	})
}

const (
	// lateTime is how long is waited for the kernel's word of a process.
	lateTime = 100 * time.Millisecond
	maxLate  = 32 // changes that wait at once
)

// wait reports whether one more change may wait, and counts it.
func (w *Watch) wait() (ok bool) {
	w.count(func(*Summary) {
		if ok = w.late < maxLate; ok {
			w.late++
		}
	})
	return ok
}

func (x wire) tell(e netlink.Event, t Target, h Hand, at time.Time) {
	if t.Repair == 0 && component(h) {
		x.w.count(func(s *Summary) { s.Ordinary++ })
		return
	}
	x.w.tell(Deed{At: at, Kind: e.Kind, What: e.What, Did: e.Did, Events: 1, Hand: h, Repair: t.Repair, PutBack: t.Repair > 0 && t.undoneBy(e.Did)})
}

// netTarget is the target that a change is of, the last one that a repair made
// before any other; none is the zero one.
func (w *Watch) netTarget(e netlink.Event) (found Target) {
	for _, t := range w.opts.Targets {
		if t.Kind != e.Kind || t.Kind == "network" || found.Kind != "" && t.Repair < found.Repair {
			continue
		}
		if slices.ContainsFunc(e.Keys, func(k string) bool { return t.is(k) }) {
			found = t
		}
	}
	return found
}

// is reports whether a change of what is named key is one of the target. A
// table holds its chains, and goes with them.
func (t Target) is(key string) bool {
	own := t.Key
	if own == "" {
		own = t.Name
	}
	return own == key || t.Kind == "ruleset" && (strings.HasSuffix(key, " of "+own) || strings.HasSuffix(own, " of "+key))
}

// undoneBy reports whether what was done is what undoes the repair.
func (t Target) undoneBy(did string) bool {
	return t.Undo != "" && slices.Contains(strings.Split(did, ", "), t.Undo) || t.Undo != "" && strings.HasPrefix(did+" ", t.Undo+" ")
}
