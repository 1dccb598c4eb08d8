package guard

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
		time.Sleep(4 * o.Settle)
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
			for range 4 {
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
// what lies in folders that are made later.
func TestFolder(t *testing.T) {
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
			t.Errorf("%s: %q, not %q", name, got[name], did)
		}
	}
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
