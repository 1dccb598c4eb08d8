package faulttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/klustered/klustered/internal/collect"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/machine"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// A Machine is a simulated node: a folder that the real writer writes and the
// real file collectors read, with a [World] beside it.
type Machine struct {
	t testing.TB
	*machine.Files
	World   *World
	files   tree // as installed
	lasting op.Plan
	seen    map[string]seen
	hand    func(*Machine)
	effects []func(*Machine, *snapshot.Snapshot)
	kubelet kubeletState
}

var _ op.Machine = (*Machine)(nil)

// New returns a healthy Machine.
func New(t testing.TB, opts ...Option) *Machine {
	t.Helper()
	c := configure(opts)
	m := &Machine{t: t, World: newWorld(), files: healthy().clone(), seen: map[string]seen{}, hand: c.hand, effects: c.effects}
	m.Files = &machine.Files{Root: folder(t), NoSync: true}
	for _, change := range c.worlds {
		change(m.World)
	}
	if c.unified {
		m.files.unify()
	}
	for name, f := range c.files {
		m.files[name] = f
	}
	m.mark()
	m.install()
	return m
}

// mark gives the files owners, and some of them, where that can be done, a
// group and an attribute that nothing but an exact undo brings back.
func (m *Machine) mark() {
	attributes := syscall.Setxattr(m.Root, "user.origin", []byte("installed"), 0) == nil
	for name, f := range m.files {
		f.UID, f.GID = os.Getuid(), os.Getgid()
		if !f.Mode.IsDir() && (strings.HasPrefix(name, "/etc/") || strings.HasPrefix(name, "/root/")) {
			if os.Getuid() == 0 {
				f.GID = 4
			}
			if attributes && f.Link == "" {
				f.Xattrs = map[string][]byte{"user.origin": []byte("installed")}
			}
		}
		m.files[name] = f
	}
}

// folder returns an empty folder, in memory where that can be had: the laws
// make and remove many thousands of files.
func folder(t testing.TB) string {
	t.Helper()
	const memory = "/dev/shm"
	dir, err := os.MkdirTemp(memory, "klustered-laws-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := removeAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// install writes the files of the healthy node.
func (m *Machine) install() {
	for _, name := range slices.Sorted(maps.Keys(m.files)) {
		m.put(name, m.files[name])
	}
}

func (m *Machine) put(name string, f op.File) {
	var err error
	if f.Mode.IsDir() {
		p := filepath.Join(m.Root, name)
		err = errors.Join(os.MkdirAll(p, 0o755), os.Chmod(p, f.Mode&^fs.ModeDir))
	} else {
		err = m.WriteFile(name, f)
	}
	if err != nil {
		m.t.Fatalf("cannot install %s: %v", name, err)
	}
}

// Snapshot collects the Machine, always at the same time.
func (m *Machine) Snapshot() *snapshot.Snapshot {
	simulated := m.simulated()
	var list []source.Collector
	for _, c := range collect.All() {
		if !c.Live && !slices.ContainsFunc(simulated, func(x source.Collector) bool { return x.Section == c.Section }) {
			list = append(list, c)
		}
	}
	s := collect.Run(context.Background(), source.New(m.Root, false),
		collect.Options{Node: "cp1", Tool: "test", At: At, Collectors: append(list, simulated...)})
	s.Offline = false // what runs is simulated
	m.live(s)
	for _, effect := range slices.Concat(standard, trustEffects, m.effects) {
		effect(m, s)
	}
	s.Timing = nil
	return s
}

// A seen is a file as it was read, and the sign that it has not changed since.
type seen struct {
	sign string
	file op.File
}

// all returns every file of the folder. One that did not change is not read
// again: the writer never writes in place, so a change shows in the inode.
func (m *Machine) all() tree {
	t := tree{}
	err := filepath.WalkDir(m.Root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == m.Root {
			return err
		}
		name := strings.TrimPrefix(p, m.Root)
		info, err := d.Info()
		if err != nil {
			return err
		}
		if d.IsDir() {
			t[name] = op.File{Mode: info.Mode()}
			return nil
		}
		st := info.Sys().(*syscall.Stat_t)
		sign := fmt.Sprint(st.Ino, st.Size, st.Mode, st.Ctim, st.Mtim)
		if was, ok := m.seen[name]; !ok || was.sign != sign {
			f, err := m.ReadFile(name)
			if err != nil {
				return err
			}
			m.seen[name] = seen{sign, f}
		}
		t[name] = m.seen[name].file
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return t
}

// State renders everything that undo has to put back: each file with its
// mode, owner, attributes and bytes, and the world beside them. What lies
// below /var/lib/klustered is klustered's own and may stay.
func (m *Machine) State() map[string]string {
	all := map[string]string{}
	for name, f := range m.all() {
		if name == "/var/lib/klustered" || strings.HasPrefix(name, "/var/lib/klustered/") {
			continue
		}
		all["file "+name] = describe(f) + m.fixed(name, f)
		if name == mountinfo {
			all["file "+name] = mounted(string(f.Data))
		}
	}
	m.World.state(all)
	return all
}

// describe tells everything about a file but its time, and of a folder its mode.
func describe(f op.File) string {
	if f.Mode.IsDir() {
		return f.Mode.String()
	}
	return fmt.Sprintf("%s %d:%d %v %v%v link=%q %q", f.Mode, f.UID, f.GID, f.Xattrs, f.Immutable, f.Append, f.Link, f.Data)
}

// A saved is a Machine's state to come back to.
type saved struct {
	files tree
	flags map[string]op.FileFlags
	world *World
}

func (m *Machine) save() saved { return saved{m.all(), m.flags(), clone(m.World)} }

func (m *Machine) load(s saved) {
	m.setFlags(nil)
	now := m.all()
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(now))) {
		if _, ok := s.files[name]; !ok {
			if err := m.RemoveFile(name); err != nil {
				m.t.Fatal(err)
			}
		}
	}
	m.restore(s.files, "/")
	m.setFlags(s.flags)
	m.World = clone(s.world)
}

// restore writes the files of t below prefix that are missing or otherwise.
func (m *Machine) restore(t tree, prefix string) {
	now := m.all()
	for _, name := range slices.Sorted(maps.Keys(t)) {
		f, ok := now[name]
		if strings.HasPrefix(name, prefix) && (!ok || describe(f) != describe(t[name])) {
			m.put(name, t[name])
		}
	}
}

// Poke writes as the kernel takes it: a limit of one device replaces that
// device's line and no other.
func (m *Machine) Poke(name string, data []byte) error {
	f, err := m.ReadFile(name)
	if err != nil {
		return err
	}
	switch base := path.Base(name); {
	case strings.HasPrefix(base, "blkio.throttle."):
		f.Data = throttle(f.Data, string(data))
	case base == "io.max":
		f.Data = ioMax(f.Data, string(data))
	case base == "memory.max" || base == "memory.limit_in_bytes": // in whole pages
		f.Data = data
		if n, err := strconv.ParseUint(string(bytes.TrimSpace(data)), 10, 64); err == nil {
			f.Data = fmt.Appendf(nil, "%d\n", n/4096*4096)
		}
	case base == "cpu.max": // a quota alone leaves the period
		f.Data = append(bytes.TrimSpace(data), " 100000\n"...)
	case base == "freezer.state", base == "cgroup.freeze", strings.HasPrefix(name, "/proc/sys/"):
		f.Data = append(bytes.TrimSpace(data), '\n') // as the kernel shows what it took
	default:
		f.Data = data
	}
	return m.WriteFile(name, f)
}

// throttle sets a line "device value"; zero takes it away.
func throttle(lines []byte, set string) []byte {
	w := strings.Fields(set)
	if len(w) != 2 {
		return lines
	}
	var out strings.Builder
	for line := range strings.Lines(string(lines)) {
		if strings.Fields(line)[0] != w[0] {
			out.WriteString(line)
		}
	}
	if w[1] != "0" {
		out.WriteString(w[0] + " " + w[1] + "\n")
	}
	return []byte(out.String())
}

// ioMax sets keys of the line of a device; a line of nothing but max goes.
func ioMax(lines []byte, set string) []byte {
	w := strings.Fields(set)
	if len(w) == 0 {
		return lines
	}
	keys := []string{"rbps", "wbps", "riops", "wiops"}
	value := map[string]string{"rbps": "max", "wbps": "max", "riops": "max", "wiops": "max"}
	var out strings.Builder
	read := func(words []string) {
		for _, x := range words {
			if k, v, ok := strings.Cut(x, "="); ok {
				value[k] = v
			}
		}
	}
	for line := range strings.Lines(string(lines)) {
		if x := strings.Fields(line); x[0] == w[0] {
			read(x[1:])
		} else {
			out.WriteString(line)
		}
	}
	read(w[1:])
	line, limited := w[0], false
	for _, k := range keys {
		line += " " + k + "=" + value[k]
		limited = limited || value[k] != "max"
	}
	if limited {
		out.WriteString(line + "\n")
	}
	return []byte(out.String())
}
