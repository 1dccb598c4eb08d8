package host

import (
	"context"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

const (
	samples     = 3
	sampleEvery = 80 * time.Millisecond
	maxBehave   = 128 // processes kept
)

// serviceNames are the programs of the control plane and of the node, by comm.
var serviceNames = append([]string{
	"dockerd", "kube-proxy", "coredns", "flanneld", "calico-node", "cilium-agent", "systemd", "systemd-journal", "sshd",
}, components...)

// A sample is one look at a process.
type sample struct {
	state  string
	start  uint64
	cpu    uint64 // ticks
	name   string
	kernel bool
}

// collectActivity looks at all processes a few times. Threads of the kernel
// are looked at once.
func collectActivity(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	a := &snapshot.Activity{}
	first, began := census(e), time.Now()
	ran := threadTimes(e, first)
	rows := map[int][]sample{}
	for pid, x := range first {
		if !x.kernel {
			rows[pid] = []sample{x}
		}
	}
	a.Samples = 1
	for a.Samples < samples && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(sampleEvery):
		}
		for pid := range rows {
			rows[pid] = append(rows[pid], lookOnce(e, pid))
		}
		a.Samples++
	}
	a.WindowMs = float64(time.Since(began).Microseconds()) / 1000
	after := threadTimes(e, first)
	f := freezers{env: e, mounts: ParseMountinfo(read(e, "/proc/self/mountinfo")), known: map[string]string{}}
	for pid, row := range rows {
		b := behave(pid, row)
		if b.Service && after[pid] > ran[pid] {
			b.RanUs = (after[pid] - ran[pid]) / 1000
		}
		b.Tracer, b.Frozen = tracer(e, pid), f.frozen(pid)
		if b.Service || b.Tracer != 0 || b.Frozen != "" || strings.ContainsAny(b.States, "Tt") || strings.Trim(b.States, "D") == "" {
			explain(e, &b)
			a.List = append(a.List, b)
		}
	}
	order.By(a.List, func(x, y snapshot.Behaviour) int { return x.PID - y.PID })
	a.List = kept(e, a.List)
	s.Activity = a
	return ctx.Err()
}

// kept bounds the list: the services and what is traced, frozen or stopped
// come before what only waits.
func kept(e *source.Env, list []snapshot.Behaviour) []snapshot.Behaviour {
	if len(list) > maxBehave {
		order.By(list, func(x, y snapshot.Behaviour) int { return weight(y) - weight(x) })
		e.Gap(snapshot.SectionActivity, "/proc", errLeftOut(len(list)-maxBehave))
		list = list[:maxBehave]
	}
	return list
}

func weight(b snapshot.Behaviour) int {
	switch {
	case b.Service:
		return 2
	case b.Tracer != 0 || b.Frozen != "" || strings.ContainsAny(b.States, "Tt"):
		return 1
	}
	return 0
}

// An errLeftOut says how many processes were left out.
type errLeftOut int

func (n errLeftOut) Error() string { return strconv.Itoa(int(n)) + " more processes were left out" }

// census looks at every process once.
func census(e *source.Env) map[int]sample {
	out := map[int]sample{}
	list, _ := e.ReadDir("/proc")
	for _, x := range list {
		if pid, err := strconv.Atoi(x.Name()); err == nil {
			if l := lookOnce(e, pid); l.state != "-" {
				out[pid] = l
			}
		}
	}
	return out
}

func lookOnce(e *source.Env, pid int) sample {
	data := read(e, "/proc/"+strconv.Itoa(pid)+"/stat")
	p, start, ok := parseStat(data)
	if !ok {
		return sample{state: "-"}
	}
	return sample{state: p.State, start: start, cpu: parseTimes(data), name: p.Name, kernel: p.Kernel}
}

// parseTimes is the sum of utime and stime of a /proc/PID/stat, in ticks.
func parseTimes(data []byte) uint64 {
	w := strings.Fields(string(data)[strings.LastIndexByte(string(data), ')')+1:])
	if len(w) < 13 {
		return 0
	}
	user, _ := strconv.ParseUint(w[11], 10, 64)
	system, _ := strconv.ParseUint(w[12], 10, 64)
	return user + system
}

// behave sums up the samples of one process. A PID that was given to another
// process meanwhile ends the first.
func behave(pid int, row []sample) snapshot.Behaviour {
	b := snapshot.Behaviour{PID: pid, Name: row[0].name, Service: slices.Contains(serviceNames, row[0].name)}
	for _, c := range serviceNames { // comm is cut at 15 bytes
		b.Service = b.Service || len(c) > 15 && row[0].name == c[:15]
	}
	last := row[0]
	for _, x := range row {
		if x.state == "-" || x.start != row[0].start {
			b.States += "-"
			continue
		}
		b.States += x.state
		last = x
	}
	const ms = 1000 / ticks
	b.CPUTotalMs = last.cpu * ms
	if last.cpu > row[0].cpu {
		b.CPUMs = (last.cpu - row[0].cpu) * ms
	}
	return b
}

// threadTimes is the processor time of all threads of each service, in
// nanoseconds.
func threadTimes(e *source.Env, all map[int]sample) map[int]uint64 {
	out := map[int]uint64{}
	for pid, x := range all {
		if x.kernel || !behave(pid, []sample{x}).Service {
			continue
		}
		dir := "/proc/" + strconv.Itoa(pid) + "/task"
		for _, t := range folders(e, dir) {
			out[pid] += parseSchedstat(read(e, path.Join(dir, t, "schedstat")))
		}
	}
	return out
}

// parseSchedstat is the time on a processor, the first number of
// /proc/PID/schedstat, in nanoseconds.
func parseSchedstat(data []byte) uint64 {
	first, _, _ := strings.Cut(string(data), " ")
	n, _ := strconv.ParseUint(first, 10, 64)
	return n
}

func tracer(e *source.Env, pid int) int {
	var p snapshot.Process
	parseStatus(read(e, "/proc/"+strconv.Itoa(pid)+"/status"), &p)
	return p.Tracer
}

// explain adds what is worth knowing of a process that is kept.
func explain(e *source.Env, b *snapshot.Behaviour) {
	dir := "/proc/" + strconv.Itoa(b.PID)
	if wait := strings.TrimSpace(string(read(e, dir+"/wchan"))); wait != "0" {
		b.Wait = strings.ToValidUTF8(wait, "?")
	}
	if !b.Service {
		return
	}
	b.Limits = parseLimits(read(e, dir+"/limits"))
	if i, err := e.Stat(dir + "/fd"); err == nil && i.Size > 0 {
		b.Files = int(i.Size)
	} else if list, err := e.ReadDir(dir + "/fd"); err == nil {
		b.Files = len(list)
	}
}

// parseLimits reads the lines of /proc/PID/limits that limit something, but for
// priorities. Their columns are 26, 21 and 21 bytes wide.
func parseLimits(data []byte) (out []snapshot.ResourceLimit) {
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		if !strings.HasPrefix(line, "Max ") || len(line) < 27 || strings.Contains(line[:26], "priority") {
			continue
		}
		w := strings.Fields(line[26:])
		if len(w) < 2 || w[0] == "unlimited" && w[1] == "unlimited" {
			continue
		}
		l := snapshot.ResourceLimit{Name: strings.TrimSpace(line[:26]), Soft: w[0], Hard: w[1]}
		if len(w) > 2 {
			l.Unit = w[2]
		}
		out = append(out, l)
	}
	return out
}

// freezers tells which control group holds a process frozen. Each group is
// asked once.
type freezers struct {
	env    *source.Env
	mounts []snapshot.Mount
	known  map[string]string // folder to the frozen folder at or above it
}

// frozen is the folder of the group that is frozen, of the v1 freezer or of
// the unified hierarchy; "" when the process is in none.
func (f freezers) frozen(pid int) string {
	data := read(f.env, "/proc/"+strconv.Itoa(pid)+"/cgroup")
	for _, m := range f.mounts {
		group := ""
		switch {
		case m.FSType == "cgroup" && hasOption(m.Options, "freezer"):
			group = controller(data, "freezer")
		case m.FSType == "cgroup2":
			group = controller(data, "")
		}
		if group == "" {
			continue
		}
		if dir := (hierarchy{mount: m.Target, root: m.Root}).dir(group); dir != "" {
			if at := f.above(dir, m.Target); at != "" {
				return at
			}
		}
	}
	return ""
}

// above is the outermost folder at or above dir, up to top, that was frozen
// itself.
func (f freezers) above(dir, top string) string {
	if at, ok := f.known[dir]; ok {
		return at
	}
	at := ""
	if dir != top && len(dir) > len(top) {
		at = f.above(path.Dir(dir), top)
	}
	if at == "" && (text(read(f.env, path.Join(dir, "freezer.state"))) == "FROZEN" || text(read(f.env, path.Join(dir, "cgroup.freeze"))) == "1") {
		at = dir
	}
	f.known[dir] = at
	return at
}
