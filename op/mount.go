package op

import (
	"context"
	"fmt"
)

// Mounts are what is mounted on the node.
type Mounts interface {
	// ReadMounts returns what is mounted at path, the lowest first.
	ReadMounts(path string) ([]Mount, error)
	// Mount mounts at x.Path, which exists.
	Mount(x Mount) error
	// Unmount takes away the topmost mount of path.
	Unmount(path string) error
}

// A Mount is a file system at a place.
type Mount struct {
	Path   string `json:"path"`
	Type   string `json:"type"`             // tmpfs, ext4 ...; "bind" to make one that shows Source
	Source string `json:"source,omitempty"` // a device, or for a bind the folder or file that is shown
	// Root is the part of the file system that shows; "/" for all of it.
	Root    string `json:"root,omitempty"`
	Options string `json:"options,omitempty"` // as mount(8) takes them, with those of the file system
}

// same reports whether two mounts are the same thing at the same place.
func (x Mount) same(y Mount) bool {
	return x.Path == y.Path && x.Type == y.Type && x.Source == y.Source && x.Root == y.Root
}

// An Unmount takes away what is mounted at a place, so that what lies beneath
// shows again.
type Unmount struct {
	Mount Mount  `json:"mount"` // as the plan saw it: the pin
	Why   string `json:"why,omitempty"`
}

// Kind is "unmount".
func (Unmount) Kind() string { return "unmount" }

func (u Unmount) String() string {
	text := fmt.Sprintf("unmount %s (%s, %s)", u.Mount.Path, u.Mount.Type, u.Mount.Source)
	if u.Why != "" {
		text += ": " + u.Why
	}
	return text
}

// OneWay says what an undo cannot bring back: what was kept in memory.
func (u Unmount) OneWay() string {
	if u.Mount.Type == "tmpfs" || u.Mount.Type == "ramfs" {
		return "files in the memory file system at " + u.Mount.Path + " are lost; an undo mounts an empty one"
	}
	return ""
}

// Before checks that it is the topmost mount, and keeps all of its place.
func (u Unmount) Before(_ context.Context, m Machine) (State, error) {
	now, err := m.ReadMounts(u.Mount.Path)
	if err != nil {
		return nil, err
	}
	if len(now) == 0 || !now[len(now)-1].same(u.Mount) {
		return nil, fmt.Errorf("cannot unmount %s: %w: %s is not mounted on it", u.Mount.Path, ErrChanged, u.Mount.Source)
	}
	return keep(now)
}

// Do unmounts it, unless that is done.
func (u Unmount) Do(_ context.Context, m Machine) error {
	now, err := m.ReadMounts(u.Mount.Path)
	if err != nil || len(now) == 0 || !now[len(now)-1].same(u.Mount) {
		return err
	}
	return m.Unmount(u.Mount.Path)
}

// Undo mounts it again.
func (u Unmount) Undo(_ context.Context, m Machine, s State) error {
	was, err := recall[[]Mount](s)
	if err != nil {
		return err
	}
	now, err := m.ReadMounts(u.Mount.Path)
	if err != nil || len(now) >= len(was) {
		return err
	}
	return m.Mount(was[len(was)-1])
}

// A MountOver mounts a tmpfs, or shows another folder or file (a bind), at a
// place.
type MountOver struct {
	Mount Mount `json:"mount"`
}

// Kind is "mount-over".
func (MountOver) Kind() string { return "mount-over" }

func (o MountOver) String() string {
	if o.Mount.Type == "bind" {
		return fmt.Sprintf("show %s at %s", o.Mount.Source, o.Mount.Path)
	}
	return fmt.Sprintf("mount a %s at %s", o.Mount.Type, o.Mount.Path)
}

// Before keeps how much is mounted there.
func (o MountOver) Before(_ context.Context, m Machine) (State, error) {
	now, err := m.ReadMounts(o.Mount.Path)
	if err != nil {
		return nil, err
	}
	return keep(len(now))
}

// Do mounts it, unless it is the topmost already.
func (o MountOver) Do(_ context.Context, m Machine) error {
	now, err := m.ReadMounts(o.Mount.Path)
	if err != nil || len(now) > 0 && o.made(now[len(now)-1]) {
		return err
	}
	return m.Mount(o.Mount)
}

// made reports whether x is what this op mounts. A bind has the type and the
// source of what it shows.
func (o MountOver) made(x Mount) bool {
	if o.Mount.Type == "bind" {
		return x.Root != "" && x.Root != "/"
	}
	return x.Type == o.Mount.Type && x.Source == o.Mount.Source
}

// Undo unmounts it.
func (o MountOver) Undo(_ context.Context, m Machine, s State) error {
	was, err := recall[int](s)
	if err != nil {
		return err
	}
	now, err := m.ReadMounts(o.Mount.Path)
	for n := len(now); err == nil && n > was; n-- {
		err = m.Unmount(o.Mount.Path)
	}
	return err
}
