package guard

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault/ground"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/guard/proc"
	"github.com/klustered/klustered/snapshot"
)

// A look is what was read last of what runs by itself, and when that was tried.
type look struct {
	at    time.Time
	snap  *snapshot.Snapshot
	found []finding.Finding
}

// lookAgain is the least time between two looks: one costs most of a second.
const lookAgain = 20 * time.Second

// explain adds to deeds what starts their hands.
func (w *Watch) explain(ctx context.Context) {
	defer close(w.out)
	for d := range w.raw {
		if w.opts.Look != nil && (d.Hand.Known && d.Hand.Manager == "" || len(d.Hand.Candidates) > 0 || d.names() != nil) {
			if time.Since(w.seen.at) > lookAgain || w.newPod(d.Hand) {
				// what was begun is brought to its end: it is the answer
				c, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
				s, found := w.opts.Look(c)
				cancel()
				w.seen.at = time.Now()
				if s != nil && s.Persistence != nil { // else what was seen before is better than nothing
					w.seen.snap, w.seen.found = s, found
				}
			}
			namePod(w.seen.snap, &d.Hand.Process)
			for _, list := range [][]proc.Process{d.Hand.Lineage, d.Hand.Candidates} {
				for i := range list {
					namePod(w.seen.snap, &list[i])
				}
			}
			d.Entries = Entries(w.seen.snap, w.seen.found, d)
		}
		w.out <- d
	}
}

// newPod reports whether the hand is in a pod that began after the last look.
func (w *Watch) newPod(h Hand) bool {
	p := h.Process
	namePod(w.seen.snap, &p)
	return p.Pod != "" && !strings.Contains(p.Pod, "/") && h.Start.After(w.seen.at.Add(-time.Minute)) && time.Since(w.seen.at) > lookAgain/10
}

// namePod turns the UID of a pod into its name where the snapshot knows it.
func namePod(s *snapshot.Snapshot, p *proc.Process) {
	if s == nil || p.Pod == "" || s.Runtime == nil {
		return
	}
	for _, x := range s.Runtime.Sandboxes {
		if x.UID == p.Pod {
			p.Pod = x.Namespace + "/" + x.Name
			return
		}
	}
}

// Entries are what starts the hand of a deed by itself: what its processes
// descend from, or else what names the thing that was changed. Of those that
// only may have done it nothing is sure.
func Entries(s *snapshot.Snapshot, found []finding.Finding, d Deed) []Entry {
	if s == nil || s.Persistence == nil {
		return nil
	}
	line := append([]proc.Process{d.Hand.Process}, d.Hand.Lineage...)
	client := d.Hand.Manager != ""                                   // of which process, is perhaps known
	sure := !client && (d.Hand.Known || len(d.Hand.Candidates) == 0) // whose parent is known descends from it
	if !d.Hand.Known || client {
		line = append(line, d.Hand.Candidates...)
	}
	if e, ok := podEntry(s, d.Hand); ok {
		return []Entry{e}
	}
	if d.Hand.Pod != "" {
		return nil // of a pod that is not known nothing is guessed
	}
	var best score
	var out []Entry
	kinds := ranFor(line)
	for _, p := range s.Persistence.Entries {
		n := rank(p, line, d.names())
		if n.how == 0 || n.worse(best) || n.how == 1 && kinds != nil && !slices.Contains(kinds, p.Kind) {
			continue
		}
		if n.how == 1 && slices.Equal(kinds, []string{"profile"}) && d.At.Sub(d.Hand.Start) < begins {
			n.how = 2 // the shell has just read it, and it names the thing
		}
		if best.worse(n) {
			best, out = n, nil
		}
		text := strings.TrimSpace(p.Text)
		if text == "" {
			text = p.Command
		}
		out = append(out, Entry{Kind: p.Kind, Source: p.Source, Line: p.Line, Text: secret.Scrub(text), Sure: n.how > 1 && sure, Fix: fixOf(p, found)})
	}
	if best.how > 2 && len(out) > 1 { // the same command stands in several places
		for i := range out {
			out[i].Sure = false
		}
	}
	if e, ok := gone(line, d.Hand.Known); ok && best.how < 2 {
		return append([]Entry{e}, out...)
	}
	return out
}

// begins is how long after its start a shell may still read its profile.
const begins = 10 * time.Second

// A score is how sure it is that an entry starts the processes: 4 for one whose
// command is among theirs, 3 for one whose program is, 2 for one whose unit
// they are in, 1 for one that names what was changed, and 0; and how far above
// the hand that is.
type score struct{ how, far int }

func (a score) worse(b score) bool { return a.how < b.how || a.how == b.how && a.far > b.far }

// schedulers are units in which what others have asked for is run: to be in one
// says nothing.
var schedulers = []string{"cron.service", "crond.service", "atd.service", "anacron.service", "ssh.service", "sshd.service", "systemd-udevd.service", "docker.service", "containerd.service", "crio.service", "kubelet.service"}

// names are what a command names the thing by that was changed.
func (d Deed) names() []string {
	switch d.Kind {
	case "file", "group", "mount":
		return []string{d.What}
	case "unit":
		return []string{d.What, strings.TrimSuffix(d.What, ".service")}
	case "sysctl":
		path := strings.ReplaceAll(d.What, ".", "/")
		return []string{d.What, path, "/proc/sys/" + path}
	}
	return nil
}

func rank(p snapshot.Persistent, line []proc.Process, names []string) (best score) {
	command := secret.Scrub(strings.Join(strings.Fields(p.Command), " "))
	files := programFiles(p)
	for i, x := range line {
		n := score{0, i}
		switch {
		case says(x.Args, command):
			n.how = 4
		case slices.Contains(files, program(x)):
			n.how = 3
		case x.Unit == "" || slices.Contains(schedulers, x.Unit):
		case p.Unit == x.Unit, x.Unit == filepath.Base(p.Source), slices.ContainsFunc(p.Companions, func(c string) bool { return filepath.Base(c) == x.Unit }):
			n.how = 2
		}
		if best.worse(n) {
			best = n
		}
	}
	if best.how > 0 || p.Package != "" && p.Sum != "differs" {
		return best
	}
	for _, name := range names {
		if ground.Names(p.Command, name) || slices.ContainsFunc(p.Scripts, func(t snapshot.Text) bool { return ground.Names(t.Content, name) }) {
			return score{1, 0}
		}
	}
	return score{}
}

// says reports whether a command line runs a command: as it is, or behind a
// shell or another program that runs one, and its flags. That an argument is the
// command says nothing: it may be the file that is written. Nor does the name of
// a shell alone.
func says(args []string, command string) bool {
	first, rest, _ := strings.Cut(command, " ")
	if rest == "" && slices.Contains(runners, filepath.Base(first)) || len(command) < 6 || len(args) == 0 {
		return false
	}
	words := func(list []string) string { return strings.Join(strings.Fields(strings.Join(list, " ")), " ") }
	if words(args) == command {
		return true
	}
	if !slices.Contains(runners, filepath.Base(args[0])) {
		return false
	}
	i := 1
	for i < len(args) && (args[i] == "" || args[i][0] == '-' || args[i][0] >= '0' && args[i][0] <= '9') {
		i++
	}
	if i == len(args) {
		return false
	}
	script := words(args[i : i+1])
	head, cut := strings.CutSuffix(script, "...")
	return words(args[i:]) == command || strings.HasSuffix(args[i-1], "c") && script == command || cut && len(head) > 100 && strings.HasPrefix(command, head)
}

// shells run a file that they are given, and runners a command.
var (
	shells  = []string{"sh", "bash", "dash", "ash", "zsh", "busybox", "python3", "perl", "run-parts"}
	runners = append([]string{"env", "timeout", "nice", "ionice", "setsid", "nohup", "sudo", "chronic"}, shells...)
)

// program is the file that a process runs: the script, where that is run by an
// interpreter.
func program(x proc.Process) string {
	if !slices.Contains(shells, filepath.Base(x.Exe)) && len(x.Args) > 0 && !slices.Contains(shells, filepath.Base(x.Args[0])) {
		return x.Exe
	}
	for _, a := range x.Args[min(1, len(x.Args)):] {
		if !strings.HasPrefix(a, "-") {
			return a
		}
	}
	return ""
}

// programFiles are the files that an entry runs: its scripts, and its program
// where that is not one that everybody runs.
func programFiles(p snapshot.Persistent) []string {
	var out []string
	for i, w := range strings.Fields(p.Command) {
		w = strings.Trim(w, `"';&|()`)
		everybody := slices.Contains([]string{"/bin", "/sbin", "/usr/bin", "/usr/sbin"}, filepath.Dir(w))
		if i == 0 && strings.HasPrefix(w, "/") && !everybody {
			out = append(out, w)
		}
	}
	for _, t := range p.Scripts {
		out = append(out, t.Path)
	}
	return out
}

// fixOf is the fault of which a finding quotes the entry.
func fixOf(p snapshot.Persistent, found []finding.Finding) string {
	for _, f := range found {
		for _, x := range f.Facts {
			if x.Source == p.Source && (x.Line == p.Line || p.Line == 0 || x.Line == 0) || slices.ContainsFunc(p.Scripts, func(t snapshot.Text) bool { return t.Path == x.Source }) {
				return f.Fault
			}
		}
	}
	return ""
}

func linkSum(target string) string { return secret.Fingerprint([]byte("link:" + target)) }

// String says when, what and who in one line.
func (d Deed) String() string {
	who := d.Hand.Note
	if d.Hand.Known {
		who = fmt.Sprintf("%s (process %d)", d.Hand.Name, d.Hand.PID)
	}
	if d.Hand.Manager != "" {
		who = d.Hand.Manager
	}
	return fmt.Sprintf("%s %s %s: %s", d.At.Format(time.RFC3339), d.What, d.Did, who)
}
