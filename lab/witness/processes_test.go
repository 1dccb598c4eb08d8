package witness

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/snapshot"
)

// testProcesses compares with ps those processes that ran before the evidence
// was collected and still do.
func testProcesses(ctx context.Context, t *testing.T, n Node) {
	p := n.Snapshot.Processes
	if p == nil {
		t.Fatal("not collected")
	}
	lines, err := n.Lines(ctx, `ps -ww -eo pid=,ppid=,etimes=,state=,comm=,args=`)
	if err != nil {
		t.Fatal(err)
	}
	age := int(time.Since(n.Snapshot.At).Seconds()) + 3
	var want, got []string
	old := map[int]bool{}
	for _, line := range lines {
		w := strings.Fields(line)
		pid, _ := strconv.Atoi(w[0])
		if seconds, _ := strconv.Atoi(w[2]); seconds < age {
			continue
		}
		old[pid] = true
		want = append(want, fmt.Sprintf("%s %s %s %s", w[0], w[1], w[4], w[5]))
	}
	for _, x := range p.List {
		if alive, _ := n.Lines(ctx, fmt.Sprintf("test ! -d /proc/%d || echo yes", x.PID)); !old[x.PID] && (len(alive) == 0 || time.Since(x.Start) < time.Duration(age)*time.Second) {
			continue
		}
		first := "[" + x.Name + "]"
		if len(x.Args) > 0 {
			first, _, _ = strings.Cut(x.Args[0], " ")
		}
		got = append(got, fmt.Sprintf("%d %d %s %s", x.PID, x.PPID, x.Name, first))
		if x.Kernel || x.Tracer != 0 || x.Orphan {
			t.Errorf("a healthy node in a container: %+v", x)
		}
	}
	same(t, "processes", got, want)
	testUnits(ctx, t, n)
}

// testUnits compares the units of processes with what systemd shows.
func testUnits(ctx context.Context, t *testing.T, n Node) {
	for _, unit := range []string{"kubelet.service", "containerd.service", "systemd-journald.service"} {
		lines, err := n.Lines(ctx, "systemctl show -P MainPID "+unit)
		if err != nil || len(lines) != 1 {
			t.Fatalf("%v %v", lines, err)
		}
		i := slices.IndexFunc(n.Snapshot.Processes.List, func(x snapshot.Process) bool { return strconv.Itoa(x.PID) == lines[0] })
		if i < 0 || n.Snapshot.Processes.List[i].Unit != unit {
			t.Errorf("the main process %s of %s is not told so", lines[0], unit)
		}
	}
}

// testActivity compares limits with prlimit, open files with ls, and what is
// stopped or traced with ps.
func testActivity(ctx context.Context, t *testing.T, n Node) {
	a := n.Snapshot.Activity
	if a == nil || a.Samples != 3 || a.WindowMs > 1000 {
		t.Fatalf("%+v", a)
	}
	services := map[string]bool{}
	for _, b := range a.List {
		if b.Tracer != 0 || b.Frozen != "" || strings.ContainsAny(b.States, "Tt") {
			t.Errorf("held on a healthy node: %+v", b)
		}
		if !b.Service || strings.Contains(b.States, "-") {
			continue
		}
		services[b.Name] = true
		if b.CPUTotalMs == 0 && b.Name != "sshd" {
			t.Errorf("never ran: %+v", b)
		}
		lines, err := n.Lines(ctx, fmt.Sprintf("prlimit --pid %d --noheadings --raw --output RESOURCE,SOFT,HARD", b.PID))
		if err != nil {
			continue // it ended
		}
		for resource, name := range map[string]string{"NOFILE": "Max open files", "NPROC": "Max processes", "MEMLOCK": "Max locked memory", "CORE": "Max core file size"} {
			want := resource + " unlimited unlimited"
			for _, l := range b.Limits {
				if l.Name == name {
					want = resource + " " + l.Soft + " " + l.Hard
				}
			}
			if !slices.Contains(lines, want) {
				t.Errorf("%s %d: %q was collected, prlimit shows %q", b.Name, b.PID, want, lines)
			}
		}
	}
	want := []string{"kubelet", "containerd"}
	if strings.Contains(n.Name, "-cp") {
		want = append(want, "etcd", "kube-apiserver", "kube-controller", "kube-scheduler")
	}
	for _, name := range want {
		if !services[name] {
			t.Errorf("%s is missing", name)
		}
	}
}
