package repair

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/machine"
	"github.com/klustered/klustered/internal/machine/etcd"
	"github.com/klustered/klustered/internal/machine/kube"
	"github.com/klustered/klustered/internal/machine/network"
	"github.com/klustered/klustered/internal/machine/pki"
	"github.com/klustered/klustered/internal/machine/pod"
	"github.com/klustered/klustered/internal/member"
	"github.com/klustered/klustered/internal/rtnl/rtnltest"
	"github.com/klustered/klustered/op"
)

// What is killed here is this test's own program, run again: it applies a plan,
// or takes it back, with the real writers of the node, and sends itself SIGKILL
// at a point. Another run then recovers. The ops that need a node, with systemd,
// an API server, a runtime, control groups and etcd, are killed by TestKillNode.

// A task is what a run of the program does.
type task struct {
	Do   string  // apply, recover or undo
	Dir  string  // of the journals
	Kill int     // point to die at; 0 is none
	Plan op.Plan // to be applied
	Look lookAt  // what is looked at in the end
}

// A report is what a run says.
type report struct {
	Error string
	Last  Entry // of the history
	State map[string]string
}

const taskFile = "KLUSTERED_KILL_TASK"

// TestKilledRun is not a test, but a run.
func TestKilledRun(t *testing.T) {
	name := os.Getenv(taskFile)
	if name == "" {
		t.Skip("it is run by TestKill")
	}
	var x task
	data, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(data, &x)
	}
	if err != nil {
		t.Fatal(err)
	}
	e := source.New("/", true)
	live := machine.Parts{Files: &machine.Files{}, Network: network.At("/proc/self/ns/net"), Mounts: machine.Mounts{}, Processes: machine.Processes{}, Issuer: pki.New(member.Disk{}),
		Units: machine.Systemd{}, Kube: kube.New(e), Etcd: etcd.New(e), Pods: pod.Pods{}}
	p := &points{limit: x.Kill}
	r := &Runner{Machine: &mortal{live, p}, Dir: x.Dir, Node: "n", tap: func(f *os.File) op.Log { return tap{f, p} }}
	var out report
	switch x.Do {
	case "apply":
		_, err = r.Apply(t.Context(), Request{Title: "killed", Plan: x.Plan, Accept: []op.Risk{op.EtcdMaintenance, op.EtcdRemoval}}, nil)
	case "undo":
		_, _, err = r.Undo(t.Context(), 1)
	case "recover":
		err = r.recovered(t.Context())
	}
	if err != nil {
		out.Error = err.Error()
	}
	if all, err := r.History(); err == nil && len(all) > 0 {
		out.Last = all[len(all)-1]
	}
	out.State = x.Look.state(live)
	data, err = json.Marshal(out)
	if err == nil {
		err = os.WriteFile(name+".out", data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (r *Runner) recovered(ctx context.Context) error {
	unlock, err := r.store().lock()
	if err != nil {
		return err
	}
	defer unlock()
	backs, err := r.recover(ctx, 0)
	for _, b := range backs {
		err = errors.Join(err, b.err)
	}
	return err
}

// points counts the points at which a process may die.
type points struct{ n, limit int }

// here reports whether it is to die now.
func (p *points) here() bool {
	p.n++
	return p.n == p.limit
}

func die() {
	unix.Kill(os.Getpid(), unix.SIGKILL)
	select {}
}

func (p *points) hit() {
	if p.here() {
		die()
	}
}

// A tap is a journal whose process dies before a line is written, when half of it
// is, and after it.
type tap struct {
	*os.File
	p *points
}

func (x tap) Write(line []byte) (int, error) {
	x.p.hit()
	if x.p.here() {
		x.File.Write(line[:len(line)/2])
		die()
	}
	n, err := x.File.Write(line)
	x.p.hit()
	return n, err
}

// A lookAt names what a state is made of, beside the files below Dir.
type lookAt struct {
	Dir     string
	Sysctls []string
	Links   []string
	Qdiscs  []op.QdiscPlace
	Routes  []op.Route
	Filters []op.FilterPlace
	Guards  []string
	Mounts  []string
	PID     int
	Keys    bool // what is made is other each time
	Units   []string
	Objects []string // REST paths
	Kernel  []string // files of the kernel
	Alarms  bool
	Members bool     // etcd's
	Runs    []string // programs, of which one has to run
}

// slow reports whether what is looked at takes a moment to be as it was left.
func (l lookAt) slow() bool { return l.PID > 0 || len(l.Units) > 0 || len(l.Runs) > 0 }

// state is how it all stands.
func (l lookAt) state(m op.Machine) map[string]string {
	all := map[string]string{}
	say := func(what string, v any, err error) {
		data, _ := json.Marshal(v)
		all[what] = string(data)
		if err != nil {
			all[what] = err.Error()
		}
	}
	err := filepath.WalkDir(l.Dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			i, err := d.Info()
			if err != nil {
				return err
			}
			flags, _ := m.ReadFlags(p)
			say("folder "+p, fmt.Sprint(i.Mode(), flags), nil)
			return nil
		}
		f, err := m.ReadFile(p)
		if !f.Modified.Equal(long) {
			f.Modified = time.Time{} // it was made by a run: each time anew
		}
		say("file "+p, f, err)
		return nil
	})
	say("walk", nil, err)
	for _, name := range l.Sysctls {
		f, err := m.ReadFile(op.Sysctl{Name: name}.Path())
		say("sysctl "+name, string(f.Data), err)
	}
	for _, name := range l.Links {
		x, err := m.ReadLink(op.LinkPlace{Link: name})
		say("link "+name, []any{x.Up, x.MTU}, err)
	}
	for _, at := range l.Qdiscs {
		q, ok, err := m.ReadQdisc(at)
		q.Handle = "" // the kernel draws one
		say("qdisc "+at.String(), []any{q, ok}, err)
	}
	for _, x := range l.Routes {
		_, ok, err := m.ReadRoute(x)
		say(x.Kind+" "+x.Text, ok, err)
	}
	for _, at := range l.Filters {
		x, ok, err := m.ReadFilter(at)
		say("filter "+at.Table+" "+at.Chain, []any{x.Sum, ok}, err)
	}
	for _, name := range l.Guards {
		g, ok, err := m.ReadGuard(name)
		say("guard "+name, []any{g.Ports, ok}, err)
	}
	for _, at := range l.Mounts {
		x, err := m.ReadMounts(at)
		say("mounts "+at, x, err)
	}
	if l.PID > 0 {
		_, stopped, err := m.ReadProcess(l.PID)
		say("process", stopped, err)
	}
	l.node(m, say)
	return all
}

// A stage is a thread with a network and mounts of its own, from which the runs
// are started.
type stage struct {
	t    *testing.T
	net  string // path of its network
	base string
	n    int
}

// on runs do on such a thread.
func on(t *testing.T, do func(*stage) error) {
	t.Helper()
	s := &stage{t: t, net: rtnltest.New(t), base: t.TempDir()}
	var failed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with it
		fd, err := unix.Open(s.net, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = errors.Join(unix.Setns(fd, unix.CLONE_NEWNET), unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS), unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		}
		if failed = err; err == nil {
			failed = do(s)
		}
	}()
	if <-done; failed != nil {
		t.Error(failed)
	}
}

// start begins a run.
func (s *stage) start(x task) (c *exec.Cmd, out string, err error) {
	s.n++
	name := filepath.Join(s.base, fmt.Sprintf("task%d", s.n))
	data, err := json.Marshal(x)
	if err == nil {
		err = os.WriteFile(name, data, 0o600)
	}
	if err != nil {
		return nil, "", err
	}
	c = exec.Command(os.Args[0], "-test.run=^TestKilledRun$")
	c.Env = append(os.Environ(), taskFile+"="+name)
	c.Stderr = os.Stderr
	return c, name + ".out", c.Start()
}

// run does a task. One that was killed has no report.
func (s *stage) run(x task) (*report, error) {
	c, out, err := s.start(x)
	if err != nil {
		return nil, err
	}
	return ended(c, out)
}

func ended(c *exec.Cmd, out string) (*report, error) {
	var exit *exec.ExitError
	err := c.Wait()
	if errors.As(err, &exit) {
		if w, ok := exit.Sys().(interface{ Signal() unix.Signal }); ok && w.Signal() == unix.SIGKILL {
			return nil, nil
		}
	}
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	var r report
	return &r, json.Unmarshal(data, &r)
}

// check has a process recover, and wants the state to be as before, or as after
// where the journal was closed.
func (s *stage) check(x task, when string, before, after map[string]string) error {
	x.Do, x.Kill = "recover", 0
	r, err := s.run(x)
	if err != nil || r == nil {
		return fmt.Errorf("%s: no recovery: %v", when, err)
	}
	want := before
	if r.Last.State == StateKept {
		want = after
	}
	if r.Error != "" || r.Last.State == StateHalf {
		return fmt.Errorf("%s: recovered to %s: %s", when, r.Last.State, r.Error)
	}
	if kept := r.Last.State == StateKept; !(kept && x.Look.Keys) && !s.like(x, r, want) {
		return fmt.Errorf("%s: recovered (%s), and it is not as it was:\n%s", when, r.Last.State, unlike(want, r.State))
	}
	if r.Last.State == StateKept {
		x.Do = "undo"
		if r, err = s.run(x); err != nil || r == nil || r.Error != "" || !s.like(x, r, before) {
			return fmt.Errorf("%s: the undo of what was kept: %+v, %v", when, r, err)
		}
	}
	return os.RemoveAll(x.Dir)
}

// like reports whether a run has left the state so. What is slow is looked at again.
func (s *stage) like(x task, r *report, want map[string]string) bool {
	for over := time.Now().Add(20 * time.Second); !reflect.DeepEqual(r.State, want); {
		if !x.Look.slow() || time.Now().After(over) {
			return false
		}
		time.Sleep(50 * time.Millisecond)
		x.Do, x.Kill = "look", 0
		if again, err := s.run(x); err == nil && again != nil {
			r.State = again.State
		}
	}
	return true
}

func unlike(want, got map[string]string) string {
	text := ""
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if got[k] != want[k] {
			text += fmt.Sprintf("%s\n got %.300s\nwant %.300s\n", k, got[k], want[k])
		}
	}
	for k := range got {
		if _, ok := want[k]; !ok {
			text += fmt.Sprintf("%s was left: %.300s\n", k, got[k])
		}
	}
	return text
}

// kills kills the plan everywhere: at each point of the apply; at a point further
// in each run of its undo, until that ends; and by the clock.
func (s *stage) kills(plan func() (op.Plan, error), look lookAt) error {
	x := task{Dir: filepath.Join(s.base, "klustered"), Look: look}
	first, err := s.run(x)
	if err != nil || first == nil {
		return fmt.Errorf("no look: %v", err)
	}
	before := first.State
	if x.Plan, err = plan(); err != nil {
		return err
	}
	x.Do = "apply"
	begin := time.Now()
	whole, err := s.run(x)
	took := time.Since(begin)
	if err != nil || whole == nil || whole.Error != "" {
		return fmt.Errorf("the plan: %+v, %v", whole, err)
	}
	after := whole.State
	if look.slow() {
		time.Sleep(2 * time.Second)
		again, err := s.run(task{Do: "look", Dir: x.Dir, Look: look})
		if err != nil || again == nil {
			return fmt.Errorf("no look: %v", err)
		}
		after = again.State
	}
	if reflect.DeepEqual(before, after) {
		return errors.New("the plan changed nothing")
	}
	if err := s.undone(x, before); err != nil {
		return err
	}
	check := func(when string) error { return s.check(x, when, before, after) }
	if err := s.points(x, plan, check); err != nil {
		return err
	}
	return s.clock(x, plan, clocked, took/3, took, check)
}

// points kills the apply at each of its points, until it is not reached, and has
// what each leaves checked.
func (s *stage) points(x task, plan func() (op.Plan, error), check func(when string) error) error {
	for kill := 1; ; kill++ {
		var err error
		if x.Plan, err = plan(); err != nil {
			return err
		}
		x.Do, x.Kill = "apply", kill
		r, err := s.run(x)
		if err != nil || r != nil && r.Error != "" {
			return fmt.Errorf("killed at %d: %+v, %v", kill, r, err)
		}
		if err := check(fmt.Sprintf("killed at point %d", kill)); err != nil {
			return err
		}
		if r == nil {
			continue
		}
		if s.t.Logf("%d ops, killed at %d points", len(x.Plan), kill-1); kill == 1 {
			return errors.New("it was killed nowhere")
		}
		return nil
	}
}

// undone takes the plan back in runs that die, each one point later.
func (s *stage) undone(x task, before map[string]string) error {
	x.Do = "undo"
	for kill := 1; ; kill++ {
		x.Kill = kill
		r, err := s.run(x)
		if err != nil {
			return err
		}
		if r == nil {
			continue
		}
		late := strings.HasSuffix(r.Error, ErrNothing.Error()) // the run before died with all done
		if r.Error != "" && !late || r.Last.State != StateUndone || !s.like(x, r, before) {
			return fmt.Errorf("undone in %d runs, as %s: %s\n%s", kill, r.Last.State, r.Error, unlike(before, r.State))
		}
		return os.RemoveAll(x.Dir)
	}
}

// clocked is how often a run is killed by the clock.
const clocked = 24

// clock kills n runs from outside, between two times, wherever they are: within a
// write as well.
func (s *stage) clock(x task, plan func() (op.Plan, error), n int, from, to time.Duration, check func(when string) error) error {
	for i := range n {
		var err error
		if x.Plan, err = plan(); err != nil {
			return err
		}
		x.Do, x.Kill = "apply", 0
		if err := s.killed(x, from+(to-from)*time.Duration(i)/time.Duration(n)); err != nil {
			return err
		}
		if err := check(fmt.Sprintf("killed by the clock, %d", i)); err != nil {
			return err
		}
	}
	return nil
}

// killed does a task and kills it after a time, if it has not ended by then.
func (s *stage) killed(x task, after time.Duration) error {
	c, out, err := s.start(x)
	if err != nil {
		return err
	}
	time.Sleep(after)
	c.Process.Kill()
	_, err = ended(c, out)
	return err
}
