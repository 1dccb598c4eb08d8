package op

import (
	"cmp"
	"context"
	"fmt"
)

// A Maker is an Op of which no plan can say what will stand there: a new key, or
// what the API server makes of an object. What it makes is recorded, so that an
// undo knows it from what came later.
type Maker interface {
	Op
	// Make does what Do does. tell records what it makes: of a file before it is
	// written, of an object once it is there. When tell fails nothing more is
	// done.
	Make(ctx context.Context, m Machine, tell func(made any) error) error
	// UndoMade is Undo, and [ErrChanged] for what is neither as it was made nor
	// as it was before. made is {} when nothing was recorded to be made.
	UndoMade(ctx context.Context, m Machine, before, made State) error
}

// untold makes what is recorded nowhere.
func untold(any) error { return nil }

// unmade is what a Maker has made that did not come to tell.
var unmade = State("{}")

// Undo undoes one step of a journal. What a journal of an older version does not
// say was made is undone whatever came later.
func (s Step) Undo(ctx context.Context, m Machine) error {
	if k, ok := s.Op.(Maker); ok && s.Made != nil {
		return k.UndoMade(ctx, m, s.Before, s.Made)
	}
	return s.Op.Undo(ctx, m, s.Before)
}

// Blind reports whether an undo of the step cannot tell what it made from what
// came later.
func (s Step) Blind() bool {
	_, ok := s.Op.(Maker)
	return ok && s.Made == nil
}

// A fileMade is the sum of a file that was made.
type fileMade struct {
	Sum string `json:"sum,omitempty"`
}

// left is the sum of the file; one that no file has where none was written.
func (f fileMade) left() string { return cmp.Or(f.Sum, "none") }

func sum(data []byte) string { return File{Data: data}.Sum() }

// undoFile puts a file back that was made.
func undoFile(m Machine, path string, before, made State) error {
	was, err := recall[fileState](before)
	if err != nil {
		return err
	}
	left, err := recall[fileMade](made)
	if err != nil {
		return err
	}
	return restore(m, path, left.left(), was)
}

// ours is [ErrChanged] unless the file is as it was left, or as it was before.
func ours(m Machine, path, left string, was fileState) error {
	now, err := m.ReadFile(path)
	absent := gone(err)
	if err != nil && !absent {
		return err
	}
	if absent && left == "" || !absent && now.Sum() == left {
		return nil
	}
	if absent == was.Absent && (absent || now.Sum() == was.File.Sum()) {
		return nil
	}
	return fmt.Errorf("cannot put back %s: %w", path, ErrChanged)
}
