package program

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// readELF sets what the headers of an ELF file tell, or the error.
func readELF(f io.ReaderAt, p *snapshot.Program) {
	if err := parseELF(f, p); err != nil && p.Error == "" {
		p.Error = err.Error()
	}
	p.Foreign = p.Machine != "" && p.Machine != here()
}

// here is the machine that the reader was built for.
func here() string {
	switch runtime.GOARCH {
	case "amd64":
		return "x86-64"
	case "arm64":
		return "aarch64"
	case "386":
		return "i386"
	case "ppc64le", "ppc64":
		return "ppc64"
	case "s390x":
		return "s390"
	case "riscv64":
		return "riscv"
	}
	return runtime.GOARCH
}

var machines = map[uint16]string{3: "i386", 21: "ppc64", 22: "s390", 40: "arm", 62: "x86-64", 183: "aarch64", 243: "riscv"}

var types = map[uint16]string{1: "rel", 2: "exec", 3: "dyn", 4: "core"}

// Limits of what is read of one file.
const (
	maxHeaders = 64      // program headers
	maxInterp  = 512     // bytes
	maxNotes   = 8 << 10 // bytes
)

// The kinds of program headers, of elf.h.
const (
	headerInterp = 3
	headerNote   = 4
)

// parseELF reads the file header and the program headers of elf(5).
func parseELF(f io.ReaderAt, p *snapshot.Program) error {
	head := make([]byte, 64)
	if n, _ := f.ReadAt(head, 0); n < 52 || !bytes.HasPrefix(head, []byte("\x7fELF")) {
		return fmt.Errorf("cannot read the ELF header: it is cut short")
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if head[5] == 2 {
		order = binary.BigEndian
	}
	kind, machine := order.Uint16(head[16:]), order.Uint16(head[18:])
	p.Type, p.Machine = types[kind], machines[machine]
	if p.Type == "" {
		p.Type = fmt.Sprint(kind)
	}
	if p.Machine == "" {
		p.Machine = fmt.Sprint(machine)
	}
	p.Bits = 32
	at, size, count := uint64(order.Uint32(head[28:])), order.Uint16(head[42:]), order.Uint16(head[44:])
	if head[4] == 2 {
		p.Bits = 64
		at, size, count = order.Uint64(head[32:]), order.Uint16(head[54:]), order.Uint16(head[56:])
	}
	least := uint16(32)
	if p.Bits == 64 {
		least = 56
	}
	if size < least || at > 1<<40 {
		return nil // no program headers: an object file
	}
	for n := range min(count, maxHeaders) {
		h := make([]byte, least)
		if _, err := f.ReadAt(h, int64(at)+int64(n)*int64(size)); err != nil {
			return fmt.Errorf("cannot read program header %d: %w", n, err)
		}
		segment(f, p, order, h)
	}
	return nil
}

// segment takes the interpreter and the build ID from one program header.
func segment(f io.ReaderAt, p *snapshot.Program, order binary.ByteOrder, h []byte) {
	offset, size := uint64(order.Uint32(h[4:])), uint64(order.Uint32(h[16:]))
	if p.Bits == 64 {
		offset, size = order.Uint64(h[8:]), order.Uint64(h[32:])
	}
	if offset > 1<<40 {
		return
	}
	switch order.Uint32(h) {
	case headerInterp:
		b := make([]byte, min(size, maxInterp))
		n, _ := f.ReadAt(b, int64(offset))
		s, _, _ := strings.Cut(string(b[:n]), "\x00")
		p.Interp = strings.ToValidUTF8(s, "?")
	case headerNote:
		b := make([]byte, min(size, maxNotes))
		n, _ := f.ReadAt(b, int64(offset))
		if id := buildID(b[:n], order); id != "" {
			p.BuildID = id
		}
	}
}

// buildID is the description of the note of type 3 of owner GNU.
func buildID(notes []byte, order binary.ByteOrder) string {
	for len(notes) >= 12 {
		name, desc, kind := uint64(order.Uint32(notes)), uint64(order.Uint32(notes[4:])), order.Uint32(notes[8:])
		start := 12 + (name+3)&^3
		end := start + desc
		if end > uint64(len(notes)) {
			return ""
		}
		if kind == 3 && bytes.HasPrefix(notes[12:], []byte("GNU\x00")) && desc <= 64 {
			return hex.EncodeToString(notes[start:end])
		}
		next := (end + 3) &^ 3
		if next > uint64(len(notes)) {
			return ""
		}
		notes = notes[next:]
	}
	return ""
}
