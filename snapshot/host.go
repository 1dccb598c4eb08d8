package snapshot

import (
	"regexp"
	"strings"
	"time"
)

// Host is the machine beneath everything: kernel, memory, disks, pressure.
type Host struct {
	Hostname  string            `json:"hostname"`
	Kernel    string            `json:"kernel"` // uname -r
	OS        string            `json:"os"`     // PRETTY_NAME of os-release
	Boot      time.Time         `json:"boot,omitzero"`
	CPUs      int               `json:"cpus"`
	Load      []float64         `json:"load,omitempty" diff:"-"` // 1, 5, 15 minutes
	MemTotal  uint64            `json:"memTotal"`                // bytes
	MemFree   uint64            `json:"memFree" diff:"-"`        // bytes, MemAvailable
	Pressure  []Pressure        `json:"pressure,omitempty" diff:"-"`
	Mounts    []Mount           `json:"mounts,omitempty"`
	Disks     []Disk            `json:"disks,omitempty" diff:"-"`
	Sysctls   map[string]string `json:"sysctls,omitempty"` // dotted key to live value
	Container bool              `json:"container"`         // the node is itself a container
	Root      bool              `json:"root"`              // collected with uid 0
	Memory    *Memory           `json:"memory,omitempty"`
	Swaps     []Swap            `json:"swaps,omitempty"`
	Zrams     []Zram            `json:"zrams,omitempty"`
	CPU       *CPU              `json:"cpu,omitempty"`
	Counts    *Counts           `json:"counts,omitempty"`
}

// Pressure is one file of /proc/pressure: shares of time in percent.
type Pressure struct {
	Resource string  `json:"resource"` // cpu, memory, io
	Some10   float64 `json:"some10"`
	Some60   float64 `json:"some60"`
	Full10   float64 `json:"full10"`
	Full60   float64 `json:"full60"`
}

// A Mount is a line of /proc/self/mountinfo with statfs(2) of its target.
type Mount struct {
	Device   string `json:"device"` // major:minor
	Source   string `json:"source"`
	Root     string `json:"root"`
	Target   string `json:"target" diff:"key"`
	FSType   string `json:"fsType"`
	Options  string `json:"options"`
	ReadOnly bool   `json:"readOnly"`
	Total    uint64 `json:"total"`         // bytes
	Free     uint64 `json:"free" diff:"-"` // bytes for non-root
	Inodes   uint64 `json:"inodes"`
	IFree    uint64 `json:"ifree" diff:"-"`
	Reserved uint64 `json:"reserved,omitempty" diff:"-"` // bytes that are free for root alone

	// ID and Parent are the mount's and that of the mount it lies on. IDs are
	// used again. Line is its place in the table: a later line was mounted
	// later, but for those that came with the namespace.
	ID     int `json:"id,omitempty" diff:"-"`
	Parent int `json:"parent,omitempty" diff:"-"`
	Line   int `json:"line,omitempty" diff:"-"`
	// Propagation is its peer group and master, such as "shared:3 master:1";
	// "" is private.
	Propagation string `json:"propagation,omitempty" diff:"-"`
}

// Under returns the mount that a path lies in: of those at or above it the
// longest, of equal ones the last, which lies on top.
func (h *Host) Under(path string) (Mount, bool) {
	best, ok := Mount{}, false
	for _, m := range h.Mounts {
		rest, in := strings.CutPrefix(path, strings.TrimSuffix(m.Target, "/"))
		if in && (rest == "" || rest[0] == '/') && (!ok || len(m.Target) >= len(best.Target)) {
			best, ok = m, true
		}
	}
	return best, ok
}

const (
	// littleRoom is the bytes, and littleInodes the inodes, with which nothing
	// can be done any more, on a small file system a fiftieth of it.
	littleRoom   = 64 << 20
	littleInodes = 500
	fiftieth     = 50
)

// Full reports whether a file system that is written to has next to no bytes
// left for users, and whether it has next to no inodes. One that is read-only
// is always full, and is not.
func (m Mount) Full() (bytes, inodes bool) {
	if m.ReadOnly || m.Total == 0 {
		return false, false
	}
	return m.Free < min(littleRoom, m.Total/fiftieth), m.Inodes > 0 && m.IFree < max(1, min(littleInodes, m.Inodes/fiftieth))
}

// A Disk is a line of /proc/diskstats, as the change over Window.
type Disk struct {
	Device   string  `json:"device"` // major:minor
	Name     string  `json:"name"`
	Reads    uint64  `json:"reads"`
	Writes   uint64  `json:"writes"`
	ReadMs   float64 `json:"readMs"`  // mean milliseconds a read
	WriteMs  float64 `json:"writeMs"` // mean milliseconds a write
	BusyPct  float64 `json:"busyPct"`
	WindowMs float64 `json:"windowMs"`
	InFlight uint64  `json:"inFlight"`
}

// Processes are all that /proc shows.
type Processes struct {
	List []Process `json:"list"`
}

// A Process is read from /proc/PID/{stat,status,cmdline,cgroup,exe,ns}.
type Process struct {
	PID       int       `json:"pid" diff:"-"`
	PPID      int       `json:"ppid" diff:"-"`
	Name      string    `json:"name"` // comm
	Exe       string    `json:"exe,omitempty" diff:"key"`
	Deleted   bool      `json:"deleted,omitempty"`         // Exe was unlinked
	Args      []string  `json:"args,omitempty" diff:"key"` // secrets replaced
	UID       uint32    `json:"uid"`
	State     string    `json:"state" diff:"-"` // R S D T t Z ...
	Start     time.Time `json:"start,omitzero" diff:"-"`
	RSS       uint64    `json:"rss" diff:"-"` // bytes
	Threads   int       `json:"threads" diff:"-"`
	Cgroup    string    `json:"cgroup,omitempty" diff:"-"`    // path below the hierarchy's root; on v1 that of blkio, else of the first
	Container string    `json:"container,omitempty" diff:"-"` // container ID in the cgroup path
	NetNS     uint64    `json:"netns,omitempty" diff:"-"`
	MntNS     uint64    `json:"mntns,omitempty" diff:"-"`
	// Kernel says that it is a thread of the kernel (PF_KTHREAD of
	// /proc/PID/stat), whatever it is called.
	Kernel bool `json:"kernel,omitempty"`
	// Tracer is the process that traces it (ptrace(2)), 0 when none.
	Tracer int `json:"tracer,omitempty" diff:"-"`
	// Orphan says that its parent is not in the list, twice.
	Orphan bool   `json:"orphan,omitempty"`
	Unit   string `json:"unit,omitempty"`         // systemd's unit, by its control group
	Pod    string `json:"pod,omitempty" diff:"-"` // UID of the pod, by its control group
	// Ticks is its start in ticks after boot, by which it is told from another
	// process that gets its number.
	Ticks uint64 `json:"ticks,omitempty" diff:"-"`
	// Files is how many files it has open, where the kernel counts them
	// (Linux 6.2).
	Files int `json:"files,omitempty" diff:"-"`
}

// nested reports whether a process runs in a container of a container of this
// machine: it belongs to another machine, such as a node of kind. own is the
// group of this machine itself, which may be a container too.
func (p Process) nested(own string) bool {
	ids := 0
	for part := range strings.SplitSeq(strings.TrimPrefix(p.Cgroup, own), "/") {
		if containerID.MatchString(part) {
			ids++
		}
	}
	return ids > 1
}

// own is the group that this machine's processes are in or below.
func (p *Processes) own() string {
	for _, x := range p.List {
		if x.PID == 1 {
			return strings.TrimSuffix(strings.TrimSuffix(x.Cgroup, "/init.scope"), "/")
		}
	}
	return ""
}

// containerID is the name of a container's group, by any runtime and driver:
// 64 hexadecimal digits, after the runtime's name and before .scope.
var containerID = regexp.MustCompile(`^(?:[a-z-]+-)?[0-9a-f]{64}(?:\.scope)?$`)

// ByName returns this machine's own processes whose comm, or base name of the
// executable or of argument 0, is name.
func (p *Processes) ByName(name string) []Process {
	var out []Process
	own := p.own()
	for _, x := range p.List {
		if x.nested(own) {
			continue
		}
		if x.Name == name || base(x.Exe) == name || len(x.Args) > 0 && base(x.Args[0]) == name ||
			len(name) > 15 && x.Name == name[:15] {
			out = append(out, x)
		}
	}
	return out
}

func base(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}

// Cgroups are the control groups that limit something.
type Cgroups struct {
	Mode   string    `json:"mode"`             // v1, v2, hybrid
	Root   string    `json:"root"`             // where the hierarchy with I/O control is mounted
	Limits []IOLimit `json:"limits"`           // every I/O limit in force
	Groups []Cgroup  `json:"groups,omitempty"` // groups on the path of a control-plane process
	// Controls are the limits of processor time, memory and processes of all
	// groups but those of pods, of the control plane's pods, and of other
	// pods where a limit has shown.
	Controls []Control `json:"controls,omitempty"`
}

// An IOLimit is one line of blkio.throttle.* (v1) or one key of a line of
// io.max (v2).
type IOLimit struct {
	Cgroup string `json:"cgroup"` // path below the hierarchy's root, "/" for the root
	File   string `json:"file"`   // absolute path
	Line   int    `json:"line"`
	Raw    string `json:"raw"`    // the line
	Device string `json:"device"` // major:minor
	Kind   string `json:"kind"`   // rbps, wbps, riops, wiops
	Value  uint64 `json:"value"`  // bytes or operations a second
}

// A Cgroup is the state of one group.
type Cgroup struct {
	Path     string  `json:"path"`
	Dir      string  `json:"dir,omitempty"` // where its files are on the node
	Frozen   bool    `json:"frozen,omitempty"`
	IOSome10 float64 `json:"ioSome10,omitempty"` // io.pressure (v2)
	IOFull10 float64 `json:"ioFull10,omitempty"`
	Waiting  uint64  `json:"waiting,omitempty"` // blkio.io_queued where the kernel counts it
}
