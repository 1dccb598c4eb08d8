package trust

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Hidden are the processes that live and that the ordinary view of /proc does
// not show as they are: something is mounted over them, or they are left out.
// It reads section view, and processes where it is there.
func Hidden(s *snapshot.Snapshot) []Doubt {
	if s.View == nil {
		return nil
	}
	var out []Doubt
	for _, o := range s.View.Over {
		pid := ofProcess(o.Target)
		if o.Kind != "process" || pid == 0 || slices.ContainsFunc(out, func(d Doubt) bool { return d.Subject.Name == strconv.Itoa(pid) }) {
			continue
		}
		d := hiding(s, pid, fmt.Sprintf("%s is mounted over %s", o.FSType, o.Target))
		d.Facts = append([]finding.Fact{{Source: o.Table, Line: o.Line, Got: fmt.Sprintf("%s (%s %s) on %s", o.FSType, o.Source, o.Root, o.Target), Want: "no mount over a process"}}, d.Facts...)
		if o.Table == "" {
			d.Facts[0].Source, d.Facts[0].Line = o.Target, 0
		}
		d.Commands = append([]string{"grep ' /proc/[0-9]' /proc/1/mountinfo", "umount " + o.Target}, d.Commands...)
		out = append(out, d)
	}
	for _, h := range s.View.Hidden {
		known := slices.ContainsFunc(out, func(d Doubt) bool { return d.Subject.Name == strconv.Itoa(h.PID) })
		if known || h.Process == nil || len(h.Seen) < 2 || len(h.Unseen) == 0 {
			continue
		}
		d := hiding(s, h.PID, "the ordinary /proc does not show it")
		d.Facts = append([]finding.Fact{{Source: fmt.Sprintf("/proc/%d", h.PID),
			Got: fmt.Sprintf("seen by %s, not by %s %s", strings.Join(h.Seen, ", "), strings.Join(h.Unseen, ", "), h.How), Want: "one answer by all"}}, d.Facts...)
		out = append(out, d)
	}
	return out
}

// ofProcess is the process that a mount point is of, or 0.
func ofProcess(target string) int {
	rest, ok := strings.CutPrefix(target, "/proc/")
	pid, _, _ := strings.Cut(rest, "/")
	n, err := strconv.Atoi(pid)
	if !ok || err != nil {
		return 0
	}
	return n
}

// hiding is a doubt about a process, with what is known of it.
func hiding(s *snapshot.Snapshot, pid int, how string) Doubt {
	d := Doubt{
		Subject:  finding.Subject{Kind: "process", Name: strconv.Itoa(pid)},
		Summary:  fmt.Sprintf("process %d is hidden: %s", pid, how),
		Commands: []string{fmt.Sprintf("kill -0 %d && echo it lives", pid)},
	}
	p, ok := Process(s, pid)
	if !ok {
		return d
	}
	d.Summary = fmt.Sprintf("process %d (%s) is hidden: %s", pid, p.Name, how)
	d.Facts = append(d.Facts, finding.Fact{Source: fmt.Sprintf("/proc/%d/cmdline", pid), Got: shown(strings.Join(p.Args, " "))})
	if p.Exe != "" {
		d.Facts = append(d.Facts, finding.Fact{Source: fmt.Sprintf("/proc/%d/exe", pid), Got: p.Exe})
	}
	if p.Unit != "" {
		d.Facts = append(d.Facts, finding.Fact{Source: fmt.Sprintf("/proc/%d/cgroup", pid), Got: "it is of the unit " + p.Unit})
	}
	return d
}

// Process is what is known of a process.
func Process(s *snapshot.Snapshot, pid int) (snapshot.Process, bool) {
	if s.Processes != nil {
		for _, p := range s.Processes.List {
			if p.PID == pid {
				return p, true
			}
		}
	}
	if s.View != nil {
		for _, h := range s.View.Hidden {
			if h.PID == pid && h.Process != nil {
				return *h.Process, true
			}
		}
	}
	return snapshot.Process{}, false
}

// kernel are names of the kernel's own threads.
var kernel = regexp.MustCompile(`^(?:kworker/|ksoftirqd/|kthreadd$|migration/|rcu_|kswapd|jbd2/|kdevtmpfs$|khugepaged$|kcompactd|watchdogd?|cpuhp/|idle_inject/|scsi_eh_|xfs-|xfsaild|ext4-|nvme-|irq/|mm_percpu|oom_reaper$|writeback$|kauditd$|kblockd$|kintegrityd$|devfreq|ata_sff$|card0-|loop[0-9])`)

// components are programs whose name a process has only when it runs them, as
// far as the kernel keeps a name.
var components = []string{"kubelet", "kube-apiserver", "kube-controller", "kube-scheduler", "kube-proxy", "etcd", "containerd", "containerd-shim", "dockerd", "crio"}

// Posed are the processes of the node itself that go by a name of the kernel's
// threads or of a component and run another program, or one that was never a
// file. It reads section processes.
func Posed(s *snapshot.Snapshot) []Doubt {
	if s.Processes == nil {
		return nil
	}
	var out []Doubt
	for _, p := range s.Processes.List {
		if p.Container != "" || p.Kernel || p.Exe == "" || p.State == "Z" {
			continue
		}
		as, want := posed(p)
		if as == "" {
			continue
		}
		d := Doubt{
			Subject: finding.Subject{Kind: "process", Name: strconv.Itoa(p.PID)},
			Summary: fmt.Sprintf("process %d goes by the name %s and runs %s", p.PID, as, p.Exe),
			Facts: []finding.Fact{
				{Source: fmt.Sprintf("/proc/%d/exe", p.PID), Got: fmt.Sprintf("%s, with the name %s", p.Exe, as), Want: want},
				{Source: fmt.Sprintf("/proc/%d/cmdline", p.PID), Got: shown(strings.Join(p.Args, " "))},
			},
			Commands: []string{fmt.Sprintf("ls -l /proc/%d/exe /proc/%d/cwd", p.PID, p.PID), fmt.Sprintf("cat /proc/%d/status /proc/%d/cgroup", p.PID, p.PID)},
		}
		if p.Unit != "" {
			d.Facts = append(d.Facts, finding.Fact{Source: fmt.Sprintf("/proc/%d/cgroup", p.PID), Got: "it is of the unit " + p.Unit})
		}
		out = append(out, d)
	}
	return out
}

// posed is the name that a process goes by without being it, and what it
// should be.
func posed(p snapshot.Process) (as, want string) {
	first := ""
	if len(p.Args) > 0 {
		first = p.Args[0]
	}
	if in, ok := strings.CutPrefix(first, "["); ok && strings.HasSuffix(in, "]") && kernel.MatchString(strings.TrimSuffix(in, "]")) {
		return first, "a thread of the kernel, which has no file"
	}
	if kernel.MatchString(p.Name) && strings.Contains(p.Name, "/") {
		return p.Name, "a thread of the kernel, which has no file"
	}
	if strings.HasPrefix(p.Exe, "/memfd:") && !strings.Contains(p.Exe, "run") && !strings.Contains(p.Exe, "lxc") {
		return p.Name, "a program that is a file"
	}
	base := path.Base(strings.TrimSuffix(p.Exe, " (deleted)"))
	if !slices.Contains(components, p.Name) || strings.HasPrefix(base, p.Name) || base == "hyperkube" || base == "kubelite" || strings.HasPrefix(base, "k3s") || strings.HasPrefix(base, "rke2") || strings.HasPrefix(base, "k0s") {
		return "", ""
	}
	script := len(p.Args) > 1 && path.Base(p.Args[1]) == p.Name
	if script || p.Unit == p.Name+".service" || strings.HasSuffix(base, "kube") {
		return "", "" // a wrapper in the component's own unit, or a build of many in one
	}
	return p.Name, "the program " + p.Name
}
