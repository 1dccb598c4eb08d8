package source

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// FS is the node's root as a file system, for readers of formats that take
// one. It opens regular files alone, as [Env.Open] does.
func (e *Env) FS() fs.FS { return rooted{e} }

type rooted struct{ env *Env }

// Open opens the regular file at name, a path without its first slash.
func (r rooted) Open(name string) (fs.File, error) { return r.env.Open("/" + name) }

// ReadDir returns the entries of a folder, sorted by name.
func (r rooted) ReadDir(name string) ([]fs.DirEntry, error) { return r.env.ReadDir("/" + name) }

func (r rooted) Stat(name string) (fs.FileInfo, error) {
	f, err := r.env.open("/"+name, unix.O_PATH)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}
