package guard

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"
)

// idle is set in the environment of the child process of TestCost.
const idle = "KLUSTERED_GUARD_IDLE"

func TestMain(m *testing.M) {
	var err error
	switch file := os.Getenv(boxed); {
	case file != "":
		err = watchBox(file)
	case os.Getenv(idle) != "":
		err = watchIdle()
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// watchIdle watches the usual places until its input ends, as the command does.
func watchIdle() error {
	targets, err := Paths(Usual)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	debug.SetGCPercent(30)
	w, err := Start(ctx, Options{Targets: append(targets, Target{Kind: "network"})})
	if err != nil {
		return err
	}
	go func() {
		for range w.Deeds() {
		}
	}()
	time.Sleep(time.Second) // marks were made
	for in := bufio.NewScanner(os.Stdin); ; {
		if err := json.NewEncoder(os.Stdout).Encode(w.Summary()); err != nil || !in.Scan() {
			return err
		}
	}
}

// TestCost: an idle watch of the usual places, in a process of its own, takes
// under 30 MB and half a percent of one core. Nobody can keep this machine idle:
// each program that is begun on it meanwhile is read, for which a millisecond is
// allowed.
func TestCost(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures for some seconds")
	}
	if os.Geteuid() != 0 {
		t.Skip("fanotify needs root")
	}
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), idle+"=1")
	c.Stderr = os.Stderr
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
	defer c.Wait()
	defer in.Close()
	lines := json.NewDecoder(out)
	var before, after Summary
	if err := lines.Decode(&before); err != nil {
		t.Fatal(err)
	}
	spent, begun := spentBy(t, c.Process.Pid), time.Now()
	time.Sleep(6 * time.Second)
	spent = spentBy(t, c.Process.Pid) - spent
	took := time.Since(begun)
	resident := residentOf(t, c.Process.Pid)
	fmt.Fprintln(in)
	if err := lines.Decode(&after); err != nil {
		t.Fatal(err)
	}
	begins := after.Starts - before.Starts
	t.Logf("%.2f %% of one core (%s in %s, while %d programs began), %d KiB resident, %d things watched", 100*float64(spent)/float64(took), spent, took.Round(time.Millisecond), begins, resident, after.Watched)
	const allowed = 0.005
	if own := spent - time.Duration(begins)*time.Millisecond; float64(own) > 2*allowed*float64(took) { // a tick is a hundredth of a second
		t.Errorf("%.2f %% of one core beside the programs that began", 100*float64(own)/float64(took))
	}
	if resident > 30<<10 {
		t.Errorf("%d KiB are resident", resident)
	}
	if after.Watched == 0 {
		t.Error("nothing is watched")
	}
}

// spentBy is the time that a process has spent, see proc_pid_stat(5).
func spentBy(t *testing.T, pid int) time.Duration {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	ticks := 0
	for _, x := range f[11:13] {
		n, err := strconv.Atoi(x)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// residentOf is the memory of a process that is resident, in KiB.
func residentOf(t *testing.T, pid int) int {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "VmRSS:")
	n := 0
	if _, err := fmt.Sscan(rest, &n); err != nil {
		t.Fatal(err)
	}
	return n
}
