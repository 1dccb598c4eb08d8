package snapshot

import "time"

// Storage is the disks beneath the data that matters, and what takes their
// space.
type Storage struct {
	Data     []DataDir      `json:"data,omitempty"`
	ReadOnly []ReadOnly     `json:"readOnly,omitempty"`
	Loops    []LoopDevice   `json:"loops,omitempty"`
	Large    []LargeFile    `json:"large,omitempty"` // the largest first
	Errors   []StorageError `json:"errors,omitempty"`
}

// A DataDir is a folder that a component keeps its data in, with the file
// system and the disks that it lies on.
type DataDir struct {
	Path    string      `json:"path"`
	Link    string      `json:"link,omitempty"` // where its links lead, when elsewhere
	Target  string      `json:"target"`         // the mount that it is in
	Source  string      `json:"source"`
	FSType  string      `json:"fsType"`
	Device  string      `json:"device"` // major:minor
	Options string      `json:"options"`
	Disks   []BlockDisk `json:"disks,omitempty"` // from the device down to the disk
}

// A BlockDisk is a device of /sys/dev/block.
type BlockDisk struct {
	Device     string `json:"device"` // major:minor
	Name       string `json:"name"`
	Model      string `json:"model,omitempty"`
	Size       uint64 `json:"size"` // bytes
	ReadOnly   bool   `json:"readOnly,omitempty"`
	Rotational bool   `json:"rotational,omitempty"`
	Scheduler  string `json:"scheduler,omitempty"`
	State      string `json:"state,omitempty"` // of the device: running, offline, live
}

// A ReadOnly is a mount of a disk that cannot be written to.
type ReadOnly struct {
	Target string   `json:"target"`
	Source string   `json:"source"`
	Device string   `json:"device"`
	FSType string   `json:"fsType"`
	Mount  string   `json:"mount"`            // the mount's own options
	Super  string   `json:"super"`            // those of the file system
	Whole  bool     `json:"whole"`            // the file system is read-only, and not just the mount
	Kernel []string `json:"kernel,omitempty"` // what the kernel wrote of the device
}

// A LoopDevice is a file that is used as a disk, of /sys/block/loop*/loop.
type LoopDevice struct {
	Name     string   `json:"name"`
	Device   string   `json:"device"`
	Backing  string   `json:"backing"`
	Deleted  bool     `json:"deleted,omitempty"` // Backing was unlinked
	Size     uint64   `json:"size"`              // bytes
	Offset   uint64   `json:"offset,omitempty"`
	Limit    uint64   `json:"limit,omitempty"`
	ReadOnly bool     `json:"readOnly,omitempty"`
	Mounted  []string `json:"mounted,omitempty"` // targets
}

// A LargeFile is a file of 32 MiB and more in the folders that were looked
// through.
type LargeFile struct {
	Path     string    `json:"path"`
	Size     uint64    `json:"size"`          // bytes
	Used     uint64    `json:"used" diff:"-"` // bytes on the disk: far less where it has holes
	Modified time.Time `json:"modified" diff:"-"`
}

// A StorageError is what a file system counted, of /sys/fs/ext4/DEVICE.
type StorageError struct {
	Name     string    `json:"name"`
	Source   string    `json:"source"`
	Count    uint64    `json:"count"`
	Function string    `json:"function,omitempty"` // that found the last one
	Last     time.Time `json:"last,omitzero"`
}
