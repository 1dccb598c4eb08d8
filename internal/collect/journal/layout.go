package journal

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/klustered/klustered/internal/collect/journal/jhash"
)

// The on-disk layout is that of systemd's JOURNAL_FILE_FORMAT document.
const (
	signature     = "LPKSHHRH"
	minHeaderSize = 208 // up to tail_entry_monotonic; later fields are optional

	stateOnline = 1 // being written, or left so by a crash

	flagXZ      = 1 << 0
	flagLZ4     = 1 << 1
	flagKeyed   = 1 << 2
	flagZSTD    = 1 << 3
	flagCompact = 1 << 4
	knownFlags  = flagXZ | flagLZ4 | flagKeyed | flagZSTD | flagCompact

	objectHeaderSize = 16
	entryItemsOffset = 64
	arrayItemsOffset = 24
	fieldPayload     = 40
	hashItemSize     = 16
)

// An object's type is its first byte.
const (
	typeData       = 1
	typeField      = 2
	typeEntry      = 3
	typeDataTable  = 4
	typeFieldTable = 5
	typeArray      = 6
	typeTag        = 7
)

// An object's second byte says how a data payload is compressed.
const (
	compressedXZ   = 1
	compressedLZ4  = 2
	compressedZSTD = 4
)

// ID is a 128 bit identifier: of a boot, a machine, a file or a sequence.
type ID [16]byte

// String returns the 32 hexadecimal digits that systemd prints.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// A table is where one of the two hash tables lies: offset and size in bytes.
type table struct{ off, size uint64 }

type header struct {
	incompatible uint32
	state        byte
	fileID       ID
	machineID    ID
	seqnumID     ID
	size         uint64 // of the header
	objects      uint64 // bytes after the header that hold objects
	data, field  table
	lastObject   uint64
	entries      uint64
	tailSeqnum   uint64
	headSeqnum   uint64
	entryArray   uint64
	head, tail   uint64 // realtime of the first and last entry, microseconds
	tailMono     uint64 // monotonic time of the last entry, microseconds
}

func (h *header) compact() bool { return h.incompatible&flagCompact != 0 }
func (h *header) keyed() bool   { return h.incompatible&flagKeyed != 0 }

// hash returns the hash by which a file finds a payload.
func (h *header) hash(payload []byte) uint64 {
	if h.keyed() {
		return jhash.Sip24(payload, h.fileID)
	}
	return jhash.Lookup3(payload)
}

// parseHeader reads the fixed part of a file's header.
func parseHeader(b []byte) (header, error) {
	if len(b) < minHeaderSize {
		return header{}, fmt.Errorf("cannot parse header: %d bytes, want %d", len(b), minHeaderSize)
	}
	if string(b[:8]) != signature {
		return header{}, fmt.Errorf("cannot parse header: signature is %q", b[:8])
	}
	u64 := func(off int) uint64 { return binary.LittleEndian.Uint64(b[off:]) }
	h := header{
		incompatible: binary.LittleEndian.Uint32(b[12:]), state: b[16],
		fileID: ID(b[24:40]), machineID: ID(b[40:56]), seqnumID: ID(b[72:88]),
		size: u64(88), objects: u64(96),
		data: table{u64(104), u64(112)}, field: table{u64(120), u64(128)},
		lastObject: u64(136), entries: u64(152), tailSeqnum: u64(160), headSeqnum: u64(168),
		entryArray: u64(176), head: u64(184), tail: u64(192), tailMono: u64(200),
	}
	if unknown := h.incompatible &^ knownFlags; unknown != 0 {
		return h, fmt.Errorf("cannot parse header: unknown incompatible flags %#x", unknown)
	}
	if h.size < minHeaderSize || h.size%8 != 0 || h.size > 1<<16 {
		return h, fmt.Errorf("cannot parse header: it says its size is %d", h.size)
	}
	return h, nil
}

// An object is the header that every object begins with.
type object struct {
	kind, flags byte
	size        uint64
}

func parseObject(b []byte) object {
	return object{kind: b[0], flags: b[1], size: binary.LittleEndian.Uint64(b[8:])}
}

// minSize is the least number of bytes an object of a kind can have, 0 for an
// unknown kind.
func minSize(kind byte, compact bool) uint64 {
	switch kind {
	case typeData:
		return dataPayload(compact)
	case typeField:
		return fieldPayload
	case typeEntry:
		return entryItemsOffset
	case typeDataTable, typeFieldTable:
		return objectHeaderSize
	case typeArray:
		return arrayItemsOffset
	case typeTag:
		return objectHeaderSize + 48
	}
	return 0
}

func dataPayload(compact bool) uint64 {
	if compact {
		return 72
	}
	return 64
}
