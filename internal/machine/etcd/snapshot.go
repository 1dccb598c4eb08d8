package etcd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/etcd/bolt"
	"github.com/klustered/klustered/internal/collect/etcd/store"
	"github.com/klustered/klustered/internal/member"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/op"
)

// spare is how many bytes stay free on the disk that a snapshot is saved to,
// beside as many as the snapshot has, which a defragmentation writes again: a
// segment of the log is 64 MB at once.
const spare = 128 << 20

// SnapshotRoom is an error where the disk has not room for a snapshot.
func (e *Etcd) SnapshotRoom(ctx context.Context, path, db string) error {
	if db != "" {
		i, err := os.Stat(db)
		if err != nil {
			return fmt.Errorf("cannot save a copy of etcd's data: %w", err)
		}
		return room(path, i.Size())
	}
	c, err := e.dial(ctx, "")
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = fits(ctx, c, path)
	return err
}

// fits returns the member's revision, where there is room for its snapshot.
func fits(ctx context.Context, c *member.Client, path string) (int64, error) {
	ask, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	st, err := c.Maintenance.Status(ask, &pb.StatusRequest{})
	if err != nil {
		return 0, fmt.Errorf("cannot read etcd's size: %w", plain(err))
	}
	return st.Header.GetRevision(), room(path, st.DbSize)
}

// SaveSnapshot streams a snapshot to path, or copies the data file db. It
// begins only when the disk has room for it, and path holds it only when it
// was verified. Of the node's snapshots the newest stay.
func (e *Etcd) SaveSnapshot(ctx context.Context, path, db string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, snapshotTime)
	defer cancel()
	take := func() (int64, error) { return e.stream(ctx, path) }
	if db != "" {
		take = func() (int64, error) { return e.copied(ctx, path, db) }
	}
	n, err := take()
	if err != nil {
		return 0, err
	}
	return n, prune(path)
}

func (e *Etcd) stream(ctx context.Context, path string) (int64, error) {
	c, err := e.dial(ctx, "")
	if err != nil {
		return 0, err
	}
	defer c.Close()
	revision, err := fits(ctx, c, path)
	if err != nil {
		return 0, err
	}
	stream, err := c.Maintenance.Snapshot(ctx, &pb.SnapshotRequest{})
	if err != nil {
		return 0, fmt.Errorf("cannot get a snapshot of etcd: %w", plain(err))
	}
	n, err := save(path, func() ([]byte, error) {
		part, err := stream.Recv()
		return part.GetBlob(), err
	}, func(f *os.File, n int64) error { return verify(ctx, f, n-sha256.Size, revision) })
	if err != nil {
		return 0, fmt.Errorf("cannot save a snapshot to %s: %w", path, err)
	}
	return n, nil
}

// empty is the revision of a member that nothing was ever written to.
const empty = 1

// verify reads the snapshot as etcd would, up to its last page. It must not be
// older than the member was when it was asked for.
func verify(ctx context.Context, f *os.File, size, revision int64) error {
	s, err := store.Read(ctx, f, size, store.Options{MaxBytes: 1})
	switch {
	case s == nil || errors.Is(err, bolt.ErrDamaged) || ctx.Err() != nil:
		return fmt.Errorf("what etcd sent cannot be read: %w", err)
	case s.Revision < revision && revision > empty:
		return fmt.Errorf("it ends at revision %d, and the member was at %d", s.Revision, revision)
	}
	return nil
}

// room is an error unless the disk that path is to lie on has room for size
// bytes, and some more.
func room(path string, size int64) error {
	dir := filepath.Dir(path)
	var fs unix.Statfs_t
	err := unix.Statfs(dir, &fs)
	for errors.Is(err, unix.ENOENT) && dir != "/" {
		dir = filepath.Dir(dir)
		err = unix.Statfs(dir, &fs)
	}
	if err != nil {
		return fmt.Errorf("cannot save a snapshot to %s: %w", path, err)
	}
	if free := int64(fs.Bavail)*fs.Bsize + stale(filepath.Dir(path), func(string) error { return nil }); free < 2*size+spare {
		return fmt.Errorf("cannot save a snapshot to %s: its file system has %d MiB free; etcd's data takes %d MiB, as much again when it is defragmented, and %d are to stay free: %w",
			path, free>>20, (size+1<<20-1)>>20, spare>>20, op.ErrNoRoom)
	}
	return nil
}

// prune removes all but the newest snapshots of the node that path is of. The
// name of a snapshot is that of its node, a dash, and a word without one.
func prune(path string) error {
	dir, name := filepath.Split(path)
	node := name[:strings.LastIndexByte(name, '-')+1]
	list, err := os.ReadDir(dir)
	if err != nil || node == "" {
		return err
	}
	type saved struct {
		name string
		at   time.Time
	}
	var all []saved
	for _, x := range list {
		rest, ok := strings.CutPrefix(x.Name(), node)
		i, err := x.Info()
		if ok && err == nil && x.Name() != name && i.Mode().IsRegular() && strings.HasSuffix(rest, ".db") && !strings.Contains(rest, "-") {
			all = append(all, saved{x.Name(), i.ModTime()})
		}
	}
	order.By(all, func(a, b saved) int { return b.at.Compare(a.at) })
	for _, x := range all[min(len(all), op.EtcdKept-1):] {
		if err := os.Remove(filepath.Join(dir, x.name)); err != nil {
			return fmt.Errorf("cannot remove an old snapshot: %w", err)
		}
	}
	return nil
}

// transfer writes the parts to w. The stream is the data, whose size is a
// multiple of 512, and its SHA-256 behind it, as etcd's own tools store it.
func transfer(w io.Writer, next func() ([]byte, error)) (int64, error) {
	t := tail{sum: sha256.New()}
	var n int64
	for {
		part, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return n, plain(err)
		}
		if _, err := w.Write(part); err != nil {
			return n, err
		}
		t.add(part)
		n += int64(len(part))
	}
	switch {
	case n%512 != sha256.Size:
		return n, fmt.Errorf("it ends after %d bytes, without a sum", n)
	case !bytes.Equal(t.last, t.sum.Sum(nil)):
		return n, errors.New("its sum is wrong")
	}
	return n, nil
}

// A tail sums all bytes but the last 32.
type tail struct {
	sum  hash.Hash
	last []byte
}

func (t *tail) add(part []byte) {
	t.last = append(t.last, part...)
	if more := len(t.last) - sha256.Size; more > 0 {
		t.sum.Write(t.last[:more])
		t.last = append(t.last[:0], t.last[more:]...)
	}
}
