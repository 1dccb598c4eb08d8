package systemd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// A persistence is a collection of what runs by itself.
type persistence struct {
	env     *source.Env
	entries []snapshot.Persistent
	procs   []snapshot.Process
	groups  map[string][]int // systemd unit to the processes in it
	units   *snapshot.Systemd
	origins map[string]source.Origin
	counts  map[string]int // kind to the entries that are as their package made them
	more    int            // entries beyond maxEntries
}

// maxEntries bounds what is kept: each line of a crontab is an entry that
// holds the whole table.
const maxEntries = 1000

// full reports whether no further entry is taken, and counts it.
func (p *persistence) full() bool {
	if len(p.entries) < maxEntries {
		return false
	}
	p.more++
	return true
}

// collectPersistence reads crontabs, at jobs, units and boot and event hooks.
func collectPersistence(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	p := &persistence{env: e, groups: map[string][]int{}, units: s.Systemd, origins: map[string]source.Origin{}, counts: map[string]int{}}
	if s.Processes != nil {
		p.procs = s.Processes.List
		p.group()
	}
	for _, part := range []func(){p.cron, p.anacron, p.at, p.unitEntries, p.boot, p.events, p.shaped, p.packageHooks, p.opportune} {
		if ctx.Err() == nil {
			part()
		}
	}
	s.Persistence = &snapshot.Persistence{Entries: p.entries, Packaged: p.counts}
	if p.more > 0 {
		e.Gap(snapshot.SectionPersistence, "persistence", fmt.Errorf("%d more entries than the %d that are kept", p.more, maxEntries))
	}
	return ctx.Err()
}

// add completes an entry with its processes and takes it.
func (p *persistence) add(x snapshot.Persistent) {
	if p.full() {
		return
	}
	pids := slices.Clone(p.groups[x.Unit])
	for _, proc := range p.procs {
		if runs(proc, x) && !slices.Contains(pids, proc.PID) {
			pids = append(pids, proc.PID)
		}
	}
	slices.Sort(pids)
	x.PIDs, x.Running = pids, x.Running || len(pids) > 0
	p.entries = append(p.entries, p.finished(x))
}

// runs reports whether an argument of the process is a script of the entry.
func runs(proc snapshot.Process, x snapshot.Persistent) bool {
	for _, t := range x.Scripts {
		if slices.Contains(proc.Args[:min(len(proc.Args), 4)], t.Path) {
			return true
		}
	}
	return false
}

// group reads which unit each process belongs to, from its group in systemd's
// own hierarchy.
func (p *persistence) group() {
	for _, proc := range p.procs {
		data, err := p.env.ReadFile("/proc/" + strconv.Itoa(proc.PID) + "/cgroup")
		if err != nil {
			continue
		}
		if unit := unitOf(data); unit != "" {
			p.groups[unit] = append(p.groups[unit], proc.PID)
		}
	}
}

// unitOf returns the service of a /proc/PID/cgroup.
func unitOf(data []byte) string {
	unit := ""
	for line := range strings.Lines(string(data)) {
		w := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(w) != 3 || w[1] != "name=systemd" && w[1] != "" {
			continue
		}
		for part := range strings.SplitSeq(w[2], "/") {
			if strings.HasSuffix(part, ".service") {
				unit = part
			}
		}
		if w[1] != "" {
			break
		}
	}
	return unit
}

// list are the names in a folder, those that begin with a dot left out.
func (p *persistence) list(dir string) []string {
	list, err := p.env.ReadDir(dir)
	p.gap(dir, err)
	var out []string
	for _, x := range list {
		if !strings.HasPrefix(x.Name(), ".") {
			out = append(out, x.Name())
		}
	}
	return out
}

// gap records what is there and cannot be read.
func (p *persistence) gap(name string, err error) {
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !strings.Contains(err.Error(), "not a regular file") {
		p.env.Gap(snapshot.SectionPersistence, name, err)
	}
}

// script adds an executable file that something runs as a whole.
func (p *persistence) script(file, kind, schedule string) {
	i, err := p.env.Stat(file)
	if err != nil || !i.IsRegular() {
		return
	}
	t, data, ok := p.read(file)
	if !ok {
		return
	}
	first, _, _ := strings.Cut(t.Content, "\n")
	x := snapshot.Persistent{
		Kind: kind, Source: file, Text: first, User: "root", Schedule: schedule, Command: file,
		Enabled: i.Mode&0o111 != 0, Files: []snapshot.Text{t},
	}
	x.Scripts = append([]snapshot.Text{t}, scripts(p.env, string(data), "")...)
	if o := p.origin(file); o.Package != "" && o.Sum != "differs" {
		x.Scripts = nil
	}
	p.add(x)
}
