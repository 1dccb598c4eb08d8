package op

import (
	"context"
	"fmt"
	"strings"
)

// FileFlags are the flags of chattr(1) that forbid changes of a file or a
// folder.
type FileFlags struct {
	Immutable bool `json:"immutable,omitempty"` // +i
	Append    bool `json:"append,omitempty"`    // +a
}

func (f FileFlags) String() string {
	var list []string
	if f.Immutable {
		list = append(list, "immutable")
	}
	if f.Append {
		list = append(list, "append-only")
	}
	if len(list) == 0 {
		return "free to be changed"
	}
	return strings.Join(list, " and ")
}

// A FileAttr sets the flags of a file or a folder and touches nothing else of
// it. WriteFile and RemoveFile lift the flags of what they replace by
// themselves; this is for what stays as it is.
type FileAttr struct {
	Path string    `json:"path"`
	Old  FileFlags `json:"old"` // the pin
	New  FileFlags `json:"new"`
}

// Kind is "file-attr".
func (FileAttr) Kind() string { return "file-attr" }

func (a FileAttr) String() string {
	return fmt.Sprintf("make %s %s (it is %s)", a.Path, a.New, a.Old)
}

// Before checks the flags.
func (a FileAttr) Before(_ context.Context, m Machine) (State, error) {
	now, err := m.ReadFlags(a.Path)
	if err != nil {
		return nil, err
	}
	if now != a.Old {
		return nil, fmt.Errorf("cannot change the attributes of %s: %w: it is %s", a.Path, ErrChanged, now)
	}
	return keep(now)
}

// Do sets the new flags.
func (a FileAttr) Do(_ context.Context, m Machine) error { return m.WriteFlags(a.Path, a.New) }

// Undo sets the old ones. A file that is gone has none to put back.
func (a FileAttr) Undo(_ context.Context, m Machine, _ State) error {
	now, err := m.ReadFlags(a.Path)
	if gone(err) || err == nil && now == a.Old {
		return nil
	}
	if err != nil {
		return err
	}
	if now != a.New {
		return fmt.Errorf("cannot put back the attributes of %s: %w: it is %s", a.Path, ErrChanged, now)
	}
	return m.WriteFlags(a.Path, a.Old)
}
