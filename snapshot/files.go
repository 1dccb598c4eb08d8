package snapshot

import "time"

// Files are files that stand out by what they are and not by what they hold.
type Files struct {
	// Privileged are set-user-ID and set-group-ID files and those with file
	// capabilities that are not a package's own. Granted counts the others.
	Privileged []Special `json:"privileged,omitempty"`
	Granted    int       `json:"granted"`
	// Fixed are files and folders with the immutable or append-only
	// attribute, among those that repairs and operators write.
	Fixed []Special `json:"fixed,omitempty"`
	// Odd are files where none should be, or with names that hide.
	Odd []Special `json:"odd,omitempty"`
	// Alternatives, Diversions and Overrides are how dpkg and
	// update-alternatives replace the operator's tools.
	Alternatives []Special `json:"alternatives,omitempty"`
	Diversions   []Special `json:"diversions,omitempty"`
	Overrides    []Special `json:"overrides,omitempty"`
	// Sources are what else decides which packages are installed: holds,
	// pins, proxies, repositories and keys of no package.
	Sources []Rule `json:"sources,omitempty"`
	// Formats are the interpreters that the kernel starts for a kind of
	// file: /proc/sys/fs/binfmt_misc.
	Formats []Format `json:"formats,omitempty"`
	// Walked is how many files were looked at.
	Walked int `json:"walked" diff:"-"`
}

// A Special is a file that stands out.
type Special struct {
	Path     string    `json:"path"`
	Why      string    `json:"why"` // setuid, setgid, capabilities, immutable, append-only, regular, hidden, name, executable, alternative, diversion, override
	Target   string    `json:"target,omitempty"`
	Detail   string    `json:"detail,omitempty"` // capabilities, who diverted, what was overridden
	Mode     uint32    `json:"mode"`             // permission and set-id bits, as in stat(2)
	UID      uint32    `json:"uid"`
	GID      uint32    `json:"gid"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified,omitzero"`
	Changed  time.Time `json:"changed,omitzero"`
	Package  string    `json:"package,omitempty"`
	Sum      string    `json:"sum,omitempty"`
	Source   string    `json:"source,omitempty"` // where it stands, when not in the file itself
	Line     int       `json:"line,omitempty"`
}

// A Format is an entry of binfmt_misc.
type Format struct {
	Name        string `json:"name"`
	Enabled     bool   `json:"enabled"`
	Interpreter string `json:"interpreter"`
	Flags       string `json:"flags,omitempty"`
	Match       string `json:"match"` // the extension or magic
	Package     string `json:"package,omitempty"`
	Sum         string `json:"sum,omitempty"`
}
