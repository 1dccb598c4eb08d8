package snapshot

// Memory is /proc/meminfo in bytes, and what else tells of memory.
type Memory struct {
	Free        uint64 `json:"free" diff:"-"`
	Buffers     uint64 `json:"buffers" diff:"-"`
	Cached      uint64 `json:"cached" diff:"-"`
	Anonymous   uint64 `json:"anonymous" diff:"-"`
	Shared      uint64 `json:"shared" diff:"-"` // tmpfs and shared memory
	Slab        uint64 `json:"slab" diff:"-"`
	Unreclaimed uint64 `json:"unreclaimed" diff:"-"` // SUnreclaim
	PageTables  uint64 `json:"pageTables" diff:"-"`
	Dirty       uint64 `json:"dirty" diff:"-"`
	Writeback   uint64 `json:"writeback" diff:"-"`
	Locked      uint64 `json:"locked" diff:"-"` // Mlocked
	SwapTotal   uint64 `json:"swapTotal"`
	SwapFree    uint64 `json:"swapFree" diff:"-"`
	CommitLimit uint64 `json:"commitLimit"`
	Committed   uint64 `json:"committed" diff:"-"`
	HugeTotal   uint64 `json:"hugeTotal"`         // pages
	HugeFree    uint64 `json:"hugeFree" diff:"-"` // pages
	HugeSize    uint64 `json:"hugeSize"`          // bytes of a page
	Corrupted   uint64 `json:"corrupted,omitempty"`
	OOMKills    uint64 `json:"oomKills"`              // since boot, oom_kill of /proc/vmstat
	AllocStalls uint64 `json:"allocStalls" diff:"-"`  // since boot: allocations that had to wait
	Transparent string `json:"transparent,omitempty"` // transparent_hugepage/enabled: always, madvise, never
	KSMRuns     bool   `json:"ksmRuns,omitempty"`
}

// A Swap is a line of /proc/swaps.
type Swap struct {
	Path     string `json:"path"`
	Type     string `json:"type"`          // partition, file
	Size     uint64 `json:"size"`          // bytes
	Used     uint64 `json:"used" diff:"-"` // bytes
	Priority int    `json:"priority"`
}

// A Zram is a compressed disk in memory, of /sys/block/zram*.
type Zram struct {
	Name string `json:"name"`
	Size uint64 `json:"size"`          // bytes, 0 when it is not set up
	Used uint64 `json:"used" diff:"-"` // bytes of memory
}

// CPU are the lists of /sys/devices/system/cpu, such as 0-3,8.
type CPU struct {
	Online   string `json:"online"`
	Possible string `json:"possible"`
	Present  string `json:"present"`
	Offline  string `json:"offline,omitempty"`
	Isolated string `json:"isolated,omitempty"`
	Nodes    string `json:"nodes,omitempty"` // NUMA nodes that are online
}

// Counts are things of which the kernel has a limited number.
type Counts struct {
	Tasks      uint64   `json:"tasks" diff:"-"` // threads of all processes, of /proc/loadavg: in a container, of its own
	PIDMax     uint64   `json:"pidMax"`         // kernel.pid_max
	ThreadsMax uint64   `json:"threadsMax"`     // kernel.threads-max
	Files      uint64   `json:"files" diff:"-"` // open, of fs.file-nr
	FilesMax   uint64   `json:"filesMax"`
	Inodes     uint64   `json:"inodes" diff:"-"` // of fs.inode-nr
	AIO        uint64   `json:"aio" diff:"-"`    // fs.aio-nr
	AIOMax     uint64   `json:"aioMax"`          // fs.aio-max-nr
	Keys       []KeyUse `json:"keys,omitempty"`
}

// A KeyUse is a line of /proc/key-users: the keys of one user and the limits.
type KeyUse struct {
	UID      uint32 `json:"uid" diff:"key"`
	Keys     uint64 `json:"keys" diff:"-"`
	KeysMax  uint64 `json:"keysMax"`
	Bytes    uint64 `json:"bytes" diff:"-"`
	BytesMax uint64 `json:"bytesMax"`
}
