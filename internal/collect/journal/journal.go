// Package journal reads the files of systemd's journal by their index, without
// journalctl: whole, being written, cut off or damaged.
package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// Dirs are where journald keeps its files, as paths below the root.
var Dirs = []string{"var/log/journal", "run/log/journal"}

const maxFiles = 512 // opened at once

// A Journal is a set of journal files. It is not safe for concurrent use.
type Journal struct {
	files  []*file
	ledger ledger
}

// ErrNone means that a node has no journal. It is an [fs.ErrNotExist].
var ErrNone = fmt.Errorf("there is none: %w", fs.ErrNotExist)

// Open opens the *.journal and *.journal~ files in dirs and in the folders
// right below them; the names are those of fs.FS. A file that cannot be read
// is listed by Damage and stops nothing. The error is for when there is no
// journal at all; it wraps fs.ErrNotExist if none of dirs is there. The files
// of root must implement io.ReaderAt, as those of os.DirFS do.
func Open(root fs.FS, dirs ...string) (*Journal, error) {
	j := &Journal{}
	found := false
	for _, dir := range dirs {
		names, err := list(root, dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		found = true
		if err != nil {
			j.ledger.note(dir, -1, err.Error())
		}
		for _, name := range names {
			j.add(root, name)
		}
	}
	if !found {
		return nil, fmt.Errorf("cannot open journal in %q: %w", dirs, ErrNone)
	}
	return j, nil
}

func (j *Journal) add(root fs.FS, name string) {
	if len(j.files) >= maxFiles {
		j.ledger.note(name, -1, fmt.Sprintf("more than %d files", maxFiles))
		return
	}
	// A fifo or device of that name would hang the reader.
	info, err := fs.Stat(root, name)
	if err != nil || !info.Mode().IsRegular() {
		j.ledger.note(name, -1, "not a readable regular file")
		return
	}
	f, err := openFile(root, name, &j.ledger)
	if err != nil {
		j.ledger.note(name, -1, err.Error())
		return
	}
	j.files = append(j.files, f)
}

// list returns the journal files in dir and its folders.
func list(root fs.FS, dir string) ([]string, error) {
	entries, err := fs.ReadDir(root, dir)
	var names []string
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if isJournal(e.Name()) {
			names = append(names, name)
			continue
		}
		if !e.IsDir() {
			continue
		}
		below, berr := fs.ReadDir(root, name)
		err = errors.Join(err, berr)
		for _, b := range below {
			if isJournal(b.Name()) {
				names = append(names, path.Join(name, b.Name()))
			}
		}
	}
	slices.Sort(names)
	return names, err
}

func isJournal(name string) bool {
	return strings.HasSuffix(name, ".journal") || strings.HasSuffix(name, ".journal~")
}

// Close closes the files.
func (j *Journal) Close() error {
	var err error
	for _, f := range j.files {
		err = errors.Join(err, f.handle.Close())
	}
	return err
}

// Damage returns a *DamageError that lists what could not be read so far, and
// nil if all could.
func (j *Journal) Damage() error { return j.ledger.err() }

// Files returns the paths of the files that could be opened.
func (j *Journal) Files() []string {
	var names []string
	for _, f := range j.files {
		names = append(names, f.name)
	}
	return names
}

// Span returns the times of the first and last entry as the files' headers
// state them, both zero if there are no entries.
func (j *Journal) Span() (first, last time.Time) {
	for _, f := range j.files {
		if f.entries == 0 {
			continue
		}
		head, tail := time.UnixMicro(int64(f.header.head)).UTC(), time.UnixMicro(int64(f.tail)).UTC()
		if first.IsZero() || head.Before(first) {
			first = head
		}
		if tail.After(last) {
			last = tail
		}
	}
	return first, last
}

// Numbers returns the number of the last entry of each sequence as the files'
// headers state it.
func (j *Journal) Numbers() map[ID]uint64 {
	last := map[ID]uint64{}
	for _, f := range j.files {
		last[f.seqnumID] = max(last[f.seqnumID], f.tailSeqnum)
	}
	return last
}
