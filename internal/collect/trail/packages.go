package trail

import (
	"context"
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/collect/journal"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

const (
	dpkgLog      = "/var/log/dpkg.log"
	aptLog       = "/var/log/apt/history.log"
	logBytes     = 1 << 20
	packageLimit = 100
	commandLimit = 100
)

// packages reads what dpkg did, and by which command of apt.
func packages(e *source.Env, t *snapshot.Trail) error {
	data, from, _, err := end(e, dpkgLog, logBytes)
	if err != nil {
		return err
	}
	first := 1
	if from > 0 {
		first = 0 // the number of a line is not known
	}
	t.Packages = parseDpkg(string(data), first)
	if apt, _, _, err := end(e, aptLog, logBytes); err == nil {
		byCommand(t.Packages, parseApt(string(apt)))
	}
	return nil
}

// parseDpkg reads "DATE TIME ACTION PACKAGE:ARCH FROM TO", in the node's own
// time, which is taken for UTC.
func parseDpkg(s string, line int) []snapshot.PackageChange {
	var list []snapshot.PackageChange
	for l := range strings.Lines(s) {
		if w := strings.Fields(l); len(w) == 6 && slices.Contains([]string{"install", "upgrade", "remove", "purge"}, w[2]) {
			if at, err := time.Parse(time.DateTime, w[0]+" "+w[1]); err == nil {
				c := snapshot.PackageChange{Time: at, Action: w[2], Package: clip(w[3]), Path: dpkgLog, Line: line}
				c.From, c.To = version(w[4]), version(w[5])
				list = append(list, c)
			}
		}
		if line > 0 {
			line++
		}
	}
	return newest(list, packageLimit)
}

func version(s string) string {
	if s == "<none>" {
		return ""
	}
	return clip(s)
}

// An aptRun is one run of apt.
type aptRun struct {
	from, until time.Time
	command     string
}

func parseApt(s string) []aptRun {
	var list []aptRun
	var run aptRun
	for l := range strings.Lines(s) {
		key, value, _ := strings.Cut(strings.TrimSpace(l), ": ")
		at, _ := time.Parse("2006-01-02  15:04:05", value)
		switch key {
		case "Start-Date":
			run = aptRun{from: at}
		case "Commandline":
			run.command = clip(value)
		case "End-Date":
			run.until = at
			list = append(list, run)
		}
	}
	return list
}

func byCommand(list []snapshot.PackageChange, runs []aptRun) {
	for i := range list {
		for _, r := range runs {
			if !list[i].Time.Before(r.from) && !list[i].Time.After(r.until) {
				list[i].By = r.command
			}
		}
	}
}

// sudo is what sudo says of a command: "user : TTY=... ; PWD=... ; USER=... ;
// COMMAND=...".
var sudo = regexp.MustCompile(`^\s*(\S+) : .*?(?:PWD=(\S+) ; )?USER=(\S+) ; (?:ENV=.*? ; )?COMMAND=(.*)$`)

// session is what pam_unix says of su.
var session = regexp.MustCompile(`session opened for user ([^\s(]+)(?:\(uid=\d+\))? by ([^\s(]*)`)

// commands reads what was run by sudo and su, from the journal, or else from
// auth.log.
func commands(ctx context.Context, e *source.Env, t *snapshot.Trail) error {
	j, err := journal.Open(e.FS(), journal.Dirs...)
	if err == nil {
		defer j.Close()
		for x := range j.Entries(journal.Query{Identifiers: []string{"sudo", "su"}, Tail: 4 * commandLimit}) {
			if c, ok := parseCommand(x.Message()); ok && ctx.Err() == nil {
				c.Time, c.Source, c.Cursor = x.Realtime, "journal", x.Cursor()
				t.Commands = append(t.Commands, c)
			}
		}
		slices.Reverse(t.Commands)
		t.Commands = newest(t.Commands, commandLimit)
		return nil
	}
	for _, name := range []string{"/var/log/auth.log", "/var/log/secure"} {
		data, _, _, err := end(e, name, logBytes)
		if err != nil {
			continue
		}
		for l := range strings.Lines(string(data)) {
			if _, said, ok := strings.Cut(l, "sudo: "); ok {
				if c, ok := parseCommand(strings.TrimSpace(said)); ok {
					c.Source = name
					c.Time, _ = time.Parse(time.RFC3339Nano, strings.SplitN(l, " ", 2)[0])
					t.Commands = append(t.Commands, c)
				}
			}
		}
	}
	t.Commands = newest(t.Commands, commandLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func parseCommand(s string) (snapshot.RootCommand, bool) {
	if m := sudo.FindStringSubmatch(s); m != nil {
		return snapshot.RootCommand{User: clip(m[1]), Dir: clip(m[2]), As: clip(m[3]), Command: clip(m[4])}, true
	}
	if m := session.FindStringSubmatch(s); m != nil && strings.Contains(s, "(su") {
		return snapshot.RootCommand{User: clip(m[2]), As: clip(m[1])}, true
	}
	return snapshot.RootCommand{}, false
}
