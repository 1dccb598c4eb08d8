package git

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Disk is the machine's own files.
type Disk struct{}

// Read is [os.ReadFile].
func (Disk) Read(name string) ([]byte, error) { return os.ReadFile(name) }

// List are the names in a folder.
func (Disk) List(name string) ([]string, error) {
	list, err := os.ReadDir(name)
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = e.Name()
	}
	return names, err
}

// Init makes an empty bare repository at dir, with the branch main, unless one
// is there. Its folder can be read by its owner alone.
func Init(dir string) error {
	if _, err := Open(Disk{}, dir); err == nil || !errors.Is(err, ErrNone) {
		return err
	}
	if list, err := os.ReadDir(dir); err == nil && len(list) > 0 {
		return fmt.Errorf("cannot make a baseline in %s: other files are there", dir)
	}
	for _, d := range []string{"objects/info", "objects/pack", "refs/heads", "refs/tags"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte("[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"), 0o600); err != nil {
		return err
	}
	return replace(filepath.Join(dir, "HEAD"), []byte("ref: refs/heads/main\n"))
}

// Record adds a commit with exactly these files to the branch of the repository
// at dir, and returns it. Where they are as in its newest one, that is returned
// and made is false. Another that is being made at the same time is an error.
func Record(dir string, files map[string][]byte, who Person, at time.Time, message string) (v Version, made bool, err error) {
	r, err := Open(Disk{}, dir)
	if err != nil {
		return v, false, err
	}
	ref, err := r.branch()
	if err != nil {
		return v, false, err
	}
	lock := filepath.Join(dir, filepath.FromSlash(ref)) + ".lock"
	if err := os.MkdirAll(filepath.Dir(lock), 0o700); err != nil {
		return v, false, err
	}
	f, err := os.OpenFile(lock, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return v, false, fmt.Errorf("cannot add to %s: %w: it is being written to, or a writer has ended at it", dir, err)
	}
	defer func() {
		if !made {
			err = errors.Join(err, f.Close(), os.Remove(lock))
		}
	}()
	head, err := r.Head()
	if err != nil && !errors.Is(err, ErrNone) {
		return v, false, err
	}
	v = Version{Author: who, At: at, Message: message}
	if v.Tree, err = putTree(dir, files); err != nil {
		return v, false, err
	}
	if head.Tree == v.Tree {
		return head, false, nil
	}
	if head.Tree != (Hash{}) {
		v.Parents = []Hash{head.Hash}
	}
	if v.Hash, err = put(dir, Commit, v.encode()); err != nil {
		return v, false, err
	}
	if _, err := fmt.Fprintln(f, v.Hash); err != nil {
		return v, false, err
	}
	if err := errors.Join(f.Sync(), f.Close(), os.Rename(lock, strings.TrimSuffix(lock, ".lock"))); err != nil {
		return v, false, err
	}
	return v, true, nil
}

// putTree writes the blobs and trees of files, and returns the name of the root.
func putTree(dir string, files map[string][]byte) (Hash, error) {
	below := map[string]map[string][]byte{}
	var list []Entry
	for name, data := range files {
		first, rest, deeper := strings.Cut(name, "/")
		if !plain(first) || path.Clean(name) != name {
			return Hash{}, fmt.Errorf("cannot keep %q: it is no path", name)
		}
		if deeper {
			if below[first] == nil {
				below[first] = map[string][]byte{}
			}
			below[first][rest] = data
			continue
		}
		h, err := put(dir, Blob, data)
		if err != nil {
			return Hash{}, err
		}
		list = append(list, Entry{name, ModeFile, h})
	}
	for name, in := range below {
		h, err := putTree(dir, in)
		if err != nil {
			return Hash{}, err
		}
		list = append(list, Entry{name, ModeFolder, h})
	}
	return put(dir, Tree, encodeTree(list))
}

// put writes an object, unless it is there.
func put(dir, kind string, data []byte) (Hash, error) {
	h := sum(kind, data)
	name := h.String()
	file := filepath.Join(dir, "objects", name[:2], name[2:])
	if _, err := os.Stat(file); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return h, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return h, err
	}
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	fmt.Fprintf(z, "%s %d\x00", kind, len(data)) // a buffer never fails
	if _, err := z.Write(data); err != nil {
		return h, err
	}
	if err := z.Close(); err != nil {
		return h, err
	}
	return h, replace(file, packed.Bytes())
}

// replace writes a file whole or not at all, and makes it last.
func replace(file string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".tmp-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("cannot write %s: %w", file, err), os.Remove(f.Name()))
	}
	return nil
}
