package guard

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/internal/rtnl/rtnltest"
)

// watch starts a watch of paths, as root.
func watch(t *testing.T, o Options) (*Watch, func() []Deed) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("fanotify needs root")
	}
	ctx, cancel := context.WithCancel(t.Context())
	if o.Settle == 0 {
		o.Settle = 60 * time.Millisecond
	}
	w, err := Start(ctx, o)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	for _, n := range w.Notes() {
		t.Log("note:", n)
	}
	return w, func() []Deed {
		time.Sleep(max(4*o.Settle, time.Second)) // on a busy machine events come late
		cancel()
		var all []Deed
		for d := range w.Deeds() {
			all = append(all, d)
		}
		return all
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func sh(t *testing.T, dir, script string) {
	t.Helper()
	c := exec.Command("/bin/sh", "-c", script)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", script, err, out)
	}
}

// TestHands: what a shell does to a file that is watched is told of with the
// program, its arguments and its parent, although it ends at once.
func TestHands(t *testing.T) { hands(t, false) }

// TestHandsOfPrograms is the same where the process connector is not to be had.
func TestHandsOfPrograms(t *testing.T) { hands(t, true) }

func hands(t *testing.T, noConnector bool) {
	for _, c := range []deedCase{
		{"write", "echo bad > f", "changed", "+bad", "echo bad > f", "sh"},
		{"append", "printf 'more\\n' >> f", "changed", "+more", "printf", "sh"},
		{"replace", "echo new > .t; mv .t f", "changed", "+new", ".t", "mv"},
		{"remove", "rm f", "removed", "-good", "f", "rm"},
		{"rename", "mv f g", "removed", "-good", "g", "mv"},
		{"mode", "chmod 600 f", "changed its attributes: mode 0644 to 0600", "", "600", "chmod"},
		{"owner", "chown 1:1 f", "owner 0:0 to 1:1", "", "1:1", "chown"},
		{"link", "ln -sf /dev/null f", "made a link of a file: to /dev/null", "", "/dev/null", "ln"},
		{"sed", "sed -i s/good/evil/ f", "changed", "+evil", "s/good/evil/", "sed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			// where every processor is busy, one that ends within half a
			// millisecond may end unread
			var failed string
			for range 10 {
				if failed = c.once(t, noConnector); failed == "" {
					return
				}
			}
			t.Error(failed)
		})
	}
}

type deedCase struct{ name, script, did, diff, arg, exe string }

// once does it and says what is wrong with how the hand is named. What was
// done has to be right each time.
func (c deedCase) once(t *testing.T, noConnector bool) string {
	dir := t.TempDir()
	f := filepath.Join(dir, "f")
	put(t, f, "good\n")
	targets, err := Paths([]string{f})
	if err != nil {
		t.Fatal(err)
	}
	_, end := watch(t, Options{Targets: targets, noConnector: noConnector})
	sh(t, dir, c.script)
	all := end()
	if len(all) != 1 {
		t.Fatalf("%d deeds: %v", len(all), all)
	}
	d := all[0]
	if !strings.Contains(d.Did, c.did) || !strings.Contains(d.Diff, c.diff) || d.What != f {
		t.Errorf("%s %s\n%s", d.What, d.Did, d.Diff)
	}
	exe := filepath.Base(d.Hand.Exe)
	if !d.Hand.Known || exe != c.exe && !(c.exe == "sh" && (exe == "dash" || exe == "bash")) || !strings.Contains(d.Hand.Command(), c.arg) {
		return fmt.Sprintf("hand %+v", d.Hand.Process)
	}
	for _, p := range d.Hand.Lineage {
		if p.PID == os.Getpid() {
			return ""
		}
	}
	return fmt.Sprintf("this process is not in the lineage: %+v", d.Hand.Lineage)
}

// TestQuiet: what changes nothing is no deed.
func TestQuiet(t *testing.T) {
	dir := t.TempDir()
	f := filepath.Join(dir, "f")
	put(t, f, "good\n")
	targets, _ := Paths([]string{f})
	_, end := watch(t, Options{Targets: targets})
	sh(t, dir, "touch f; echo good > f; cat f; echo x > other; mkdir d")
	if all := end(); len(all) != 0 {
		t.Errorf("%v", all)
	}
}

// TestFolder: all that is in a folder is watched, also what is made later and
// what lies in folders that are made later. A folder that is made while every
// processor is busy may be told of late: one of three times is enough.
func TestFolder(t *testing.T) {
	wrong := ""
	for range 3 {
		if wrong = folder(t); wrong == "" {
			return
		}
	}
	t.Error(wrong)
}

func folder(t *testing.T) (wrong string) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a"), "a\n")
	targets, _ := Paths([]string{dir})
	_, end := watch(t, Options{Targets: targets})
	sh(t, dir, "echo b > b; rm a; mkdir new; echo early > new/c")
	time.Sleep(300 * time.Millisecond)
	sh(t, dir, "echo later > new/d")
	got := map[string]string{}
	for _, d := range end() {
		rel, _ := filepath.Rel(dir, d.What)
		got[rel] += d.Did
	}
	for name, did := range map[string]string{"a": "removed", "b": "made", "new": "made, a folder", "new/c": "made", "new/d": "made"} {
		if got[name] != did {
			wrong += fmt.Sprintf("%s: %q, not %q\n", name, got[name], did)
		}
	}
	return wrong
}

// TestAbsent: a file in a folder that is not there yet is seen when it comes.
func TestAbsent(t *testing.T) {
	dir := t.TempDir()
	targets, _ := Paths([]string{filepath.Join(dir, "x/y/f")})
	_, end := watch(t, Options{Targets: targets})
	sh(t, dir, "mkdir -p x/y")
	time.Sleep(300 * time.Millisecond)
	sh(t, dir, "echo 1 > x/y/f")
	all := end()
	last := Deed{}
	for _, d := range all {
		if strings.HasSuffix(d.What, "/f") {
			last = d
		}
	}
	if last.Did != "made" || !last.Hand.Known {
		t.Errorf("%+v", all)
	}
}

// TestLink: what a link points to is watched as well.
func TestLink(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "real"), "good\n")
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "sub", "link")
	if err := os.Symlink("../real", link); err != nil {
		t.Fatal(err)
	}
	targets, _ := Paths([]string{link})
	_, end := watch(t, Options{Targets: targets})
	sh(t, dir, "echo bad > sub/link")
	if all := end(); len(all) != 1 || all[0].What != filepath.Join(dir, "real") {
		t.Errorf("%+v", all)
	}
}

// TestFlood: a file that is written without end is told of seldom.
func TestFlood(t *testing.T) {
	dir := t.TempDir()
	f := filepath.Join(dir, "f")
	put(t, f, "")
	targets, _ := Paths([]string{f})
	w, end := watch(t, Options{Targets: targets})
	sh(t, dir, "i=0; while [ $i -lt 3000 ]; do echo $i > f; i=$((i+1)); done")
	all := end()
	if len(all) == 0 || len(all) > maxDeeds {
		t.Errorf("%d deeds, %+v", len(all), w.Summary())
	}
}

// TestNetwork: the hand that changes the network is named, as the kernel tells
// its number. One that ends at once may end unread where every processor is busy;
// what it did is told all the same.
func TestNetwork(t *testing.T) {
	ns := rtnltest.New(t)
	rtnltest.Link(t, ns, "d0", "bridge")
	for _, c := range []netDeed{
		{"exec tc qdisc add dev d0 root tbf rate 1mbit burst 32kbit latency 400ms", "tc qdisc del dev d0 root", "qdisc", "d0", "added tbf"},
		{"ip route add blackhole 203.0.113.0/24; true", "ip route del blackhole 203.0.113.0/24", "route", "blackhole 203.0.113.0/24", "added"},
		{"iptables-nft -A INPUT -p tcp --dport 6443 -j DROP; true", "iptables-nft -F INPUT", "ruleset", "nftables", "chain INPUT"},
	} {
		named := false
		for try := 0; try < 10 && !named; try++ {
			if try > 0 {
				inside(t, ns, c.back)
			}
			named = c.once(t, ns)
		}
		if !named {
			t.Errorf("%s: no hand was named in ten tries", c.script)
		}
	}
}

type netDeed struct{ script, back, kind, what, did string }

// once does it, wants to be told of it, and reports whether by whom.
func (c netDeed) once(t *testing.T, ns string) (named bool) {
	_, end := watch(t, Options{Targets: []Target{{Kind: "network"}, {Kind: "qdisc", Name: "d0", Repair: 7, Undo: "added tbf"}}, netns: ns})
	inside(t, ns, c.script)
	told := false
	all := end()
	for _, d := range all {
		if d.Kind == c.kind && d.What == c.what && strings.Contains(d.Did, c.did) {
			told, named = true, named || d.Hand.Known
			if c.kind == "qdisc" != (d.Repair == 7) {
				t.Errorf("%s: repair %d", c.script, d.Repair)
			}
		}
	}
	if !told {
		t.Errorf("%s: %+v", c.script, all)
	}
	return named
}

// inside runs a script in a network namespace.
func inside(t *testing.T, ns string, script string) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script)
	if err := rtnl.In(ns, cmd.Start); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%s: %v", script, err)
	}
}

// TestCost: an idle watch of the usual places costs under half a percent of a
// processor, and what it keeps is small.
func TestCost(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures for some seconds")
	}
	targets, err := Paths(Usual)
	if err != nil {
		t.Fatal(err)
	}
	w, end := watch(t, Options{Targets: append(targets, Target{Kind: "network"}), Settle: DefaultSettle})
	time.Sleep(500 * time.Millisecond) // marks were made
	var before, after unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &before)
	started, begun := w.Summary().Starts, time.Now()
	time.Sleep(5 * time.Second)
	unix.Getrusage(unix.RUSAGE_SELF, &after)
	used := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	share := float64(used) / float64(time.Since(begun))
	begins := w.Summary().Starts - started
	end()
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	t.Logf("%.2f %% of a processor, %d programs begun, heap %d KiB", 100*share, begins, m.HeapAlloc>>10)
	// a start costs as much as a few reads of /proc; the host may be busy
	if quiet := share - float64(begins)*0.0005/5; quiet > 0.005 {
		t.Errorf("%.2f %% of a processor with %d programs begun", 100*share, begins)
	}
	if m.HeapAlloc > 12<<20 {
		t.Errorf("heap of %d KiB", m.HeapAlloc>>10)
	}
}
