package snapshot

import "time"

// View is how the ordinary view of the node, the one that its tools have,
// differs from what lies beneath: what is mounted over processes, files and
// folders that matter, and processes that the ordinary /proc does not show.
type View struct {
	// CleanProc says that processes and settings were read from a procfs of
	// the reader's own, on which nothing can be mounted (fsopen(2), Linux 5.2).
	CleanProc bool `json:"cleanProc,omitempty"`
	// CleanFiles says that files were looked at beneath what is mounted over
	// them (open_tree(2), Linux 5.2).
	CleanFiles bool `json:"cleanFiles,omitempty"`

	Over       []OverMount      `json:"over,omitempty"`       // in the reader's mount namespace
	Namespaces []MountNamespace `json:"namespaces,omitempty"` // of PID 1 and of the services
	Hidden     []Hidden         `json:"hidden,omitempty"`     // processes
	Oracles    []Oracle         `json:"oracles,omitempty"`    // by which processes were counted
}

// An OverMount is a mount on something that matters: a process, a file, or a
// folder of the system's configuration, programs or state.
type OverMount struct {
	Mount
	Table    string `json:"table,omitempty"`           // the mount table it stands in, such as /proc/self/mountinfo; "" when no table lists it
	Kind     string `json:"kind"`                      // process, proc (else below /proc), file, folder
	Origin   string `json:"origin,omitempty"`          // engine: made with the container that the node is; "": not known
	Declared string `json:"declared,omitempty"`        // file that declares it: /etc/fstab, a mount unit
	Late     bool   `json:"late,omitempty"`            // made after the system's own at boot: it stands behind them in the table
	Unique   uint64 `json:"unique,omitempty" diff:"-"` // ID that is never used again and grows with time (statx(2), Linux 6.8)

	Shown   *Look `json:"shown,omitempty"`   // what the ordinary view shows there
	Beneath *Look `json:"beneath,omitempty"` // what lies under it
	Differs bool  `json:"differs,omitempty"` // the two are known to have other bytes, entries or types
}

// A Look is what was seen at one path in one view.
type Look struct {
	Type     string    `json:"type"` // file, folder, link, other, absent
	Mode     uint32    `json:"mode,omitempty"`
	UID      uint32    `json:"uid,omitempty"`
	GID      uint32    `json:"gid,omitempty"`
	Size     int64     `json:"size,omitempty"` // bytes
	Modified time.Time `json:"modified,omitzero" diff:"-"`
	Inode    uint64    `json:"inode,omitempty" diff:"-"`
	Device   string    `json:"device,omitempty"`  // major:minor
	SHA256   string    `json:"sha256,omitempty"`  // of a file, unless it is large
	Entries  []string  `json:"entries,omitempty"` // the first names in a folder, sorted
	Count    int       `json:"count,omitempty"`   // how many names the folder has
	Error    string    `json:"error,omitempty"`   // what could not be read
}

// A MountNamespace is a view that services have of the file system.
type MountNamespace struct {
	Inode  uint64   `json:"inode" diff:"-"`
	PIDs   []int    `json:"pids" diff:"-"`
	Names  []string `json:"names" diff:"key"` // of those processes
	Host   bool     `json:"host,omitempty"`   // its root is that of PID 1: a service of the host, not a container
	Mounts int      `json:"mounts" diff:"-"`  // how many it has
	Own    []Spot   `json:"own,omitempty"`    // those that PID 1 does not have
	Lacks  []Spot   `json:"lacks,omitempty"`  // of a host's service: those of PID 1, at paths that matter, that it does not have
	Unlike []Unlike `json:"unlike,omitempty"` // of a host's service: paths that matter where it sees another file than PID 1
}

// A Spot is what tells one mount from another, whatever the namespace.
type Spot struct {
	Device   string `json:"device"` // major:minor
	Root     string `json:"root"`   // the folder or file of the file system that is mounted
	Target   string `json:"target"`
	FSType   string `json:"fsType"`
	ReadOnly bool   `json:"readOnly,omitempty"`
}

// An Unlike is a path at which two views show different files.
type Unlike struct {
	Path   string `json:"path"`
	Shown  Look   `json:"shown"`  // to PID 1
	Inside Look   `json:"inside"` // in the namespace
}

// A Hidden is a process that lives and that the ordinary /proc does not show
// as it is. It was looked for again after a moment.
type Hidden struct {
	PID     int      `json:"pid"`
	Seen    []string `json:"seen"`              // oracles that see it
	Unseen  []string `json:"unseen"`            // oracles that do not
	How     string   `json:"how,omitempty"`     // what is in the way: the mount, or the wrong thing that /proc/PID shows
	Process *Process `json:"process,omitempty"` // what the reader's own procfs tells of it
	Cgroup  string   `json:"cgroup,omitempty"`  // folder of the control group that lists it
}

// An Oracle is one way to count processes.
type Oracle struct {
	Name  string `json:"name"`                    // clean, listing, status, mounts, kill, cgroup, parent
	Count int    `json:"count" diff:"-"`          // processes that it shows; of mounts, those that are covered
	Upto  int    `json:"upto,omitempty" diff:"-"` // of kill: the highest PID that was tried
	Error string `json:"error,omitempty"`         // why it was not asked
}
