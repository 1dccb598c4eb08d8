package op

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// fileState is what a file was before, and which folders were made for it.
type fileState struct {
	Absent bool     `json:"absent,omitempty"`
	File   File     `json:"file,omitzero"`
	Made   []string `json:"made,omitempty"`
}

func capture(m Machine, path, pin string) (fileState, error) {
	f, err := m.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if pin != "" {
			return fileState{}, fmt.Errorf("cannot change %s: %w: it is gone", path, ErrChanged)
		}
		made, err := m.MissingDirs(path)
		return fileState{Absent: true, Made: made}, err
	}
	if err != nil {
		return fileState{}, err
	}
	if f.Sum() != pin {
		return fileState{}, fmt.Errorf("cannot change %s: %w", path, ErrChanged)
	}
	return fileState{File: f}, nil
}

// restore puts back what was captured, if the file is as we left it (sum, or
// "" for absent) or already as it was.
func restore(m Machine, path, left string, was fileState) error {
	if err := ours(m, path, left, was); err != nil {
		return err
	}
	if !was.Absent {
		return rewrite(m, path, was.File)
	}
	if err := m.RemoveFile(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for i := len(was.Made) - 1; i >= 0; i-- {
		if err := m.RemoveFile(was.Made[i]); err != nil && !gone(err) {
			break // another file lives there now
		}
	}
	return nil
}

// rewrite writes f, also where it is the same, since a temporary may lie beside
// it. On a disk that takes no writing, what is the same needs none.
func rewrite(m Machine, path string, f File) error {
	err := m.WriteFile(path, f)
	if err != nil {
		if now, again := m.ReadFile(path); again == nil && now.same(f) {
			return nil
		}
	}
	return err
}

// A WriteFile replaces or makes a file.
type WriteFile struct {
	Path string      `json:"path"`
	Pin  string      `json:"pin,omitempty"` // File.Sum of what it replaces; "" for a file that must not exist
	Data []byte      `json:"data,omitempty"`
	Link string      `json:"link,omitempty"` // make a symbolic link instead
	Mode fs.FileMode `json:"mode"`
	UID  int         `json:"uid,omitempty"`
	GID  int         `json:"gid,omitempty"`
	Why  string      `json:"why,omitempty"` // what the change is, for String
}

// Kind is "write-file".
func (WriteFile) Kind() string { return "write-file" }

func (w WriteFile) String() string {
	verb := "replace"
	if w.Pin == "" {
		verb = "create"
	}
	if w.Why != "" {
		return fmt.Sprintf("%s %s: %s", verb, w.Path, w.Why)
	}
	return verb + " " + w.Path
}

func (w WriteFile) file() File {
	return File{Data: w.Data, Link: w.Link, Mode: w.Mode, UID: w.UID, GID: w.GID}
}

// Before keeps the file.
func (w WriteFile) Before(_ context.Context, m Machine) (State, error) {
	was, err := capture(m, w.Path, w.Pin)
	if err != nil {
		return nil, err
	}
	return keep(was)
}

// Do writes the file.
func (w WriteFile) Do(_ context.Context, m Machine) error { return m.WriteFile(w.Path, w.file()) }

// Undo puts the old file back.
func (w WriteFile) Undo(_ context.Context, m Machine, s State) error {
	was, err := recall[fileState](s)
	if err != nil {
		return err
	}
	return restore(m, w.Path, w.file().Sum(), was)
}

// Texts shows the file before and after.
func (w WriteFile) Texts(s State) (string, []byte, []byte) {
	was, _ := recall[fileState](s)
	return w.Path, was.File.Data, w.Data
}

// A RemoveFile removes a file or a symbolic link. The journal keeps it.
type RemoveFile struct {
	Path string `json:"path"`
	Pin  string `json:"pin"`
	Why  string `json:"why,omitempty"`
	// Anew says that the program whose file it is writes another, in the place
	// of which an undo puts the old one.
	Anew bool `json:"anew,omitempty"`
}

// Kind is "remove-file".
func (RemoveFile) Kind() string { return "remove-file" }

func (r RemoveFile) String() string {
	if r.Why != "" {
		return fmt.Sprintf("remove %s: %s", r.Path, r.Why)
	}
	return "remove " + r.Path
}

// Before keeps the file.
func (r RemoveFile) Before(_ context.Context, m Machine) (State, error) {
	was, err := capture(m, r.Path, r.Pin)
	if err != nil {
		return nil, err
	}
	return keep(was)
}

// Do removes the file.
func (r RemoveFile) Do(_ context.Context, m Machine) error {
	if err := m.RemoveFile(r.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Undo puts the file back.
func (r RemoveFile) Undo(_ context.Context, m Machine, s State) error {
	was, err := recall[fileState](s)
	if err != nil {
		return err
	}
	left := ""
	if now, err := m.ReadFile(r.Path); r.Anew && err == nil {
		left = now.Sum()
	}
	return restore(m, r.Path, left, was)
}

// Texts shows the file that goes.
func (r RemoveFile) Texts(s State) (string, []byte, []byte) {
	was, _ := recall[fileState](s)
	return r.Path, was.File.Data, nil
}

// A CopyFile copies a program or another large file on the node. Its content
// is not in the plan.
type CopyFile struct {
	From    string      `json:"from"`
	FromPin string      `json:"fromPin"`
	To      string      `json:"to"`
	Pin     string      `json:"pin,omitempty"` // of To; "" for a file that must not exist
	Mode    fs.FileMode `json:"mode"`
}

// Kind is "copy-file".
func (CopyFile) Kind() string { return "copy-file" }

func (c CopyFile) String() string { return fmt.Sprintf("copy %s to %s", c.From, c.To) }

// Before keeps what To was.
func (c CopyFile) Before(_ context.Context, m Machine) (State, error) {
	src, err := m.ReadFile(c.From)
	if err != nil {
		return nil, err
	}
	if src.Sum() != c.FromPin {
		return nil, fmt.Errorf("cannot copy %s: %w", c.From, ErrChanged)
	}
	was, err := capture(m, c.To, c.Pin)
	if err != nil {
		return nil, err
	}
	return keep(was)
}

// Do copies.
func (c CopyFile) Do(_ context.Context, m Machine) error {
	src, err := m.ReadFile(c.From)
	if err != nil {
		return err
	}
	if src.Sum() != c.FromPin {
		return fmt.Errorf("cannot copy %s: %w", c.From, ErrChanged)
	}
	return m.WriteFile(c.To, File{Data: src.Data, Mode: c.Mode, UID: src.UID, GID: src.GID})
}

// Undo puts To back.
func (c CopyFile) Undo(_ context.Context, m Machine, s State) error {
	was, err := recall[fileState](s)
	if err != nil {
		return err
	}
	return restore(m, c.To, c.FromPin, was)
}

// A Chmod changes a file's permission bits.
type Chmod struct {
	Path string      `json:"path"`
	Old  fs.FileMode `json:"old"` // the pin
	New  fs.FileMode `json:"new"`
}

// Kind is "chmod".
func (Chmod) Kind() string { return "chmod" }

func (c Chmod) String() string {
	return fmt.Sprintf("set the mode of %s to %04o (it is %04o)", c.Path, c.New, c.Old)
}

// Before checks the mode.
func (c Chmod) Before(_ context.Context, m Machine) (State, error) {
	f, err := m.ReadFile(c.Path)
	if err != nil {
		return nil, err
	}
	if f.Mode != c.Old {
		return nil, fmt.Errorf("cannot change the mode of %s: %w: it is %04o", c.Path, ErrChanged, f.Mode)
	}
	return keep(f.Mode)
}

// Do sets the new mode.
func (c Chmod) Do(_ context.Context, m Machine) error {
	f, err := m.ReadFile(c.Path)
	if err != nil || f.Mode == c.New {
		return err
	}
	f.Mode = c.New
	return m.WriteFile(c.Path, f)
}

// Undo sets the old mode. A file that is gone has none to put back, and
// another mode than New is somebody else's.
func (c Chmod) Undo(_ context.Context, m Machine, _ State) error {
	f, err := m.ReadFile(c.Path)
	switch {
	case gone(err):
		return nil
	case err == nil && f.Mode != c.Old && f.Mode != c.New:
		return fmt.Errorf("cannot put back the mode of %s: %w: it is %04o", c.Path, ErrChanged, f.Mode)
	case err != nil:
		return err
	}
	f.Mode = c.Old
	return rewrite(m, c.Path, f)
}
