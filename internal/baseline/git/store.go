package git

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Files are what a repository is read from: paths as on the node.
type Files interface {
	// Open opens a regular file and never waits for what is none; one that is
	// not there is [fs.ErrNotExist].
	Open(name string) (File, error)
	// List are the names in a folder.
	List(name string) ([]string, error)
}

// A File is one that is open for reading.
type File interface {
	io.ReaderAt
	io.Closer
}

// maxObject bounds an object, in bytes: what is kept is small.
const maxObject = 64 << 20

// maxVersions bounds how many commits are remembered.
const maxVersions = 1000

// ErrNone means that there is no repository, or nothing in it yet.
var ErrNone = errors.New("there is no baseline")

// ErrLost means that a repository has objects, and its branch is gone.
var ErrLost = errors.New("the branch is gone, although objects are there")

// A Repository is a bare repository that is read. It is not safe for use by
// several goroutines.
type Repository struct {
	files    Files
	dir      string
	packs    []*pack // nil until one is needed
	versions map[Hash]Version
	trees    map[Hash][]Entry
	known    int // entries in trees
}

// Open opens the repository at dir. One that is not there is [ErrNone]; a
// working copy, or one that is kept in another way than it can be read, is an
// error.
func Open(files Files, dir string) (*Repository, error) {
	r := &Repository{files: files, dir: dir, versions: map[Hash]Version{}, trees: map[Hash][]Entry{}}
	if _, err := r.read("HEAD"); errors.Is(err, fs.ErrNotExist) {
		if _, err := r.read(".git/HEAD"); err == nil {
			return nil, fmt.Errorf("cannot use %s: it is a working copy, and a bare repository is wanted", dir)
		}
		reason := ErrNone
		if any, err := r.anything(); err != nil || any {
			reason = fmt.Errorf("it has no HEAD: %w", cmp.Or(err, ErrLost))
		}
		return nil, fmt.Errorf("cannot open %s: %w", dir, reason)
	} else if err != nil {
		return nil, fmt.Errorf("cannot open %s: %w", dir, err)
	}
	config, err := r.read("config")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot open %s: %w", dir, err)
	}
	for line := range strings.Lines(strings.ToLower(string(config))) {
		switch key, value, _ := strings.Cut(line, "="); strings.TrimSpace(key) + "=" + strings.Trim(value, "\" \t\r\n") {
		case "objectformat=sha256":
			return nil, fmt.Errorf("cannot open %s: its objects are named by SHA-256", dir)
		case "refstorage=reftable":
			return nil, fmt.Errorf("cannot open %s: it keeps its branches in a reftable, and files are wanted", dir)
		}
	}
	return r, nil
}

// read is the whole content of a file of at most [maxObject] bytes.
func (r *Repository) read(name string) ([]byte, error) {
	name = path.Join(r.dir, name)
	f, err := r.files.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.NewSectionReader(f, 0, maxObject+1))
	if err == nil && len(data) > maxObject {
		err = fmt.Errorf("cannot read %s: it is larger than %d bytes", name, maxObject)
	}
	return data, errors.Join(err, f.Close())
}

// branch is the ref that HEAD stands for.
func (r *Repository) branch() (string, error) {
	data, err := r.read("HEAD")
	if err != nil {
		return "", err
	}
	ref, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "ref: ")
	if !ok || !strings.HasPrefix(ref, "refs/heads/") || path.Clean(ref) != ref {
		return "", fmt.Errorf("cannot read %s: HEAD is no branch", r.dir)
	}
	return ref, nil
}

// Head is the newest commit of the branch. Where there is none yet it is
// [ErrNone], and [ErrLost] where something was kept.
func (r *Repository) Head() (Version, error) {
	ref, err := r.branch()
	if err != nil {
		return Version{}, err
	}
	h, err := r.ref(ref)
	if err != nil {
		return Version{}, err
	}
	return r.Version(h)
}

// ref is what a ref names, loose or packed.
func (r *Repository) ref(name string) (Hash, error) {
	data, err := r.read(name)
	if err == nil {
		return parseHash(strings.TrimSpace(string(data)))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return Hash{}, err
	}
	list, err := r.read("packed-refs")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Hash{}, err
	}
	for line := range strings.Lines(string(list)) {
		if hash, ref, ok := strings.Cut(strings.TrimSpace(line), " "); ok && ref == name {
			return parseHash(hash)
		}
	}
	reason := ErrNone
	if any, err := r.anything(); err != nil {
		return Hash{}, err
	} else if any {
		reason = ErrLost
	}
	return Hash{}, fmt.Errorf("cannot find %s in %s: %w", name, r.dir, reason)
}

// anything reports whether there are objects.
func (r *Repository) anything() (bool, error) {
	names, err := r.files.List(path.Join(r.dir, "objects"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	for _, n := range names {
		if n == "info" {
			continue
		}
		in, err := r.files.List(path.Join(r.dir, "objects", n))
		if err == nil && len(in) > 0 {
			return true, nil
		}
	}
	return false, err
}

// Find is the commit that rev means: "" or HEAD, HEAD~N, or the first digits of
// a name, at least four, of a commit that HEAD comes from.
func (r *Repository) Find(rev string) (Version, error) {
	v, err := r.Head()
	if err != nil || rev == "" || rev == "HEAD" {
		return v, err
	}
	back := -1
	if n, ok := strings.CutPrefix(rev, "HEAD~"); ok {
		if back, err = strconv.Atoi(n); err != nil || back < 0 {
			return Version{}, fmt.Errorf("cannot find %q: a number is wanted after ~", rev)
		}
	}
	for i := 0; ; i++ {
		if i == back || back < 0 && len(rev) >= 4 && strings.HasPrefix(v.Hash.String(), strings.ToLower(rev)) {
			return v, nil
		}
		if len(v.Parents) == 0 {
			return Version{}, fmt.Errorf("cannot find %q in %s: HEAD comes from no such commit", rev, r.dir)
		}
		if v, err = r.Version(v.Parents[0]); err != nil {
			return Version{}, err
		}
	}
}

// Version reads a commit.
func (r *Repository) Version(h Hash) (Version, error) {
	if v, ok := r.versions[h]; ok {
		return v, nil
	}
	data, err := r.object(h, Commit)
	if err != nil {
		return Version{}, err
	}
	v, err := parseCommit(h, data)
	if err == nil && len(r.versions) < maxVersions {
		r.versions[h] = v
	}
	return v, err
}

// object reads an object of that kind.
func (r *Repository) object(h Hash, kind string) ([]byte, error) {
	got, data, err := r.any(h)
	if err == nil && got != kind {
		err = fmt.Errorf("it is a %s, and a %s is wanted", got, kind)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read object %s in %s: %w", h, r.dir, err)
	}
	return data, nil
}

// any reads an object and makes sure that it is the one that h names.
func (r *Repository) any(h Hash) (string, []byte, error) {
	name := h.String()
	raw, err := r.read("objects/" + name[:2] + "/" + name[2:])
	var kind string
	var data []byte
	switch {
	case err == nil:
		kind, data, err = loose(raw)
	case errors.Is(err, fs.ErrNotExist):
		kind, data, err = r.packed(h)
	}
	if err == nil && sum(kind, data) != h {
		err = errors.New("its content is not what its name says: it is damaged")
	}
	return kind, data, err
}

// loose reads the file of an object.
func loose(raw []byte) (kind string, data []byte, err error) {
	all, err := inflate(bytes.NewReader(raw), maxObject)
	if err != nil {
		return "", nil, err
	}
	head, data, ok := bytes.Cut(all, []byte{0})
	kind, size, _ := strings.Cut(string(head), " ")
	if n, err := strconv.Atoi(size); !ok || err != nil || n != len(data) {
		return "", nil, errors.New("its header is damaged")
	}
	return kind, data, nil
}

// inflate is what zlib's stream holds, of at most limit bytes.
func inflate(in io.Reader, limit int) ([]byte, error) {
	z, err := zlib.NewReader(in)
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(z, int64(limit)+1))
	if err == nil && len(out) > limit {
		err = errors.New("it is larger than its header or the limit allows")
	}
	return out, errors.Join(err, z.Close())
}
