package repair

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/op"
)

// DefaultDir is where klustered keeps on a node what it did there.
const DefaultDir = "/var/lib/klustered"

// ErrBusy means that another repair is at work on this node.
var ErrBusy = errors.New("another repair is at work on this node")

// A store is the folder of journals: journal/NNNN.jsonl, and a lock.
type store struct{ dir string }

func (s store) journals() string { return filepath.Join(s.dir, "journal") }

func (s store) path(n int) string {
	return filepath.Join(s.journals(), fmt.Sprintf("%04d.jsonl", n))
}

// lock waits for nobody. The kernel lets go of it when the process ends,
// however it ends.
func (s store) lock() (unlock func(), err error) {
	if err := os.MkdirAll(s.journals(), 0o700); err != nil {
		return nil, fmt.Errorf("cannot keep a journal: %w", err)
	}
	name := filepath.Join(s.dir, "lock")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot lock %s: %w", s.dir, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("cannot lock %s: %w", name, ErrBusy)
		}
		return nil, fmt.Errorf("cannot lock %s: %w", name, err)
	}
	return func() { f.Close() }, nil
}

// numbers are the journals' numbers, oldest first. A store that does not
// exist has none.
func (s store) numbers() ([]int, error) {
	list, err := os.ReadDir(s.journals())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the journals: %w", err)
	}
	var all []int
	for _, x := range list {
		name, ok := strings.CutSuffix(x.Name(), ".jsonl")
		if n, err := strconv.Atoi(name); ok && err == nil && n > 0 {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all, nil
}

func (s store) read(n int) (op.Journal, error) {
	f, err := os.Open(s.path(n))
	if errors.Is(err, fs.ErrNotExist) {
		return op.Journal{}, nothing(n)
	}
	if err != nil {
		return op.Journal{}, fmt.Errorf("cannot read journal %d: %w", n, err)
	}
	defer f.Close()
	j, err := op.ReadJournal(f)
	if err != nil {
		err = fmt.Errorf("journal %d (%s): %w", n, s.path(n), err)
	}
	return j, err
}

// create makes the next journal, with room set aside for as many bytes: a disk
// that fills up meanwhile keeps no repair from being recorded, or taken back.
func (s store) create(room int64) (int, *os.File, error) {
	all, err := s.numbers()
	if err != nil {
		return 0, nil, err
	}
	n := 1
	if len(all) > 0 {
		n = all[len(all)-1] + 1
	}
	f, err := os.OpenFile(s.path(n), os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return 0, nil, fmt.Errorf("cannot keep a journal: %w", err)
	}
	if err = reserve(f, room); err == nil {
		err = syncDir(s.journals())
	}
	if err != nil { // nothing was begun
		return 0, nil, errors.Join(fmt.Errorf("cannot keep a journal in %s: %w", s.journals(), err), f.Close(), os.Remove(f.Name()))
	}
	return n, f, nil
}

// reserve sets room aside behind the end of f, whose size stays. A file system
// that cannot is left to fail when it is full.
func reserve(f *os.File, room int64) error {
	for {
		switch err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, room); {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
			return nil
		default:
			return err
		}
	}
}

// release gives back what was set aside for f, and closes it.
func release(f *os.File) {
	if i, err := f.Stat(); err == nil {
		_ = f.Truncate(i.Size())
	}
	f.Close()
}

// reopen opens journal n to be continued: a last line cut short goes.
func (s store) reopen(n int) (op.Journal, *os.File, error) {
	j, err := s.read(n)
	if err != nil {
		return j, nil, err
	}
	f, err := os.OpenFile(s.path(n), os.O_WRONLY|unix.O_NOFOLLOW, 0o600)
	if err == nil && j.Torn { // else what is set aside behind its end would go
		err = f.Truncate(j.Size)
	}
	if err == nil {
		_, err = f.Seek(j.Size, 0)
	}
	if err != nil {
		return j, nil, fmt.Errorf("cannot continue journal %d: %w", n, err)
	}
	return j, f, nil
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
