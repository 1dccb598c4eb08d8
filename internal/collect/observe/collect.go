package observe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"

	"github.com/klustered/klustered/internal/collect/crilog"
	"github.com/klustered/klustered/internal/collect/journal"
	"github.com/klustered/klustered/internal/collect/kmsg"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

const (
	window     = 24 * time.Hour // how far back the logs are read
	entryLimit = 20000          // newest entries of one journal source
	logBytes   = 1 << 20        // of the end of one container log
	logLimit   = 96             // container logs
	tailLines  = 40             // kept of each log for quoting
	burstLimit = 12
)

// Collectors returns the collector of the logs section.
func Collectors() []source.Collector {
	return []source.Collector{{Section: snapshot.SectionLogs, Collect: collectLogs}}
}

// A reading is one pass over the logs of a node.
type reading struct {
	ctx  context.Context
	env  *source.Env
	root fs.FS
	set  *Set
	logs *snapshot.Logs
}

func collectLogs(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	r := &reading{ctx: ctx, env: e, root: e.FS(), set: New(),
		logs: &snapshot.Logs{Since: s.At.Add(-window)}}
	kernelSeen, err := r.journal(s.At)
	r.gap("journal", err)
	if !kernelSeen && e.Live {
		r.gap(kmsg.Path, r.kmsg(s.At))
	}
	perr := r.containers()
	r.gap("/"+crilog.Dir, perr)
	r.logs.Observations = r.set.Observations()
	r.logs.Bursts = r.set.Bursts(burstLimit)
	if err != nil && perr != nil && len(r.logs.Observations) == 0 && len(r.logs.Tails) == 0 {
		return fmt.Errorf("cannot read logs: %w", errors.Join(err, perr))
	}
	s.Logs = r.logs
	return ctx.Err()
}

func (r *reading) gap(name string, err error) { r.env.Gap(snapshot.SectionLogs, name, err) }

// A stream is one part of the journal.
type stream struct {
	source string
	kind   Kind
	query  journal.Query
}

func streams() []stream {
	unit := func(kind Kind, name string) stream {
		return stream{"journal:" + name, kind, journal.Query{Units: []string{name}}}
	}
	return []stream{
		unit(Kubelet, "kubelet.service"),
		unit(Containerd, "containerd.service"),
		unit(Containerd, "crio.service"),
		unit(Containerd, "docker.service"),
		unit(Etcd, "etcd.service"),
		unit(Cron, "cron.service"),
		unit(Cron, "crond.service"),
		unit(SSH, "ssh.service"),
		unit(SSH, "sshd.service"),
		{"journal:systemd", Systemd, journal.Query{Units: []string{"init.scope"}}},
		{"journal:kernel", Kernel, journal.Query{Transports: []string{"kernel"}}},
	}
}

// journal reads the journal's streams and reports whether it has any message
// of the kernel.
func (r *reading) journal(at time.Time) (kernelSeen bool, err error) {
	j, err := journal.Open(r.root, journal.Dirs...)
	if err != nil {
		return false, err
	}
	defer j.Close()
	for _, st := range streams() {
		q := st.query
		// The clock may have been set back: what is newer than the snapshot
		// is read as well.
		q.Since, q.Tail = at.Add(-window), entryLimit
		n := r.stream(j, st, q)
		kernelSeen = kernelSeen || n > 0 && st.kind == Kernel
		if err := r.ctx.Err(); err != nil {
			return kernelSeen, err
		}
	}
	return kernelSeen, j.Damage()
}

func (r *reading) stream(j *journal.Journal, st stream, q journal.Query) int {
	n := 0
	var tail []string
	for e := range j.Entries(q) {
		if n%256 == 0 && r.ctx.Err() != nil {
			break
		}
		n++
		line := Line{Time: e.Realtime, Text: e.Message(), Severity: e.Priority(), Cursor: e.Cursor}
		if len(tail) < tailLines {
			tail = append(tail, tailLine(e.Realtime, line.Text))
		}
		// What systemd says of a unit belongs to the tail of the unit, but
		// comes with systemd's own stream too and is counted there.
		if st.kind == Systemd || e.Get("UNIT") == nil || string(e.Get("_PID")) != "1" {
			r.set.Add(st.kind, st.source, line)
		}
	}
	slices.Reverse(tail)
	r.keep(st.source, tail)
	return n
}

func (r *reading) keep(name string, lines []string) {
	if len(lines) > 0 {
		r.logs.Tails = append(r.logs.Tails, snapshot.LogTail{Source: name, Lines: lines})
	}
}

// kmsg reads the kernel's ring buffer.
func (r *reading) kmsg(at time.Time) error {
	records, lost, err := kmsg.Read(kmsg.Path)
	up := uptime()
	var tail []string
	for _, k := range records {
		if !k.Kernel() {
			continue
		}
		line := Line{Time: at.Add(k.Since - up), Text: k.Text, Severity: k.Priority,
			Cursor: func() string { return fmt.Sprintf("seq=%d", k.Seq) }}
		r.set.Add(Kernel, "kmsg", line)
		tail = append(tail, tailLine(line.Time, k.Text))
	}
	r.keep("kmsg", tail[max(0, len(tail)-tailLines):])
	if err == nil && lost > 0 {
		err = fmt.Errorf("%d kernel messages were overwritten or could not be parsed", lost)
	}
	return err
}

// containers reads the ends of the logs of the system's containers.
func (r *reading) containers() error {
	logs, err := crilog.List(r.root)
	if err != nil {
		return err
	}
	left := logLimit
	for _, l := range newestRuns(logs) {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if left--; left < 0 {
			return fmt.Errorf("more than %d container logs", logLimit)
		}
		lines, err := crilog.Tail(r.root, l.Path, crilog.Limit{Bytes: logBytes})
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) || listed(r.root, l.Path) {
				r.gap("/"+l.Path, err)
			}
			continue
		}
		r.container(l, lines)
	}
	return nil
}

// listed reports whether the file still has a name: a log that went with its
// pod since it was found is none that could not be read.
func listed(root fs.FS, name string) bool {
	entries, err := fs.ReadDir(root, path.Dir(name))
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == path.Base(name) })
}

func (r *reading) container(l crilog.Log, lines []crilog.Line) {
	name := "/" + l.Path
	var tail []string
	for i, c := range lines {
		if c.Time.Before(r.logs.Since) && !c.Time.IsZero() {
			continue
		}
		r.set.Add(kindOf(l.Container), name, Line{Time: c.Time, Text: c.Text, Severity: -1,
			Cursor: func() string { return fmt.Sprintf("byte=%d", c.Offset) }})
		if i >= len(lines)-tailLines {
			tail = append(tail, tailLine(c.Time, c.Text))
		}
	}
	r.keep(name, tail)
}

// newestRuns are the last two runs of each container of the system: why it
// runs no more is said at the end of the run before.
func newestRuns(logs []crilog.Log) []crilog.Log {
	order.By(logs, func(a, b crilog.Log) int { return b.Restart - a.Restart })
	count := map[string]int{}
	var keep []crilog.Log
	for _, l := range logs {
		id := l.UID + "/" + l.Container
		if l.Namespace == "kube-system" && count[id] < 2 {
			count[id]++
			keep = append(keep, l)
		}
	}
	order.By(keep, func(a, b crilog.Log) int { return cmp.Compare(a.Path, b.Path) })
	return keep
}
