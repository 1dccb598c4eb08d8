package bpf

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// loadProg is BPF_PROG_LOAD, for tests alone; attach is the expected type of
// attachment.
func loadProg(kind, attach uint32, code []byte, name string) (int, error) {
	license := []byte("GPL\x00")
	attr := make([]byte, 72)
	put32(attr, 0, kind)
	put32(attr, 4, uint32(len(code)/8))
	var p runtime.Pinner
	defer p.Unpin()
	put64(attr, 8, address(&p, &code[0]))
	put64(attr, 16, address(&p, &license[0]))
	copy(attr[48:64], name)
	put32(attr, 68, attach)
	return call(5, attr)
}

// makeLink is BPF_LINK_CREATE, for tests alone.
func makeLink(prog, target int, attach uint32) (int, error) {
	attr := make([]byte, 64)
	put32(attr, 0, uint32(prog))
	put32(attr, 4, uint32(target))
	put32(attr, 8, attach)
	return call(28, attr)
}

// pinTo is BPF_OBJ_PIN, for tests alone.
func pinTo(fd int, file string) error {
	name, err := unix.BytePtrFromString(file)
	if err != nil {
		return err
	}
	var p runtime.Pinner
	defer p.Unpin()
	attr := make([]byte, 16)
	put64(attr, 0, address(&p, name))
	put32(attr, 8, uint32(fd))
	_, err = call(6, attr)
	return err
}
