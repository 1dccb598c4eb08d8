package etcd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/op"
)

// copied copies a data file as it lies, whole or damaged, and compares. One that
// is being written meanwhile is [op.ErrChanged]. The log beside it is not
// copied: with the data file alone a member can be started anew.
func (e *Etcd) copied(ctx context.Context, path, db string) (int64, error) {
	if err := e.SnapshotRoom(ctx, path, db); err != nil {
		return 0, err
	}
	from, err := os.Open(db)
	if err != nil {
		return 0, fmt.Errorf("cannot copy etcd's data: %w", err)
	}
	defer from.Close()
	n, err := create(path, func(f *os.File) (int64, error) {
		n, err := io.Copy(f, patient{ctx, from})
		if err != nil {
			return n, err
		}
		return n, compare(ctx, f, from)
	})
	if err != nil {
		return 0, fmt.Errorf("cannot copy %s to %s: %w", db, path, err)
	}
	return n, nil
}

// compare reads a copy back from the disk, and what it was made of once more.
func compare(ctx context.Context, f, from *os.File) error {
	if err := f.Sync(); err != nil {
		return err
	}
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) // a hint: not the page that was written, but what lies on the disk
	var sums [2][]byte
	for i, x := range []*os.File{f, from} {
		if _, err := x.Seek(0, io.SeekStart); err != nil {
			return err
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, patient{ctx, x}); err != nil {
			return err
		}
		sums[i] = sum.Sum(nil)
	}
	if !bytes.Equal(sums[0], sums[1]) {
		return fmt.Errorf("the copy is another: %w", op.ErrChanged)
	}
	return nil
}

// A patient reader reads for as long as its context lasts.
type patient struct {
	ctx  context.Context
	from io.Reader
}

func (p patient) Read(data []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.from.Read(data)
}

// temporary is the name under which a snapshot is written. The file is locked
// for as long as its process lives.
const temporary = ".snapshot-*"

// stale calls do with each snapshot that a process left half-written, and
// returns their size in bytes.
func stale(dir string, do func(name string) error) (size int64) {
	list, _ := filepath.Glob(filepath.Join(dir, temporary))
	for _, name := range list {
		f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err != nil {
			continue
		}
		i, err := f.Stat()
		if err == nil && i.Mode().IsRegular() && unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil && do(name) == nil {
			size += i.Size()
		}
		f.Close()
	}
	return size
}

// save writes the parts to a file, checks the sum, has it verified and gives
// the file its name.
func save(path string, next func() ([]byte, error), verify func(*os.File, int64) error) (int64, error) {
	return create(path, func(f *os.File) (int64, error) {
		n, err := transfer(f, next)
		if err == nil {
			err = verify(f, n)
		}
		return n, err
	})
}

// create makes a file that is there whole or not at all.
func create(path string, fill func(*os.File) (int64, error)) (int64, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	if dir == op.EtcdDir { // it may have been there before
		if err := os.Chmod(dir, 0o700); err != nil {
			return 0, err
		}
	}
	stale(dir, os.Remove)
	f, err := os.CreateTemp(dir, temporary)
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return 0, err
	}
	if err := f.Chmod(0o600); err != nil {
		return 0, err
	}
	n, err := fill(f)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = aside(path)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return 0, err
	}
	d, err := os.Open(dir)
	if err != nil {
		return 0, err
	}
	defer d.Close()
	return n, d.Sync()
}

// aside gives a snapshot that is there another name: of one revision the older
// one has more of the history.
func aside(path string) error {
	i, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	stem := strings.TrimSuffix(path, filepath.Ext(path))
	return os.Rename(path, stem+i.ModTime().UTC().Format(".20060102T150405.000000000")+filepath.Ext(path))
}
