package snapshot

import "time"

// BPF are the programs that were loaded into the kernel, enumerated by the
// kernel's own IDs with bpf(2), and where they act.
type BPF struct {
	Programs []BPFProgram `json:"programs"`
	Maps     []BPFMap     `json:"maps,omitempty"`
	MapCount int          `json:"mapCount"` // of all maps, also of those not kept
	Links    []BPFLink    `json:"links,omitempty"`
	Pins     []BPFPin     `json:"pins,omitempty"`
	Attached []BPFAttach  `json:"attached,omitempty"` // without a link
	Traced   []TraceLine  `json:"traced,omitempty"`
}

// A BPFProgram is a loaded program.
type BPFProgram struct {
	ID      uint32    `json:"id" diff:"-"`
	Type    string    `json:"type" diff:"key"`
	Name    string    `json:"name,omitempty" diff:"key"`
	Tag     string    `json:"tag" diff:"key"` // hex, of its instructions
	Loaded  time.Time `json:"loaded" diff:"-"`
	UID     uint32    `json:"uid"`
	Size    uint32    `json:"size"`                    // bytes of instructions, translated
	Maps    []uint32  `json:"maps,omitempty" diff:"-"` // IDs
	Ifindex uint32    `json:"ifindex,omitempty"`       // when offloaded to a device
	GPL     bool      `json:"gpl,omitempty"`
	Holders []int     `json:"holders,omitempty" diff:"-"` // processes with a descriptor of it or of a link to it
}

// A BPFMap is a map of programs.
type BPFMap struct {
	ID      uint32 `json:"id" diff:"-"`
	Type    string `json:"type" diff:"key"`
	Name    string `json:"name,omitempty" diff:"key"`
	Entries uint32 `json:"entries"` // at most
	Holders []int  `json:"holders,omitempty" diff:"-"`
}

// A BPFLink ties a program to where it acts.
type BPFLink struct {
	ID      uint32 `json:"id" diff:"-"`
	Type    string `json:"type" diff:"key"`
	Prog    uint32 `json:"prog" diff:"-"`
	Attach  string `json:"attach,omitempty" diff:"key"` // the kind of attachment
	Cgroup  string `json:"cgroup,omitempty" diff:"key"` // folder
	Ifindex uint32 `json:"ifindex,omitempty"`
	NetNS   uint64 `json:"netns,omitempty"`
	Target  string `json:"target,omitempty"` // a tracepoint's name
	Holders []int  `json:"holders,omitempty" diff:"-"`
}

// A BPFPin is a file that keeps an object alive without a process.
type BPFPin struct {
	Path string `json:"path"`
	Kind string `json:"kind,omitempty"` // prog, map, link; "" when it could not be told
	ID   uint32 `json:"id,omitempty" diff:"-"`
}

// A BPFAttach is a program that a control group or a device of the network
// runs, attached without a link.
type BPFAttach struct {
	Prog   uint32 `json:"prog" diff:"-"`
	Attach string `json:"attach" diff:"key"`
	Cgroup string `json:"cgroup,omitempty" diff:"key"` // folder
	Device string `json:"device,omitempty" diff:"key"` // of the network
}

// A TraceLine is a probe or a function that is hooked, of tracefs.
type TraceLine struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Text string `json:"text"`
}
