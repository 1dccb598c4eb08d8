package git

import (
	"bytes"
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
	// Read is the content of a file; one that is not there is [fs.ErrNotExist].
	Read(name string) ([]byte, error)
	// List are the names in a folder.
	List(name string) ([]string, error)
}

// maxObject bounds an object, in bytes: what is kept is small.
const maxObject = 64 << 20

// ErrNone means that there is no repository, or nothing in it yet.
var ErrNone = errors.New("there is no baseline")

// A Repository is a bare repository that is read. It is not safe for use by
// several goroutines.
type Repository struct {
	files Files
	dir   string
	packs []*pack // nil until one is needed
}

// Open opens the repository at dir. One that is not there is [ErrNone]; a
// working copy, or one with other names than SHA-1, is an error.
func Open(files Files, dir string) (*Repository, error) {
	r := &Repository{files: files, dir: dir}
	if _, err := r.read("HEAD"); errors.Is(err, fs.ErrNotExist) {
		if _, err := r.read(".git/HEAD"); err == nil {
			return nil, fmt.Errorf("cannot use %s: it is a working copy, and a bare repository is wanted", dir)
		}
		return nil, fmt.Errorf("cannot open %s: %w", dir, ErrNone)
	} else if err != nil {
		return nil, fmt.Errorf("cannot open %s: %w", dir, err)
	}
	config, err := r.read("config")
	if err == nil && strings.Contains(strings.ToLower(string(config)), "objectformat = sha256") {
		return nil, fmt.Errorf("cannot open %s: its objects are named by SHA-256", dir)
	}
	return r, nil
}

func (r *Repository) read(name string) ([]byte, error) { return r.files.Read(path.Join(r.dir, name)) }

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

// Head is the newest commit of the branch. Where there is none yet it is [ErrNone].
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
	return Hash{}, fmt.Errorf("cannot find %s in %s: %w", name, r.dir, ErrNone)
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
	data, err := r.object(h, Commit)
	if err != nil {
		return Version{}, err
	}
	return parseCommit(h, data)
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

// maxDepth bounds how deep folders are followed.
const maxDepth = 32

// Files are the blobs of a version by their paths.
func (r *Repository) Files(v Version) (map[string]Hash, error) {
	out := map[string]Hash{}
	return out, r.walk(v.Tree, "", maxDepth, out)
}

func (r *Repository) walk(tree Hash, dir string, depth int, out map[string]Hash) error {
	if depth == 0 {
		return fmt.Errorf("cannot read %s: its folders are too deep", r.dir)
	}
	data, err := r.object(tree, Tree)
	if err != nil {
		return err
	}
	list, err := parseTree(data)
	if err != nil {
		return err
	}
	for _, e := range list {
		name := path.Join(dir, e.Name)
		switch {
		case e.folder():
			if err := r.walk(e.Hash, name, depth-1, out); err != nil {
				return err
			}
		case e.Mode&0o170000 == 0o100000:
			out[name] = e.Hash
		}
	}
	return nil
}

// Blob reads the content of a file.
func (r *Repository) Blob(h Hash) ([]byte, error) { return r.object(h, Blob) }

// Blame is, for each path of v, the newest commit that gave it its content,
// along the first parents of v. At most limit commits are looked at: what is
// older than that is laid to the last of them.
func (r *Repository) Blame(v Version, limit int) (map[string]Version, error) {
	files, err := r.Files(v)
	if err != nil {
		return nil, err
	}
	out := make(map[string]Version, len(files))
	for name := range files {
		out[name] = v
	}
	open := len(files)
	for at := v; len(at.Parents) > 0 && open > 0 && limit > 1; limit-- {
		if at, err = r.Version(at.Parents[0]); err != nil {
			return nil, err
		}
		older, err := r.Files(at)
		if err != nil {
			return nil, err
		}
		open = 0
		for name, h := range files {
			if before, ok := older[name]; ok && before == h && h != (Hash{}) {
				out[name] = at
				open++
			} else {
				files[name] = Hash{} // settled
			}
		}
	}
	return out, nil
}
