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

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"golang.org/x/sys/unix"
)

// spare is how many bytes stay free on the disk that a snapshot is saved to.
const spare = 64 << 20

// SaveSnapshot streams a snapshot to path. It begins only when the disk has
// room for it, and path holds it only when its sum is right.
func (e *Etcd) SaveSnapshot(ctx context.Context, path string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, snapshotTime)
	defer cancel()
	c, err := e.dial(ctx, "")
	if err != nil {
		return 0, err
	}
	defer c.Close()
	st, err := c.Maintenance.Status(ctx, &pb.StatusRequest{})
	if err != nil {
		return 0, fmt.Errorf("cannot read etcd's size: %w", plain(err))
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	if err := room(dir, st.DbSize); err != nil {
		return 0, fmt.Errorf("cannot save a snapshot to %s: %w", path, err)
	}
	stream, err := c.Maintenance.Snapshot(ctx, &pb.SnapshotRequest{})
	if err != nil {
		return 0, fmt.Errorf("cannot get a snapshot of etcd: %w", plain(err))
	}
	n, err := save(path, func() ([]byte, error) {
		part, err := stream.Recv()
		return part.GetBlob(), err
	})
	if err != nil {
		return 0, fmt.Errorf("cannot save a snapshot to %s: %w", path, err)
	}
	return n, nil
}

// room is an error unless the disk of dir has room for size bytes.
func room(dir string, size int64) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return err
	}
	if free := int64(fs.Bavail) * fs.Bsize; free < size+spare {
		return fmt.Errorf("the disk has %d MiB free, and it takes %d", free>>20, (size+spare)>>20)
	}
	return nil
}

// save writes the parts to a temporary file, checks the sum and gives the file
// its name.
func save(path string, next func() ([]byte, error)) (int64, error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".snapshot-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := f.Chmod(0o600); err != nil {
		return 0, err
	}
	n, err := transfer(f, next)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return 0, err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	return n, dir.Sync()
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
