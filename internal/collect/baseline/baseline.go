// Package baseline collects how a node differs from what was captured of it
// when it was known to be good.
package baseline

import (
	"cmp"
	"context"
	"errors"
	"io/fs"

	keep "github.com/klustered/klustered/internal/baseline"
	"github.com/klustered/klustered/internal/baseline/git"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// Collectors are those of this package.
func Collectors() []source.Collector {
	return []source.Collector{{
		Section: snapshot.SectionBaseline, Collect: collect,
		After: append(keep.Sections(), snapshot.SectionCluster),
	}}
}

// collect compares the node with the newest version of the repository that it
// keeps in [keep.Dir]. Without one, or with one that does not keep this node,
// there is nothing to differ from. A repository that has lost its branch is a gap.
func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	b, err := keep.Read(files{e, ctx.Err}, keep.Dir, "")
	if errors.Is(err, git.ErrNone) {
		s.Baseline = &snapshot.Baseline{}
		return nil
	}
	if err != nil {
		return err
	}
	got, err := b.Compare(s, func(name string) bool {
		_, err := e.Lstat(name)
		return errors.Is(err, fs.ErrNotExist)
	})
	if err = cmp.Or(err, ctx.Err()); err != nil {
		return err
	}
	if got == nil {
		got = &snapshot.Baseline{}
	}
	got.Path = keep.Dir
	s.Baseline = got
	return nil
}

// files reads a repository below the node's root, until there is no more time.
type files struct {
	env  *source.Env
	over func() error
}

func (f files) Open(name string) (git.File, error) {
	if err := f.over(); err != nil {
		return nil, err
	}
	return f.env.Open(name)
}

func (f files) List(name string) ([]string, error) {
	list, err := f.env.ReadDir(name)
	names := make([]string, len(list))
	for i, x := range list {
		names[i] = x.Name()
	}
	return names, err
}
