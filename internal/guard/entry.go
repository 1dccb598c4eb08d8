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

// A look is what was read of what runs by itself, and when.
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
		if w.opts.Look != nil && d.Hand.Manager == "" {
			if w.seen.snap == nil || time.Since(w.seen.at) > lookAgain {
				// what was begun is brought to its end: it is the answer
				c, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
				s, found := w.opts.Look(c)
				cancel()
				w.seen = look{time.Now(), s, found}
			}
			d.Entries = Entries(w.seen.snap, w.seen.found, d)
			namePod(w.seen.snap, &d.Hand.Process)
		}
		w.out <- d
	}
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
// descend from, or else what names the thing that was changed.
func Entries(s *snapshot.Snapshot, found []finding.Finding, d Deed) []Entry {
	if s == nil || s.Persistence == nil {
		return nil
	}
	line := append([]proc.Process{d.Hand.Process}, d.Hand.Lineage...)
	best := 0
	var out []Entry
	for _, p := range s.Persistence.Entries {
		n := rank(p, line, d.What)
		if n == 0 || n < best {
			continue
		}
		if n > best {
			best, out = n, nil
		}
		text := strings.TrimSpace(p.Text)
		if text == "" {
			text = p.Command
		}
		out = append(out, Entry{Kind: p.Kind, Source: p.Source, Line: p.Line, Text: secret.Scrub(text), Sure: n > 1, Fix: fixOf(p, found)})
	}
	return out
}

// rank is how sure it is that an entry starts the processes: 4 for one whose
// command is among theirs, 3 for one whose program is, 2 for one whose unit
// they are in, 1 for one that names what was changed, and 0.
func rank(p snapshot.Persistent, line []proc.Process, what string) int {
	command := strings.Join(strings.Fields(p.Command), " ")
	files := programFiles(p)
	best := 0
	for _, x := range line {
		run := strings.Join(strings.Fields(x.Command()), " ")
		switch {
		case len(command) >= 6 && strings.Contains(run, command):
			best = max(best, 4)
		case slices.ContainsFunc(x.Args, func(a string) bool { return slices.Contains(files, a) }), slices.Contains(files, x.Exe):
			best = max(best, 3)
		case p.Unit != "" && p.Unit == x.Unit, x.Unit != "" && (x.Unit == filepath.Base(p.Source) || slices.ContainsFunc(p.Companions, func(c string) bool { return filepath.Base(c) == x.Unit })):
			best = max(best, 2)
		}
	}
	if best > 0 || p.Package != "" && p.Sum != "differs" || !strings.HasPrefix(what, "/") {
		return best
	}
	if ground.Names(p.Command, what) || slices.ContainsFunc(p.Scripts, func(t snapshot.Text) bool { return ground.Names(t.Content, what) }) {
		return 1
	}
	return 0
}

// shells are programs that say nothing of what is run.
var shells = []string{"sh", "bash", "dash", "env", "python3", "perl", "timeout", "nice", "sleep"}

// programFiles are the files that an entry's command runs.
func programFiles(p snapshot.Persistent) []string {
	var out []string
	for _, w := range strings.Fields(p.Command) {
		w = strings.Trim(w, `"';&|()`)
		if strings.HasPrefix(w, "/") && !slices.Contains(shells, filepath.Base(w)) && !strings.HasPrefix(w, "/dev/") {
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
