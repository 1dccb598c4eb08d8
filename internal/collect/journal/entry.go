package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"iter"
	"strconv"
	"time"
)

// An Entry is one record of the journal.
type Entry struct {
	Realtime  time.Time     // when journald received it, by the wall clock
	Monotonic time.Duration // the same since boot
	BootID    ID
	Seqnum    uint64 // counts within SeqnumID
	SeqnumID  ID
	File      string // path below the root

	xor      uint64
	payloads [][]byte
}

// Cursor names the entry as journald does: journalctl --cursor finds it.
func (e *Entry) Cursor() string {
	b := make([]byte, 0, 144)
	b = hex.AppendEncode(append(b, "s="...), e.SeqnumID[:])
	b = strconv.AppendUint(append(b, ";i="...), e.Seqnum, 16)
	b = hex.AppendEncode(append(b, ";b="...), e.BootID[:])
	b = strconv.AppendUint(append(b, ";m="...), uint64(e.Monotonic/time.Microsecond), 16)
	b = strconv.AppendUint(append(b, ";t="...), uint64(e.Realtime.UnixMicro()), 16)
	return string(strconv.AppendUint(append(b, ";x="...), e.xor, 16))
}

// Fields yields each field with its value, in the order of the file. A name
// can come more than once. The values must not be changed.
func (e *Entry) Fields() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, p := range e.payloads {
			name, value, ok := bytes.Cut(p, []byte("="))
			if ok && !yield(string(name), value) {
				return
			}
		}
	}
}

// Get returns the first value of a field, nil if the entry has none.
func (e *Entry) Get(name string) []byte {
	for _, p := range e.payloads {
		if len(p) > len(name) && p[len(name)] == '=' && string(p[:len(name)]) == name {
			return p[len(name)+1:]
		}
	}
	return nil
}

// Message returns the text of the entry.
func (e *Entry) Message() string { return string(e.Get("MESSAGE")) }

// Identifier returns the program's own name for itself.
func (e *Entry) Identifier() string { return string(e.Get("SYSLOG_IDENTIFIER")) }

// Unit returns the systemd unit that the entry is about: that which it came
// from, or, from systemd itself, that which it speaks of.
func (e *Entry) Unit() string {
	if string(e.Get("_PID")) == "1" {
		if u := e.Get("UNIT"); u != nil {
			return string(u)
		}
	}
	return string(e.Get("_SYSTEMD_UNIT"))
}

// Priority returns the syslog severity, 0 for emergency to 7 for debug, and -1
// if the entry has none.
func (e *Entry) Priority() int {
	n, err := strconv.Atoi(string(e.Get("PRIORITY")))
	if err != nil || n < 0 || n > 7 {
		return -1
	}
	return n
}

// same reports whether two entries are copies of one, as they are when the
// volatile journal is flushed to disk.
func (e *Entry) same(o *Entry) bool {
	return e.xor == o.xor && e.BootID == o.BootID && e.Monotonic == o.Monotonic &&
		e.Realtime.Equal(o.Realtime)
}

// A raw is an entry object.
type raw struct {
	body
	width uint64
}

func (f *file) entryWidth() uint64 {
	if f.compact() {
		return 4
	}
	return 16
}

// maxItems is the most fields an entry may have; systemd writes 1024 at most.
const maxItems = 4096

// maxEntry is how many bytes the payloads of one entry may have in all.
const maxEntry = 4 * maxPayload

func (f *file) entry(off uint64) (raw, error) {
	o, err := f.head(off, typeEntry)
	if err != nil {
		return raw{}, err
	}
	if o.size > entryItemsOffset+maxItems*f.entryWidth() {
		return raw{}, fmt.Errorf("an entry of %d bytes", o.size)
	}
	b, err := f.bytes(off, o.size)
	return raw{body{o, b}, f.entryWidth()}, err
}

func (r raw) seqnum() uint64   { return r.u64(16) }
func (r raw) realtime() uint64 { return r.u64(24) }
func (r raw) bootID() ID       { return ID(r.body.body[40:56]) }
func (r raw) len() int         { return int((r.size - entryItemsOffset) / r.width) }

// item returns the offset of the i-th data object.
func (r raw) item(i int) uint64 {
	b := r.body.body[entryItemsOffset+uint64(i)*r.width:]
	if r.width == 4 {
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

func (r raw) has(off uint64) bool {
	for i := range r.len() {
		if r.item(i) == off {
			return true
		}
	}
	return false
}

// decode reads an entry's fields. One that cannot be read is left out and
// noted.
func (f *file) decode(r raw) *Entry {
	e := &Entry{
		Seqnum: r.seqnum(), Realtime: time.UnixMicro(int64(r.realtime())).UTC(),
		Monotonic: time.Duration(r.u64(32)) * time.Microsecond,
		BootID:    r.bootID(), xor: r.u64(56),
		SeqnumID: f.seqnumID, File: f.name,
		payloads: make([][]byte, 0, r.len()),
	}
	room := maxEntry
	for i := range r.len() {
		p, err := f.payload(r.item(i))
		if room -= len(p); room < 0 {
			f.note(int64(r.item(i)), fmt.Sprintf("an entry has more than %d bytes", maxEntry))
			break
		}
		if err != nil {
			f.note(int64(r.item(i)), err.Error())
			continue
		}
		e.payloads = append(e.payloads, p)
	}
	return e
}
