package guard

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// A reinfection puts a repaired file back in the way of something that runs by
// itself, with a real process that descends as it does there.
type reinfection struct {
	name string
	// start returns the process that begins the work, and entry what the node's
	// survey says of what began it, for a script at that path and a job that
	// writes the file.
	start func(script, job string) *exec.Cmd
	entry func(script, job string) snapshot.Persistent
	sure  bool
}

var reinfections = []reinfection{
	{"cron", func(_, job string) *exec.Cmd { // the daemon, its child, and the shell that that one runs
		c := exec.Command("/bin/sh", "-c", `(/bin/sh -c "$0"; true); true`, job)
		c.Args[0] = "/usr/sbin/cron"
		return c
	}, func(_, job string) snapshot.Persistent {
		return snapshot.Persistent{Kind: "cron.d", Source: "/etc/cron.d/sync", Line: 4, Text: "* * * * * root " + job, Command: job}
	}, true},
	{"timer", func(script, _ string) *exec.Cmd { return exec.Command("/bin/sh", script) }, func(script, job string) snapshot.Persistent {
		return snapshot.Persistent{Kind: "timer", Source: "/etc/systemd/system/sync.timer", Command: script, Unit: "sync.service", Scripts: []snapshot.Text{{Path: script, Content: job}}}
	}, true},
	{"a script that calls another", func(script, _ string) *exec.Cmd { return exec.Command("/bin/sh", "-c", "/bin/sh "+script+"; true") }, func(script, job string) snapshot.Persistent {
		return snapshot.Persistent{Kind: "udev", Source: "/etc/udev/rules.d/99-sync.rules", Command: "/bin/sh " + script, Scripts: []snapshot.Text{{Path: script, Content: job}}}
	}, true},
	{"at", func(_, job string) *exec.Cmd { // the shell reads the job from its input
		c := exec.Command("/bin/sh")
		c.Stdin = strings.NewReader(job + "\n")
		return c
	}, func(_, job string) snapshot.Persistent {
		return snapshot.Persistent{Kind: "at", Source: "/var/spool/cron/atjobs/a00001", Command: job}
	}, false},
	{"profile hook", func(script, _ string) *exec.Cmd { // a shell that somebody uses sources it
		c := exec.Command("/bin/sh", "-i")
		c.Args[0], c.Env = "-sh", []string{"ENV=" + script, "PATH=/usr/bin:/bin"}
		c.Stdin = strings.NewReader("exit 0\n")
		return c
	}, func(script, job string) snapshot.Persistent {
		return snapshot.Persistent{Kind: "profile", Source: script, Command: job, Scripts: []snapshot.Text{{Path: script, Content: job}}}
	}, true},
}

// TestReinfections: what puts a repaired file back is told with the entry that
// began it: for sure where the process shows it, else as one perhaps. Of other
// entries that name the same file none is told where there is a sure one.
func TestReinfections(t *testing.T) {
	for _, r := range reinfections {
		t.Run(r.name, func(t *testing.T) {
			wrong := ""
			for range 10 { // where every processor is busy, one that ends at once may go unread
				if wrong = r.once(t); wrong == "" {
					return
				}
				t.Log(wrong)
			}
			t.Error(wrong)
		})
	}
}

func (r reinfection) once(t *testing.T) (wrong string) {
	dir := t.TempDir()
	file, script := filepath.Join(dir, "conf"), filepath.Join(dir, "sync")
	put(t, file, "good\n")
	job := "echo bad > " + file
	put(t, script, job+"\n")
	mine := r.entry(script, job)
	s := &snapshot.Snapshot{Persistence: &snapshot.Persistence{Entries: []snapshot.Persistent{
		{Kind: "cron.d", Source: "/etc/cron.d/decoy", Line: 1, Command: "cat /etc/hosts"},
		mine,
		{Kind: "service", Source: "/etc/systemd/system/ssh.service", Command: "/usr/sbin/sshd -D", Unit: "ssh.service"},
	}}}
	if r.sure {
		s.Persistence.Entries = append(s.Persistence.Entries, snapshot.Persistent{Kind: "cron.d", Source: "/etc/cron.d/names-it", Command: "grep -q good " + file + " || logger changed"})
	}
	found := []finding.Finding{{Fault: "persistence/reapplied", Facts: []finding.Fact{{Source: mine.Source, Line: mine.Line}}}}
	_, end := watch(t, Options{Targets: []Target{{Kind: "file", Name: file, Repair: 2, Before: op.File{Data: []byte("bad\n")}.Sum()}},
		Look: func(context.Context) (*snapshot.Snapshot, []finding.Finding) { return s, found }})
	c := r.start(script, job)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	all := end(told(1))
	if len(all) == 0 {
		t.Fatal("nothing is told")
	}
	d := all[len(all)-1]
	if !d.PutBack || d.Repair != 2 {
		t.Errorf("it is not said to undo the repair: %+v", d)
	}
	if len(d.Entries) != 1 || d.Entries[0].Source != mine.Source || d.Entries[0].Sure != r.sure || d.Entries[0].Fix != "persistence/reapplied" {
		return fmt.Sprintf("entries %+v of hand %+v", d.Entries, d.Hand)
	}
	return ""
}
