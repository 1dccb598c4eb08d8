package proc

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestPlace(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	const uid = "0a1b2c3d-0000-1111-2222-333344445555"
	for _, c := range []struct{ group, unit, pod, container string }{
		{"/", "", "", ""},
		{"/system.slice/cron.service", "cron.service", "", ""},
		{"/user.slice/user-0.slice/session-3.scope", "session-3.scope", "", ""},
		{"/user.slice/user-0.slice/user@0.service/app.slice/x.service", "x.service", "", ""},
		{"/kubepods/burstable/pod" + uid + "/" + id, "", uid, id},
		{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + strings.ReplaceAll(uid, "-", "_") + ".slice/cri-containerd-" + id + ".scope", "", uid, id},
		{"/docker/" + id + "/system.slice/kubelet.service", "kubelet.service", "", id},
		{"/system.slice/docker-" + id + ".scope", "", "", id},
		{"/kubepods-podx.slice/podman.service", "podman.service", "", ""},
	} {
		if unit, pod, container := Place(c.group); unit != c.unit || pod != c.pod || container != c.container {
			t.Errorf("%s: %q %q %q", c.group, unit, pod, container)
		}
	}
}

func TestArguments(t *testing.T) {
	got := Arguments([]byte("sh\x00-c\x00curl --token abcdefgh12345 x\x00"))
	if len(got) != 3 || got[0] != "sh" || strings.Contains(got[2], "abcdefgh12345") {
		t.Errorf("%q", got)
	}
	if got := Arguments([]byte("x\x00--password\x00hunter2hunter2\x00")); len(got) != 3 || strings.Contains(got[2], "hunter2") {
		t.Errorf("%q", got)
	}
	if Arguments(nil) != nil {
		t.Error("arguments of nothing")
	}
}

func TestStat(t *testing.T) {
	var p Process
	if !p.stat([]byte("7 (a) b (c) S 3 "+strings.Repeat("0 ", 17)+"99 1")) || p.Name != "a) b (c" || p.PPID != 3 || p.ticks != 99 {
		t.Errorf("%+v", p)
	}
}

func FuzzStat(f *testing.F) {
	f.Add([]byte("7 (x) S 3 0 0 0"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var p Process
		p.stat(data)
		p.group(string(data))
		Arguments(data)
		realUID(data)
		bootTime(data)
		Users(data)
	})
}

// TestRing: one that has ended is remembered with its lineage.
func TestRing(t *testing.T) {
	r := NewRing("")
	c := exec.Command("/bin/sleep", "100")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	pid := c.Process.Pid
	time.Sleep(50 * time.Millisecond) // its arguments are there a moment after it
	r.Exec(pid, "")
	r.Fork(pid, 1<<30)
	c.Process.Kill()
	c.Wait()
	p, live := r.Find(pid)
	if live || p.Name != "sleep" || !slices.Equal(p.Args, []string{"/bin/sleep", "100"}) || p.UID != os.Getuid() || p.Start.IsZero() {
		t.Errorf("%v %+v", live, p)
	}
	if l := r.Lineage(p); len(l) == 0 || l[0].PID != os.Getpid() {
		t.Errorf("lineage %+v", l)
	}
	if p, _ := r.Find(1 << 30); p.PPID != pid || p.Name != "sleep" {
		t.Errorf("child %+v", p)
	}
	for i := range 3 * Size {
		r.Exec(1<<24+i, "/bin/x")
	}
	if len(r.known) > Size {
		t.Errorf("%d are known", len(r.known))
	}
}

// TestSince: those that fit are listed, last first.
func TestSince(t *testing.T) {
	r := NewRing("")
	now := time.Now()
	for i := range 4 {
		r.keep(Process{PID: 1<<30 + i, Name: "a", Start: now.Add(time.Duration(i-2) * time.Second)})
	}
	got := r.Since(now.Add(-1500*time.Millisecond), func(p Process) bool { return p.PID != 1<<30+2 })
	if len(got) != 2 || got[0].PID != 1<<30+3 || got[1].PID != 1<<30+1 {
		t.Errorf("%+v", got)
	}
}

// TestSweep: what began before is known once it has ended.
func TestSweep(t *testing.T) {
	c := exec.Command("/bin/sleep", "100")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	r := NewRing("")
	r.Sweep()
	c.Process.Kill()
	c.Wait()
	if p, live := r.Find(c.Process.Pid); live || p.Name != "sleep" || p.PIDs == "" || p.Net == "" {
		t.Errorf("%v %+v", live, p)
	}
}

// TestAdopted: a process whose parent has ended still descends from it.
func TestAdopted(t *testing.T) {
	r := NewRing("")
	c := exec.Command("/bin/sh", "-c", "sleep 100 & echo $!; read x")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(pid, syscall.SIGKILL)
	time.Sleep(50 * time.Millisecond)
	r.Exec(c.Process.Pid, "")
	r.Exec(pid, "")
	in.Close()
	c.Wait()
	p, live := r.Find(pid)
	if !live || p.PPID != c.Process.Pid {
		t.Fatalf("%v %+v", live, p)
	}
	if l := r.Lineage(p); len(l) < 2 || l[0].Name != "sh" || l[1].PID != os.Getpid() {
		t.Errorf("%+v", l)
	}
}

// TestYounger: a number that is another's by now is no parent.
func TestYounger(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		parent, child Process
		want          bool
	}{
		{Process{ticks: 5}, Process{ticks: 6}, false},
		{Process{ticks: 7}, Process{ticks: 6}, true},
		{Process{ticks: 7, Start: now.Add(time.Minute)}, Process{Start: now}, true},
		{Process{ticks: 7}, Process{Start: now}, false},
	} {
		if got := c.parent.younger(c.child); got != c.want {
			t.Errorf("%+v of %+v: %v", c.parent, c.child, got)
		}
	}
}

// TestBudget: beyond it nothing is read until the second is over.
func TestBudget(t *testing.T) {
	now := time.Now()
	b := budget{most: 10 * time.Millisecond}
	if !b.has(now) {
		t.Error("an untouched budget is spent")
	}
	b.spent = 10 * time.Millisecond
	if b.has(now.Add(999 * time.Millisecond)) {
		t.Error("more than the budget is spent")
	}
	if !b.has(now.Add(time.Second)) {
		t.Error("another second has no budget")
	}
	r := NewRing("")
	r.reads.most = 0
	r.Exec(os.Getpid(), "/bin/x")
	if p := r.known[os.Getpid()]; p.Exe != "/bin/x" || p.UID != -1 || p.PPID != 0 {
		t.Errorf("it was read without a budget: %+v", p.Process)
	}
}

// TestSocket: a netlink socket is found with who holds it, and not with who
// does not.
func TestSocket(t *testing.T) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port := sa.(*unix.SockaddrNetlink).Pid
	var r Reader
	if !r.Holds(os.Getpid(), unix.NETLINK_ROUTE, port) || r.Holds(os.Getppid(), unix.NETLINK_ROUTE, port) || r.Holds(os.Getpid(), unix.NETLINK_NETFILTER, port) {
		t.Errorf("who holds port %d is not told apart", port)
	}
	if got := r.Holders("self", unix.NETLINK_ROUTE, port); !slices.Equal(got, []int{os.Getpid()}) {
		t.Errorf("port %d is held by %v", port, got)
	}
}

func FuzzSocket(f *testing.F) {
	f.Add([]byte("sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n00000000c332cb99 0   5345       00000000 0        0        0     2        0        31168425\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s := Socket(data, 0, 5345); len(s) > len(data) {
			t.Error(s)
		}
	})
}

// TestUnread: a process that ended before its program could be read is not told
// as what its parent runs, and still descends from it.
func TestUnread(t *testing.T) {
	r := NewRing("")
	r.Fork(os.Getpid(), 1<<30)
	if p, _ := r.Find(1 << 30); !p.Known() || !p.Forked {
		t.Errorf("a copy of this process: %+v", p)
	}
	r.Exec(1<<30, "")
	p, _ := r.Find(1 << 30)
	if p.Known() || p.Forked || p.PPID != os.Getpid() {
		t.Errorf("%+v", p)
	}
	if l := r.Lineage(p); len(l) == 0 || l[0].PID != os.Getpid() {
		t.Errorf("%+v", l)
	}
}
