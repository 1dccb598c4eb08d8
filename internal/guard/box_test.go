package guard

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/guard/proc"
)

// boxed is set in the environment of the child process of TestContainer: the
// file that it watches.
const boxed = "KLUSTERED_GUARD_BOX"

// box is what happened in the container: who did what, by number, and what was
// told of it.
type box struct {
	File, Route int // processes
	Deeds       []Deed
	Notes       []string
}

// watchBox watches a file and the network from within a container, in which a
// shell changes both.
func watchBox(file string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w, err := Start(ctx, Options{Settle: 150 * time.Millisecond, Targets: []Target{{Kind: "file", Name: file, Repair: 1}, {Kind: "route", Name: "203.0.113.0/24", Key: "203.0.113.0/24 table 254", Repair: 2, Undo: "added"}}})
	if err != nil {
		return err
	}
	var b box
	for i, script := range []string{"echo bad > " + file + "; sleep 0.2", "ip route add blackhole 203.0.113.0/24; sleep 0.2", "ip route add blackhole 198.51.100.0/24"} {
		c := exec.Command("/bin/sh", "-c", script)
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", script, err, out)
		}
		switch i {
		case 0:
			b.File = c.Process.Pid
		case 1:
			b.Route = c.Process.Pid
		}
	}
	time.AfterFunc(time.Second, cancel)
	for d := range w.Deeds() {
		b.Deeds = append(b.Deeds, d)
	}
	b.Notes = w.Notes()
	return json.NewEncoder(os.Stdout).Encode(b)
}

// TestContainer: in a process namespace of its own, where the kernel's numbers
// are others and the process connector is deaf, hands are named all the same,
// and what no repair changed is not told.
func TestContainer(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a container needs root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip(err)
	}
	wrong := ""
	for range 5 { // where every processor is busy, one that ends at once may go unread
		if wrong = inContainer(t); wrong == "" {
			return
		}
		t.Log(wrong)
	}
	t.Error(wrong)
}

func inContainer(t *testing.T) (wrong string) {
	file := t.TempDir() + "/f"
	put(t, file, "good\n")
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), boxed+"="+file)
	c.Stderr = os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET}
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	var b box
	if err := json.Unmarshal(out, &b); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if len(b.Deeds) != 2 {
		return fmt.Sprintf("%d deeds: %+v", len(b.Deeds), b)
	}
	slices.SortFunc(b.Deeds, func(x, y Deed) int { return strings.Compare(x.Kind, y.Kind) })
	for i, want := range []struct {
		kind string
		pid  int
		args string
	}{{"file", b.File, "echo bad"}, {"route", b.Route, "blackhole 203.0.113.0/24"}} {
		d := b.Deeds[i]
		mine := d.Hand.PID == want.pid || slices.ContainsFunc(d.Hand.Lineage, func(p proc.Process) bool { return p.PID == want.pid })
		if d.Kind != want.kind || d.Repair != i+1 || d.PutBack != (i == 1) {
			t.Errorf("%+v", d)
		}
		if d.Hand.Known && !mine {
			t.Errorf("a wrong hand, and not process %d: %+v", want.pid, d.Hand)
		}
		if !d.Hand.Known || !strings.Contains(d.Hand.Command(), want.args) {
			wrong += fmt.Sprintf("%s: %+v\n", want.kind, d.Hand)
		}
	}
	return wrong
}
