package guard

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/guard/proc"
	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/internal/rtnl/rtnltest"
)

// watch starts a watch of paths, as root. What it returns ends it as soon as
// enough was told and nothing more comes, or after a long time: on a busy
// machine events come late.
func watch(t *testing.T, o Options) (*Watch, func(enough func([]Deed) bool) []Deed) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("fanotify needs root")
	}
	ctx, cancel := context.WithCancel(t.Context())
	if o.Settle == 0 {
		o.Settle = 150 * time.Millisecond
	}
	w, err := Start(ctx, o)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	for _, n := range w.Notes() {
		t.Log("note:", n)
	}
	return w, func(enough func([]Deed) bool) []Deed {
		defer cancel()
		var all []Deed
		late, rest := time.After(15*time.Second), time.NewTimer(time.Hour)
		if enough(all) {
			rest.Reset(3*o.Settle + 500*time.Millisecond)
		}
		for {
			select {
			case d, ok := <-w.Deeds():
				if !ok {
					return all
				}
				if all = append(all, d); enough(all) {
					rest.Reset(3*o.Settle + 200*time.Millisecond)
				}
			case <-late:
				cancel()
			case <-rest.C:
				cancel()
			}
		}
	}
}

// told is enough when so many deeds were told.
func told(n int) func([]Deed) bool { return func(all []Deed) bool { return len(all) >= n } }

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
	all := end(told(1))
	if len(all) == 0 {
		t.Fatal("nothing is told")
	}
	if len(all) > 1 { // the shell was held up between opening and writing
		return fmt.Sprintf("%d deeds: %v", len(all), all)
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
	if all := end(told(0)); len(all) != 0 {
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
	time.Sleep(600 * time.Millisecond)
	sh(t, dir, "echo later > new/d")
	got := map[string]string{}
	for _, d := range end(told(5)) {
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
	var all []Deed
	for range 3 { // where every processor is busy, one that ends at once may go unread
		dir := t.TempDir()
		f := filepath.Join(dir, "x/y/f")
		all = comes(t, dir, f)
		if d := of(all, f); d != nil && strings.HasPrefix(d.Did, "made") && d.Hand.Known {
			return
		}
	}
	t.Errorf("%+v", all)
}

// comes makes the file f below dir, and its folder before, and returns what is told.
func comes(t *testing.T, dir, f string) []Deed {
	t.Helper()
	targets, _ := Paths([]string{f})
	_, end := watch(t, Options{Targets: targets})
	sh(t, dir, "mkdir -p x/y")
	time.Sleep(600 * time.Millisecond)
	sh(t, dir, "echo 1 > x/y/f")
	return end(func(all []Deed) bool { return of(all, f) != nil })
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
	if all := end(told(1)); len(all) == 0 || all[0].What != filepath.Join(dir, "real") {
		t.Errorf("%+v", all)
	}
}

// of is the first deed that is of a path, or nil.
func of(all []Deed, path string) *Deed {
	for i := range all {
		if all[i].What == path {
			return &all[i]
		}
	}
	return nil
}

// TestFlood: a file that is written without end is told of every two seconds.
func TestFlood(t *testing.T) {
	dir := t.TempDir()
	f := filepath.Join(dir, "f")
	put(t, f, "")
	targets, _ := Paths([]string{f})
	w, end := watch(t, Options{Targets: targets, Settle: 500 * time.Millisecond})
	begun := time.Now()
	sh(t, dir, "i=0; while [ $i -lt 20000 ]; do echo $i > f; i=$((i+1)); done; sleep 1")
	most := int(time.Since(begun)/longest) + 2
	all := end(told(1))
	if n := w.Summary().Deeds; len(all) == 0 || n > most {
		t.Errorf("%d deeds in %s, %+v", n, time.Since(begun), w.Summary())
	}
	events := 0
	for _, d := range all {
		events += d.Events
	}
	if events < 100 {
		t.Errorf("%d events became %d deeds", events, len(all))
	}
}

// TestBound: of a flood of deeds so many are told, and the rest is counted.
func TestBound(t *testing.T) {
	w := &Watch{raw: make(chan Deed, 10*maxDeeds)}
	now := time.Now()
	for i := range 5 * maxDeeds {
		w.tell(Deed{At: now.Add(time.Duration(i) * time.Millisecond)})
	}
	if s := w.summary; len(w.raw) != maxDeeds || s.Deeds != 5*maxDeeds || s.Counted != 4*maxDeeds {
		t.Errorf("%d are told: %+v", len(w.raw), s)
	}
	w.tell(Deed{At: now.Add(2 * floodTime)})
	if len(w.raw) != maxDeeds+1 {
		t.Error("nothing is told once the flood is over")
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

// once does it, wants to be told of it, and reports whether by whom. One that is
// named has to be it.
func (c netDeed) once(t *testing.T, ns string) (named bool) {
	_, end := watch(t, Options{Targets: []Target{{Kind: "network"}, {Kind: "qdisc", Name: "d0", Repair: 7, Undo: "added tbf"}}, netns: ns})
	is := func(d Deed) bool { return d.Kind == c.kind && d.What == c.what && strings.Contains(d.Did, c.did) }
	pid := inside(t, ns, c.script)
	all := end(func(all []Deed) bool { return slices.ContainsFunc(all, is) })
	i := slices.IndexFunc(all, is)
	if i < 0 {
		t.Errorf("%s: %+v", c.script, all)
		return false
	}
	d := all[i]
	if (c.kind == "qdisc") != (d.Repair == 7) || d.PutBack != (d.Repair == 7) {
		t.Errorf("%s: repair %d, put back %v", c.script, d.Repair, d.PutBack)
	}
	if !d.Hand.Known || d.Hand.PPID == 0 { // or the kernel told its name alone
		return false
	}
	if d.Hand.PID != pid && !slices.ContainsFunc(d.Hand.Lineage, func(p proc.Process) bool { return p.PID == pid }) {
		t.Errorf("%s is by process %d: %+v", c.script, pid, d.Hand)
	}
	return true
}

// inside runs a script in a network namespace, and returns its process.
func inside(t *testing.T, ns string, script string) int {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script)
	if err := rtnl.In(ns, cmd.Start); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return cmd.Process.Pid
}
