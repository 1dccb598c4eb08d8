package snapshot

import "time"

// Locks are the file locks of /proc/locks, those that this process's PID
// namespace shows.
type Locks struct {
	List []Lock `json:"list"`
}

// A Lock is held on a file, with who holds it and who waits for it.
type Lock struct {
	Kind    string      `json:"kind" diff:"key"`   // FLOCK, POSIX, OFDLCK, LEASE, DELEG
	Mode    string      `json:"mode"`              // READ, WRITE, RW
	Device  string      `json:"device" diff:"key"` // major:minor
	Inode   uint64      `json:"inode" diff:"key"`
	Start   string      `json:"start" diff:"key"`          // first byte
	End     string      `json:"end"`                       // last byte, or EOF
	Path    string      `json:"path,omitempty" diff:"key"` // by the holder's descriptor, else by the known files
	Raw     string      `json:"raw" diff:"-"`              // the line, without its number
	Line    int         `json:"line" diff:"-"`             // of /proc/locks; 0 when a descriptor alone shows it
	Holders []LockParty `json:"holders,omitempty"`
	Waiting []LockParty `json:"waiting,omitempty"`
}

// A LockParty is a process that holds a lock or waits for it. A lock of an
// open file (FLOCK, OFDLCK) is held by each process that shares it.
type LockParty struct {
	PID    int       `json:"pid" diff:"-"`
	FD     int       `json:"fd,omitempty" diff:"-"`
	Name   string    `json:"name,omitempty"` // comm
	Exe    string    `json:"exe,omitempty"`
	Args   []string  `json:"args,omitempty"`
	Start  time.Time `json:"start,omitzero" diff:"-"`
	Parent int       `json:"parent,omitempty" diff:"-"`
	Above  string    `json:"above,omitempty"` // name of the parent
}

// On returns the locks on the file of that path.
func (l *Locks) On(path string) []Lock {
	var out []Lock
	for _, x := range l.List {
		if x.Path == path {
			out = append(out, x)
		}
	}
	return out
}
