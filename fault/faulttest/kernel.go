package faulttest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/collect/sysctl"
	"github.com/klustered/klustered/internal/machine"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// ReadProcess returns a process of the world. Processes of units that do not
// run are gone.
func (m *Machine) ReadProcess(pid int) (op.Process, bool, error) {
	for _, p := range m.processes().List {
		if p.PID == pid {
			return op.Process{PID: pid, Start: p.Ticks, Exe: p.Exe}, p.State == "T", nil
		}
	}
	return op.Process{}, false, fmt.Errorf("cannot read process %d: %w", pid, fs.ErrNotExist)
}

// SignalProcess stops a process, or lets it sleep again.
func (m *Machine) SignalProcess(p op.Process, stop bool) error {
	now, _, err := m.ReadProcess(p.PID)
	if err == nil && now != p {
		err = fmt.Errorf("cannot signal process %d: %w", p.PID, fs.ErrNotExist)
	}
	if err != nil {
		return err
	}
	for i := range m.World.Processes.List {
		if x := &m.World.Processes.List[i]; x.PID == p.PID {
			x.State = map[bool]string{true: "T", false: "S"}[stop]
		}
	}
	return nil
}

const mountinfo = "/proc/self/mountinfo"

// ReadMounts returns what the file of mounts has at p.
func (m *Machine) ReadMounts(p string) ([]op.Mount, error) {
	f, err := m.ReadFile(mountinfo)
	return machine.MountsAt(string(f.Data), p), err
}

// Mount adds a line to the file of mounts. What lies at the place still shows:
// hide it with [Effect] where that matters.
func (m *Machine) Mount(x op.Mount) error {
	f, err := m.ReadFile(mountinfo)
	if err != nil {
		return err
	}
	root, kind, source := x.Root, x.Type, x.Source
	if kind == "bind" {
		root, kind, source = x.Source, "overlay", "overlay"
	}
	if root == "" {
		root = "/"
	}
	options := x.Options
	if options == "" {
		options = "rw,relatime"
	}
	f.Data = fmt.Appendf(f.Data, "%d 1 0:77 %s %s %s - %s %s rw\n", 900+strings.Count(string(f.Data), "\n"), root, x.Path, options, kind, source)
	return m.WriteFile(mountinfo, f)
}

// Unmount removes the last line of a place.
func (m *Machine) Unmount(p string) error {
	f, err := m.ReadFile(mountinfo)
	if err != nil {
		return err
	}
	lines := strings.SplitAfter(string(f.Data), "\n")
	for i, line := range slices.Backward(lines) {
		if len(machine.MountsAt(line, p)) > 0 {
			f.Data = []byte(strings.Join(slices.Delete(lines, i, i+1), ""))
			return m.WriteFile(mountinfo, f)
		}
	}
	return fmt.Errorf("cannot unmount %s: nothing is mounted there", p)
}

// mounted tells the mounts without their numbers and their order, which the
// kernel gives.
func mounted(mountinfo string) string {
	var out []string
	for line := range strings.Lines(mountinfo) {
		if w := strings.Fields(line); len(w) > 4 {
			out = append(out, fmt.Sprintf("%+v\n", machine.MountsAt(line, w[4])))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "")
}

// flags are the attributes of all files and folders that have some.
func (m *Machine) flags() map[string]op.FileFlags {
	all := map[string]op.FileFlags{}
	for name, f := range m.all() {
		x := op.FileFlags{Immutable: f.Immutable, Append: f.Append}
		if f.Mode.IsDir() {
			x, _ = m.ReadFlags(name)
		}
		if x != (op.FileFlags{}) {
			all[name] = x
		}
	}
	return all
}

// setFlags sets those attributes and lifts all others.
func (m *Machine) setFlags(want map[string]op.FileFlags) {
	for name := range m.flags() {
		_ = m.WriteFlags(name, op.FileFlags{})
	}
	for name, x := range want {
		_ = m.WriteFlags(name, x)
	}
}

// fixed tells a folder's attributes; [describe] tells those of a file.
func (m *Machine) fixed(name string, f op.File) string {
	if !f.Mode.IsDir() {
		return ""
	}
	if x, err := m.ReadFlags(name); err == nil && x != (op.FileFlags{}) {
		return " " + x.String()
	}
	return ""
}

// removeAll removes a folder in which files may be immutable.
func removeAll(dir string) error {
	if err := os.RemoveAll(dir); err == nil || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	files := machine.Files{Root: dir, NoSync: true}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && p != dir && d.Type()&fs.ModeSymlink == 0 {
			_ = files.WriteFlags(strings.TrimPrefix(p, dir), op.FileFlags{})
		}
		return err
	})
	return errors.Join(err, os.RemoveAll(dir))
}

// bootSysctls sets what the files of sysctl.d(5) say.
func (m *Machine) bootSysctls() {
	s := &snapshot.Snapshot{}
	if err := sysctl.Collectors()[0].Collect(context.Background(), source.New(m.Root, false), s); err != nil || s.Sysctls == nil {
		return
	}
	for _, k := range s.Sysctls.Keys {
		if l, ok := k.Wanted(); ok && k.There {
			_ = m.Poke(path.Join("/proc/sys", strings.TrimPrefix(k.Path, "/proc/sys")), []byte(l.Value))
		}
	}
}
