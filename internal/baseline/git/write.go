package git

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Disk is the machine's own files.
type Disk struct{}

// Open opens a regular file.
func (Disk) Open(name string) (File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would be waited for
	if err != nil {
		return nil, err
	}
	i, err := f.Stat()
	if err == nil && !i.Mode().IsRegular() {
		err = fmt.Errorf("cannot read %s: it is no regular file", name)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

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
// is there. Its folder can be read by its owner alone. HEAD is written first:
// what was begun and cut short is known by it, and made whole by the next call.
func Init(dir string) error {
	_, err := Open(Disk{}, dir)
	if err != nil && !errors.Is(err, ErrNone) {
		return err
	}
	if err != nil {
		if err := begin(dir); err != nil {
			return err
		}
	}
	for _, d := range []string{"objects/info", "objects/pack", "refs/heads", "refs/tags"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return err
		}
	}
	config := filepath.Join(dir, "config")
	if _, err := os.Stat(config); errors.Is(err, fs.ErrNotExist) {
		if err := replace(config, []byte("[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n")); err != nil {
			return err
		}
	}
	return syncFolders(dir, filepath.Dir(filepath.Clean(dir)))
}

// begin writes HEAD to a folder that is new or empty.
func begin(dir string) error {
	list, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range list {
		if !strings.HasPrefix(e.Name(), temporary) {
			return fmt.Errorf("cannot make a baseline in %s: other files are there", dir)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
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
	v, made, err = r.record(files, Version{Author: who, At: at, Message: message})
	if err == nil && made {
		_, err = fmt.Fprintln(f, v.Hash)
	}
	if err != nil || !made {
		return v, false, errors.Join(err, f.Close(), os.Remove(lock))
	}
	if err := publish(f, strings.TrimSuffix(lock, ".lock")); err != nil {
		return v, false, errors.Join(err, os.Remove(lock))
	}
	return v, true, syncFolders(filepath.Dir(lock))
}

// publish gives a file that was written its name, once it is on the disk. One
// that is not stays what it was called.
func publish(f *os.File, name string) error {
	err := errors.Join(f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", name, err)
	}
	return nil
}

// record writes the objects of a commit that follows the branch, and makes them
// last. A branch that was lost begins anew.
func (r *Repository) record(files map[string][]byte, v Version) (Version, bool, error) {
	head, err := r.Head()
	if err != nil && !errors.Is(err, ErrNone) && !errors.Is(err, ErrLost) {
		return v, false, err
	}
	w := writer{dir: r.dir, folders: map[string]bool{}}
	if v.Tree, err = w.tree(files); err != nil {
		return v, false, err
	}
	if head.Tree == v.Tree {
		return head, false, nil
	}
	if head.Tree != (Hash{}) {
		v.Parents = []Hash{head.Hash}
	}
	if v.Hash, err = w.put(Commit, v.encode()); err != nil {
		return v, false, err
	}
	return v, true, syncFolders(slices.Collect(maps.Keys(w.folders))...)
}

// A writer writes objects.
type writer struct {
	dir     string
	folders map[string]bool // those with something new
}

// tree writes the blobs and trees of files, and returns the name of the root.
func (w *writer) tree(files map[string][]byte) (Hash, error) {
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
		h, err := w.put(Blob, data)
		if err != nil {
			return Hash{}, err
		}
		list = append(list, Entry{name, ModeFile, h})
	}
	for name, in := range below {
		h, err := w.tree(in)
		if err != nil {
			return Hash{}, err
		}
		list = append(list, Entry{name, ModeFolder, h})
	}
	return w.put(Tree, encodeTree(list))
}

// put writes an object, unless it is there and whole.
func (w *writer) put(kind string, data []byte) (Hash, error) {
	h := sum(kind, data)
	name := h.String()
	folder := filepath.Join(w.dir, "objects", name[:2])
	file := filepath.Join(folder, name[2:])
	if there, err := os.ReadFile(file); err == nil {
		if is, content, err := loose(there); err == nil && is == kind && bytes.Equal(content, data) {
			return h, nil
		}
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return h, err
	}
	w.folders[folder], w.folders[filepath.Dir(folder)] = true, true
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

// temporary is how the name of a file begins that is being written.
const temporary = ".tmp-"

// replace writes a file whole or not at all. It lasts once its folder does.
func replace(file string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), temporary+"*")
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err != nil {
		err = errors.Join(fmt.Errorf("cannot write %s: %w", file, err), f.Close())
	} else {
		err = publish(f, file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// syncFolders makes the names in folders last.
func syncFolders(dirs ...string) error {
	for _, dir := range dirs {
		f, err := os.Open(dir)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("cannot write %s: %w", dir, err)
		}
	}
	return nil
}
