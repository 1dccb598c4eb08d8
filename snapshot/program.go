package snapshot

import "time"

// Programs are the programs that the node runs and those that an operator
// relies on, each file once, with what tells whether they are what they seem.
type Programs struct {
	// Packages is the package database that owners are read from: dpkg, or ""
	// when they are not known.
	Packages string         `json:"packages,omitempty"`
	List     []Program      `json:"list"`
	Edited   []PackageFiles `json:"edited,omitempty"` // packages whose sums were written at another time than their list
}

// A Program is an executable, a script or a library.
type Program struct {
	Binary
	Roles     []string  `json:"roles"`           // running, tool, shell, loader, library
	Names     []string  `json:"names,omitempty"` // other paths of it
	PIDs      []int     `json:"pids,omitempty" diff:"-"`
	Container string    `json:"container,omitempty"` // ID of the container that Path is in
	Deleted   bool      `json:"deleted,omitempty"`   // it runs, and Path is another file now, or none
	GID       uint32    `json:"gid,omitempty"`
	Modified  time.Time `json:"modified,omitzero"`
	Changed   time.Time `json:"changed,omitzero"` // of its bytes, names or attributes

	// Of an ELF file: elf(5).
	Type    string `json:"type,omitempty"`    // exec, dyn (a library, or a program that is placed anywhere), rel, core
	Bits    int    `json:"bits,omitempty"`    // 32 or 64
	Machine string `json:"machine,omitempty"` // x86-64, aarch64, i386, arm, ppc64, s390, riscv, or its number
	Foreign bool   `json:"foreign,omitempty"` // not for the machine that it was read on
	Interp  string `json:"interp,omitempty"`  // the loader that it asks for; none when it is static
	BuildID string `json:"buildID,omitempty"` // of its GNU note, hexadecimal

	Go *GoBuild `json:"go,omitempty"`

	Capabilities string `json:"capabilities,omitempty"` // of the file, as getcap(8) writes them
	Immutable    bool   `json:"immutable,omitempty"`    // attribute +i
	Append       bool   `json:"append,omitempty"`       // attribute +a
}

// GoBuild is the Go build information of a program.
type GoBuild struct {
	Version  string            `json:"version"`            // of Go
	Path     string            `json:"path,omitempty"`     // of the main package
	Module   string            `json:"module,omitempty"`   // of the main module
	Release  string            `json:"release,omitempty"`  // its version
	Sum      string            `json:"sum,omitempty"`      // its go.sum
	Revision string            `json:"revision,omitempty"` // vcs.revision
	Modified bool              `json:"modified,omitempty"` // vcs.modified: built from a tree that was changed
	Time     string            `json:"time,omitempty"`     // vcs.time
	Vars     map[string]string `json:"vars,omitempty"`     // versions that -ldflags -X sets
}

// PackageFiles are when dpkg's files of one package changed. dpkg writes both
// when it unpacks the package.
type PackageFiles struct {
	Package string    `json:"package"`
	List    time.Time `json:"list"`
	Sums    time.Time `json:"sums"`
}
