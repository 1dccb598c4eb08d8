// Package journaltest writes journal files for tests and benchmarks.
package journaltest

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/klustered/klustered/internal/collect/journal/jhash"
)

const (
	flagKeyed      = 1 << 2
	typeData       = 1
	typeField      = 2
	typeEntry      = 3
	typeDataTable  = 4
	typeFieldTable = 5
	typeArray      = 6
)

// A Writer writes a file of the regular layout. journalctl --verify accepts it.
// Its fields say whose file it is; they are set before the first entry.
type Writer struct {
	FileID, MachineID, SeqnumID [16]byte
	BootID                      [16]byte      // of the entries that follow
	Monotonic                   time.Duration // of the next entry; it then grows by a microsecond
	Seqnum                      uint64        // of the last entry: set to leave some out

	b       []byte
	data    map[string]*written
	fields  map[string]uint64 // to the field object
	all     arrays
	entries uint64
	tail    uint64 // the last object
	objects uint64
	arrays  uint64
	head    uint64
	last    uint64
	first   uint64 // number of the first entry
}

// A written is a data object with its entries.
type written struct {
	off   uint64
	hash  uint64
	index arrays
}

// An arrays is a chain of entry arrays with its end.
type arrays struct {
	link uint64 // where the offset of the next array is to be put
	off  uint64 // the last array
	cap  uint64
	used uint64
	n    uint64
}

const buckets, headerSize = 1 << 14, 272

// NewWriter returns a writer of an empty file.
func NewWriter() *Writer {
	w := &Writer{data: map[string]*written{}, fields: map[string]uint64{}}
	w.b = make([]byte, headerSize, 1<<20)
	copy(w.b, "LPKSHHRH")
	w.put32(12, flagKeyed)
	for i := range 16 {
		w.FileID[i], w.MachineID[i], w.SeqnumID[i] = byte(i+1), 7, 9
	}
	w.put(88, headerSize)
	for at, kind := range map[int]byte{104: typeDataTable, 120: typeFieldTable} {
		off := w.object(kind, 16+buckets*16)
		w.put(at, off+16)
		w.put(at+8, buckets*16)
	}
	w.all.link = 176
	return w
}

func (w *Writer) put(at int, v uint64) { binary.LittleEndian.PutUint64(w.b[at:], v) }
func (w *Writer) put32(at int, v uint32) {
	binary.LittleEndian.PutUint32(w.b[at:], v)
}
func (w *Writer) get(at uint64) uint64 { return binary.LittleEndian.Uint64(w.b[at:]) }

func (w *Writer) object(kind byte, size uint64) uint64 {
	off := uint64(len(w.b)+7) &^ 7
	w.b = append(w.b, make([]byte, off+size-uint64(len(w.b)))...)
	w.b[off] = kind
	w.put(int(off)+8, size)
	w.tail = off
	w.objects++
	return off
}

// hang puts an object into its bucket of the table named at a header offset.
func (w *Writer) hang(table int, off, hash uint64) {
	w.put(int(off)+16, hash)
	bucket := w.get(uint64(table)) + hash%buckets*16
	if tail := w.get(bucket + 8); tail != 0 {
		w.put(int(tail)+24, off)
	} else {
		w.put(int(bucket), off)
	}
	w.put(int(bucket)+8, off)
}

func (w *Writer) hash(p string) uint64 { return jhash.Sip24([]byte(p), w.FileID) }

func (w *Writer) value(payload string) *written {
	if d := w.data[payload]; d != nil {
		return d
	}
	off := w.object(typeData, 64+uint64(len(payload)))
	copy(w.b[off+64:], payload)
	d := &written{off: off, hash: w.hash(payload), index: arrays{link: off + 48}}
	w.hang(104, off, d.hash)
	name := payload[:bytes.IndexByte([]byte(payload), '=')]
	field := w.fields[name]
	if field == 0 {
		field = w.object(typeField, 40+uint64(len(name)))
		copy(w.b[field+40:], name)
		w.hang(120, field, w.hash(name))
		w.fields[name] = field
	}
	w.put(int(off)+32, w.get(field+32))
	w.put(int(field)+32, off)
	w.data[payload] = d
	return d
}

func (w *Writer) push(l *arrays, entry uint64) {
	if l.used == l.cap {
		l.cap = max(4, l.n*2)
		off := w.object(typeArray, 24+l.cap*8)
		w.arrays++
		w.put(int(l.link), off)
		l.link, l.off, l.used = off+16, off, 0
	}
	w.put(int(l.off+24+l.used*8), entry)
	l.used++
	l.n++
}

// Add appends an entry; payloads are NAME=value.
func (w *Writer) Add(at time.Time, payloads ...string) {
	values := make([]*written, len(payloads))
	for i, p := range payloads {
		values[i] = w.value(p)
	}
	off := w.object(typeEntry, 64+16*uint64(len(values)))
	w.entries++
	w.Seqnum++
	w.Monotonic += time.Microsecond
	stamp, xor := uint64(at.UnixMicro()), uint64(0)
	w.put(int(off)+16, w.Seqnum)
	w.put(int(off)+24, stamp)
	w.put(int(off)+32, uint64(w.Monotonic/time.Microsecond))
	copy(w.b[off+40:], w.BootID[:])
	for i, v := range values {
		w.put(int(off)+64+16*i, v.off)
		w.put(int(off)+72+16*i, v.hash)
		xor ^= jhash.Lookup3([]byte(payloads[i]))
	}
	w.put(int(off)+56, xor)
	w.push(&w.all, off)
	for _, v := range values {
		if n := w.get(v.off + 56); n == 0 {
			w.put(int(v.off)+40, off)
		} else {
			w.push(&v.index, off)
		}
		w.put(int(v.off)+56, w.get(v.off+56)+1)
	}
	if w.entries == 1 {
		w.head, w.first = stamp, w.Seqnum
	}
	w.last = stamp
}

// HeaderSize is the size of the header, in bytes.
func (w *Writer) HeaderSize() int { return headerSize }

// File returns the file as it is now.
func (w *Writer) File() []byte {
	w.b = append(w.b, make([]byte, (8-len(w.b)%8)%8)...)
	copy(w.b[24:], w.FileID[:])
	copy(w.b[40:], w.MachineID[:])
	copy(w.b[56:], w.BootID[:])
	copy(w.b[72:], w.SeqnumID[:])
	w.put(96, uint64(len(w.b)-headerSize))
	for at, v := range map[int]uint64{136: w.tail, 144: w.objects, 152: w.entries,
		160: w.Seqnum, 168: w.first, 184: w.head, 192: w.last, 200: uint64(w.Monotonic / time.Microsecond),
		208: uint64(len(w.data)), 216: uint64(len(w.fields)), 232: w.arrays} {
		w.put(at, v)
	}
	return w.b
}
