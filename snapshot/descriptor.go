package snapshot

// Descriptors are the open files of all processes that tell something: files
// that have no name any more, watches, locks, programs of BPF. Read from
// /proc/PID/fd and /proc/PID/fdinfo.
type Descriptors struct {
	Files   int           `json:"files" diff:"-"` // descriptors that were looked at
	Deleted []DeletedFile `json:"deleted,omitempty"`
	Watches []Watches     `json:"watches,omitempty"`
	Locks   []HeldLock    `json:"locks,omitempty"`
	BPF     []HeldBPF     `json:"bpf,omitempty"`
}

// A DeletedFile is a large plain file that was unlinked and takes space until
// it is closed.
type DeletedFile struct {
	PID    int    `json:"pid" diff:"-"`
	FD     int    `json:"fd" diff:"-"`
	Path   string `json:"path"` // as it was called
	Size   uint64 `json:"size"` // bytes
	Used   uint64 `json:"used"` // bytes on the disk
	Device string `json:"device"`
	Inode  uint64 `json:"inode"`
}

// Watches is how many inotify and fanotify instances a process holds.
type Watches struct {
	PID      int    `json:"pid" diff:"-"`
	Name     string `json:"name" diff:"key"` // comm
	UID      uint32 `json:"uid"`             // whom the instances are counted against
	Inotify  int    `json:"inotify,omitempty"`
	Watched  int    `json:"watched,omitempty" diff:"-"` // files and folders watched by them
	Fanotify int    `json:"fanotify,omitempty"`
}

// A HeldLock is a lock: line of a descriptor: of one open file that several
// processes may share.
type HeldLock struct {
	PID  int    `json:"pid" diff:"-"`
	FD   int    `json:"fd" diff:"-"`
	Path string `json:"path"`
	Lock string `json:"lock"` // without its number, as in /proc/locks
}

// A HeldBPF is a descriptor of a program, map or link of BPF.
type HeldBPF struct {
	PID  int    `json:"pid" diff:"-"`
	FD   int    `json:"fd" diff:"-"`
	Kind string `json:"kind"` // prog, map, link
	ID   uint32 `json:"id"`
	Prog uint32 `json:"prog,omitempty"` // of a link: its program
}
