package bpf

import (
	"encoding/binary"
	"errors"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The commands of bpf(2), of linux/bpf.h.
const (
	cmdObjGet      = 7
	cmdProgNext    = 11
	cmdMapNext     = 12
	cmdProgFD      = 13
	cmdMapFD       = 14
	cmdObjInfo     = 15
	cmdProgQuery   = 16
	cmdLinkFD      = 30
	cmdLinkNext    = 31
	flagReadOnly   = 1 << 3 // BPF_F_RDONLY
	maxQueried     = 64     // programs of one place
	sizeOfProgInfo = 232
	sizeOfMapInfo  = 88
	sizeOfLinkInfo = 64
)

// call does bpf(2) with an attribute of at most 64 bytes.
func call(cmd uintptr, attr []byte) (int, error) {
	for {
		r, _, errno := unix.Syscall(unix.SYS_BPF, cmd, uintptr(unsafe.Pointer(&attr[0])), uintptr(len(attr)))
		switch {
		case errno == unix.EINTR || errno == unix.EAGAIN:
			continue
		case errno != 0:
			return 0, errno
		}
		return int(r), nil
	}
}

// address is where x lies, which stays so until p is unpinned: a number in an
// attribute keeps nothing in its place.
func address[T any](p *runtime.Pinner, x *T) uint64 {
	p.Pin(x)
	return uint64(uintptr(unsafe.Pointer(x)))
}

func put32(b []byte, at int, v uint32) { binary.NativeEndian.PutUint32(b[at:], v) }
func put64(b []byte, at int, v uint64) { binary.NativeEndian.PutUint64(b[at:], v) }

// next is the ID after id; false at the end.
func next(cmd uintptr, id uint32) (uint32, bool, error) {
	attr := make([]byte, 12)
	put32(attr, 0, id)
	_, err := call(cmd, attr)
	if errors.Is(err, unix.ENOENT) {
		return 0, false, nil
	}
	return u32(attr, 4), err == nil, err
}

// open is a descriptor of the object with that ID. No map is read or changed
// by it.
func open(cmd uintptr, id uint32) (int, error) {
	attr := make([]byte, 12)
	put32(attr, 0, id)
	return call(cmd, attr)
}

// info is what the kernel tells of a descriptor, in size bytes at most.
func info(fd, size int, fill func(b []byte)) ([]byte, error) {
	b := make([]byte, size)
	if fill != nil {
		fill(b)
	}
	var p runtime.Pinner
	defer p.Unpin()
	attr := make([]byte, 16)
	put32(attr, 0, uint32(fd))
	put32(attr, 4, uint32(size))
	put64(attr, 8, address(&p, &b[0]))
	_, err := call(cmdObjInfo, attr)
	return b, err
}

// progMaps are the IDs of the maps that a program uses.
func progMaps(fd int, count uint32) []uint32 {
	if count == 0 {
		return nil
	}
	ids := make([]uint32, min(count, maxQueried))
	var p runtime.Pinner
	defer p.Unpin()
	b, err := info(fd, sizeOfProgInfo, func(b []byte) {
		put32(b, 52, uint32(len(ids)))
		put64(b, 56, address(&p, &ids[0]))
	})
	if err != nil {
		return nil
	}
	return ids[:min(int(u32(b, 52)), len(ids))]
}

// tracepoint is the name that a raw tracepoint's link is for.
func tracepoint(fd int) string {
	name := make([]byte, 128)
	var p runtime.Pinner
	defer p.Unpin()
	_, err := info(fd, sizeOfLinkInfo, func(b []byte) {
		put64(b, 16, address(&p, &name[0]))
		put32(b, 24, uint32(len(name)))
	})
	if err != nil {
		return ""
	}
	return cString(name)
}

// query are the programs at a place: the descriptor of a control group, or
// the number of a device.
func query(target, attach uint32) ([]uint32, error) {
	ids := make([]uint32, maxQueried)
	var p runtime.Pinner
	defer p.Unpin()
	attr := make([]byte, 64)
	put32(attr, 0, target)
	put32(attr, 4, attach)
	put64(attr, 16, address(&p, &ids[0]))
	put32(attr, 24, uint32(len(ids)))
	_, err := call(cmdProgQuery, attr)
	if err != nil && !errors.Is(err, unix.ENOSPC) {
		return nil, err
	}
	return ids[:min(int(u32(attr, 24)), len(ids))], nil
}

// pinned opens the object that a file keeps.
func pinned(path string) (int, error) {
	name, err := unix.BytePtrFromString(path)
	if err != nil {
		return 0, err
	}
	var p runtime.Pinner
	defer p.Unpin()
	get := func(flags uint32) (int, error) {
		attr := make([]byte, 16)
		put64(attr, 0, address(&p, name))
		put32(attr, 12, flags)
		return call(cmdObjGet, attr)
	}
	fd, err := get(flagReadOnly)
	if errors.Is(err, unix.EINVAL) { // a link
		fd, err = get(0)
	}
	return fd, err
}
