package bpf

import (
	"runtime"
	"unsafe"
)

// loadProg is BPF_PROG_LOAD, for tests alone.
func loadProg(kind uint32, code []byte, name string) (int, error) {
	license := []byte("GPL\x00")
	attr := make([]byte, 72)
	put32(attr, 0, kind)
	put32(attr, 4, uint32(len(code)/8))
	put64(attr, 8, uint64(uintptr(unsafe.Pointer(&code[0]))))
	put64(attr, 16, uint64(uintptr(unsafe.Pointer(&license[0]))))
	copy(attr[48:64], name)
	fd, err := call(5, attr)
	runtime.KeepAlive(code)
	runtime.KeepAlive(license)
	return fd, err
}
