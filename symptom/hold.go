package symptom

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

func holds() []Symptom {
	// Which of them suffers depends on who is held.
	any := []Edge{here(EtcdDown, Sometimes), here(EtcdSlow, Sometimes), here(APIDown, Sometimes), here(APISlow, Sometimes), here(ControllersIdle, Sometimes),
		here(RuntimeDown, Sometimes), here(KubeletDown, Sometimes), here(SandboxFailing, Sometimes), here(NodeNotReady, Sometimes), here(PodsNotStarting, Sometimes)}
	return []Symptom{{
		ID: ProcessHeld, Title: "a component lives and does not run",
		LeadsTo: any,
		Observe: processHeld,
	}, {
		ID: LimitReached, Title: "a component is refused files, processes, memory or time",
		LeadsTo: any,
		Observe: limitReached,
	}, {
		ID: LockWaits, Title: "a component waits for a lock that is not given back",
		LeadsTo: []Edge{here(EtcdDown, Sometimes), here(RuntimeDown, Sometimes), everywhere(ServiceUnreachable, Sometimes)},
		Observe: lockWaits,
	}, {
		ID: ClockOff, Title: "the node's clock is not that of others",
		LeadsTo: []Edge{here(KubeletRejected, Sometimes), here(AdminLockedOut, Sometimes), here(APIDown, Sometimes), here(EtcdLeaderLost, Sometimes),
			here(ControllersIdle, Sometimes), here(NodeNotReady, Sometimes)},
		Observe: clockOff,
	}}
}

// Component reports whether a process of that name is one that the node or its
// control plane stands on. The kernel keeps 15 letters of a name.
func Component(name string) bool {
	for _, c := range []string{"kubelet", "containerd", "crio", "dockerd", "cri-dockerd", "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"} {
		if name == c || len(c) > 15 && name == c[:15] {
			return true
		}
	}
	return false
}

// processHeld wants a component to be stopped, traced or frozen in each sample.
func processHeld(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Activity == nil {
		return NotLooked, nil
	}
	var facts []finding.Fact
	for _, b := range s.Activity.List {
		if !Component(b.Name) {
			continue
		}
		switch {
		case b.Frozen != "":
			facts = append(facts, finding.Fact{Source: b.Frozen, Got: fmt.Sprintf("%s (PID %d) is frozen", b.Name, b.PID), Want: "thawed"})
		case b.States != "" && strings.Trim(b.States, "Tt") == "":
			facts = append(facts, finding.Fact{Source: fmt.Sprintf("/proc/%d/stat", b.PID), Got: fmt.Sprintf("%s: state %s", b.Name, b.States[:1]), Want: "R or S"})
		}
	}
	return verdict(facts)
}

// NearlyAll is the share of a limit, in percent, that is as good as all.
const NearlyAll = 97

// limitReached looks at the open files and the groups of the components, and
// at who was refused files of late.
func limitReached(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Activity == nil && s.Cgroups == nil {
		return NotLooked, nil
	}
	facts := append(logged(s, recent, logFilesExhausted), killedInGroup(s)...)
	if s.Activity != nil {
		for _, b := range s.Activity.List {
			if limit, ok := b.Soft("Max open files"); ok && Component(b.Name) && uint64(b.Files)*100 >= limit*NearlyAll {
				facts = append(facts, finding.Fact{Source: fmt.Sprintf("/proc/%d/limits", b.PID), Got: fmt.Sprintf("%s has %d files open of %d", b.Name, b.Files, limit), Want: "room for more"})
			}
		}
	}
	if key, most, ok := TasksLimit(s.Host); ok && s.Host.Counts.Tasks*100 >= most*NearlyAll {
		facts = append(facts, finding.Fact{Source: "/proc/loadavg", Got: fmt.Sprintf("%d tasks of %d, by %s", s.Host.Counts.Tasks, most, key), Want: "room for more"})
	}
	if s.Cgroups != nil {
		for _, c := range s.Cgroups.Controls {
			if reached := ceilings(c); len(reached) > 0 && bearsComponents(s.Cgroups, c) {
				facts = append(facts, reached...)
			}
		}
	}
	return verdict(facts)
}

// bearsComponents reports whether components are in a group, or below one that
// is not the machine's own.
func bearsComponents(all *snapshot.Cgroups, c snapshot.Control) bool {
	return c.Kind == "kubepods" || c.Kind == "qos" || slices.ContainsFunc(c.Members, func(m snapshot.GroupMember) bool { return Component(m.Name) }) ||
		c.Kind != "root" && slices.ContainsFunc(all.Holds(c), Component)
}

// TasksLimit is the sysctl that bounds the processes and threads of the node,
// and its value.
func TasksLimit(h *snapshot.Host) (key string, most uint64, ok bool) {
	if h == nil || h.Counts == nil || h.Counts.PIDMax == 0 || h.Counts.ThreadsMax == 0 {
		return "", 0, false
	}
	if h.Counts.ThreadsMax < h.Counts.PIDMax {
		return "kernel.threads-max", h.Counts.ThreadsMax, true
	}
	return "kernel.pid_max", h.Counts.PIDMax, true
}

// killedInGroup quotes the kernel where it killed a component that reached the
// limit of its group. Nodes that are containers share the kernel's log: the
// component's unit must have ended by a signal.
func killedInGroup(s *snapshot.Snapshot) []finding.Fact {
	if s.Logs == nil || s.Systemd == nil {
		return nil
	}
	var facts []finding.Fact
	for _, o := range s.Logs.Seen(logOOMKill, s.At, recent) {
		u, ok := s.Systemd.Unit(o.Params["name"] + ".service")
		if ok && Component(o.Params["name"]) && strings.HasPrefix(o.Params["scope"], "Memory cgroup") && (u.Result == "signal" || u.Result == "oom-kill") {
			facts = append(facts, finding.Fact{Source: o.Source, Got: clip(o.Sample), At: o.Last})
		}
	}
	return facts
}

// ceilings are the limits of a group that are reached.
func ceilings(c snapshot.Control) []finding.Fact {
	var facts []finding.Fact
	if p := c.Pids; p != nil && p.Max != nil && p.Current*100 >= *p.Max*NearlyAll {
		facts = append(facts, finding.Fact{Source: c.File("pids", "pids.max"), Got: fmt.Sprintf("%d processes and threads of %d", p.Current, *p.Max), Want: "room for more"})
	}
	if m := c.Memory; m != nil && m.Max != nil && m.OOMKill > 0 && m.Current*100 >= *m.Max*NearlyAll {
		facts = append(facts, finding.Fact{Source: c.File("memory", "memory.max"), Got: fmt.Sprintf("%s of %s; killed for it %d times", size(m.Current), size(*m.Max), m.OOMKill), Want: "room for more"})
	}
	if x := c.CPU; x != nil && x.Starved() {
		facts = append(facts, finding.Fact{Source: c.File("cpu", "cpu.stat"), Got: fmt.Sprintf("throttled in %d of the last %d periods", x.RecentThrottled, x.RecentPeriods), Want: "0"})
	}
	return facts
}

// waited is how long a program may wait for a lock that others take for
// moments.
const waited = 4 * time.Second

// lockWaits looks for programs that wait for the locks of the packet filter
// and of the databases of components, and for those who say so.
func lockWaits(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Locks == nil {
		return NotLooked, nil
	}
	var facts []finding.Fact
	for _, l := range s.Locks.List {
		if !strings.HasSuffix(l.Path, "/xtables.lock") && !strings.HasPrefix(l.Path, "/var/lib/etcd/") && !strings.HasPrefix(l.Path, "/var/lib/containerd/") {
			continue
		}
		for _, p := range l.Waiting {
			if !p.Start.IsZero() && s.At.Sub(p.Start) >= waited {
				facts = append(facts, finding.Fact{Source: l.Path, Got: fmt.Sprintf("%s (PID %d) waits for the lock", p.Name, p.PID), Want: "a lock that is given back"})
			}
		}
	}
	return verdict(append(facts, logged(s, recent, logEtcdLocked, logContainerdLocked)...))
}

const (
	// skewed is by how much clocks differ that nobody keeps together.
	skewed = 30 * time.Second
	// backwards is how far in the future a file may be that says when the
	// time was last right.
	backwards = 2 * time.Minute
)

func clockOff(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Clock == nil {
		return NotLooked, nil
	}
	facts := logged(s, 2*time.Minute, logEtcdClock)
	for _, p := range s.Clock.Peers {
		if d := p.At.Sub(p.Time); d.Abs() >= skewed {
			facts = append(facts, finding.Fact{Source: p.Source, Got: "this node's clock is " + apart(d), Want: "under 1 s apart"})
		}
	}
	for _, f := range s.Clock.Files {
		if d := f.Modified.Sub(s.Clock.Now); !s.Clock.Now.IsZero() && d >= backwards {
			facts = append(facts, finding.Fact{Source: f.Path, Got: "written " + strconv.Itoa(int(d.Minutes())) + " minutes from now", Want: "in the past"})
		}
	}
	return verdict(facts)
}

func apart(d time.Duration) string {
	if d < 0 {
		return (-d).Round(time.Second).String() + " behind"
	}
	return d.Round(time.Second).String() + " ahead"
}
