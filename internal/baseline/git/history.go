package git

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

const (
	maxDepth = 32      // how deep folders are followed
	maxTrees = 100_000 // how many folders a version may have, each time that one is in it
	maxFiles = 1 << 20 // and how many files
	maxKnown = 1 << 18 // how many entries of trees are remembered
)

// tree reads a tree.
func (r *Repository) tree(h Hash) ([]Entry, error) {
	if list, ok := r.trees[h]; ok {
		return list, nil
	}
	data, err := r.object(h, Tree)
	if err != nil {
		return nil, err
	}
	list, err := parseTree(data)
	if err == nil && r.known+len(list) < maxKnown {
		r.trees[h], r.known = list, r.known+len(list)
	}
	return list, err
}

// Files are the blobs of a version by their paths.
func (r *Repository) Files(v Version) (map[string]Hash, error) {
	w := walk{repo: r, trees: maxTrees, out: map[string]Hash{}}
	return w.out, w.tree(v.Tree, "", maxDepth)
}

// A walk goes through a version.
type walk struct {
	repo  *Repository
	trees int // how many more may be entered
	out   map[string]Hash
}

func (w *walk) tree(tree Hash, dir string, depth int) error {
	w.trees--
	switch {
	case depth == 0:
		return fmt.Errorf("cannot read %s: its folders are too deep", w.repo.dir)
	case w.trees < 0 || len(w.out) > maxFiles:
		return fmt.Errorf("cannot read %s: it has more than %d folders or %d files", w.repo.dir, maxTrees, maxFiles)
	}
	list, err := w.repo.tree(tree)
	if err != nil {
		return err
	}
	for _, e := range list {
		name := path.Join(dir, e.Name)
		switch {
		case e.folder():
			if err := w.tree(e.Hash, name, depth-1); err != nil {
				return err
			}
		case e.Mode&0o170000 == 0o100000:
			w.out[name] = e.Hash
		}
	}
	return nil
}

// Blob reads the content of a file.
func (r *Repository) Blob(h Hash) ([]byte, error) { return r.object(h, Blob) }

// Blame is the newest commit that gave the path of v its content, along the
// first parents of v. At most limit commits are looked at, and none behind one
// that cannot be read, as in a shallow copy: what is older than that is laid to
// the last of them.
func (r *Repository) Blame(v Version, name string, limit int) (Version, error) {
	at := v
	for ; len(at.Parents) > 0 && limit > 1; limit-- {
		older, err := r.Version(at.Parents[0])
		if err != nil {
			break
		}
		if same, err := r.same(v.Tree, older.Tree, name); err != nil || !same {
			return at, err
		}
		at = older
	}
	return at, nil
}

// same reports whether an older tree has the same file at a path. Only folders
// that differ are read; one of the older tree that cannot be is not the same.
func (r *Repository) same(tree, older Hash, name string) (bool, error) {
	first, rest, deeper := strings.Cut(name, "/")
	is, err := r.entryOf(tree, first)
	if err != nil {
		return false, err
	}
	was, err := r.entryOf(older, first)
	switch {
	case err != nil || is == Entry{} || was == Entry{}:
		return false, nil
	case is.Hash == was.Hash:
		return true, nil
	case !deeper || !is.folder() || !was.folder():
		return false, nil
	}
	return r.same(is.Hash, was.Hash, rest)
}

// entryOf is what a tree has by that name; nothing where there is none.
func (r *Repository) entryOf(tree Hash, name string) (Entry, error) {
	list, err := r.tree(tree)
	if i := slices.IndexFunc(list, func(e Entry) bool { return e.Name == name }); i >= 0 {
		return list[i], nil
	}
	return Entry{}, err
}
