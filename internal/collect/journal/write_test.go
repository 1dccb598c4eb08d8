package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"testing"
	"time"
)

// A writer writes files of the regular layout, for tests that need more or
// other files than testdata has. journalctl --verify accepts them.
type writer struct {
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

const writerBuckets, writerHeader = 1 << 14, 272

func newWriter() *writer {
	w := &writer{data: map[string]*written{}, fields: map[string]uint64{}}
	w.b = make([]byte, writerHeader, 1<<20)
	copy(w.b, signature)
	w.put32(12, flagKeyed)
	for i := range 16 {
		w.b[24+i], w.b[40+i], w.b[72+i] = byte(i+1), 7, 9
	}
	w.put(88, writerHeader)
	for at, kind := range map[int]byte{104: typeDataTable, 120: typeFieldTable} {
		off := w.object(kind, 16+writerBuckets*16)
		w.put(at, off+16)
		w.put(at+8, writerBuckets*16)
	}
	w.all.link = 176
	return w
}

func (w *writer) put(at int, v uint64) { binary.LittleEndian.PutUint64(w.b[at:], v) }
func (w *writer) put32(at int, v uint32) {
	binary.LittleEndian.PutUint32(w.b[at:], v)
}
func (w *writer) get(at uint64) uint64 { return binary.LittleEndian.Uint64(w.b[at:]) }

func (w *writer) object(kind byte, size uint64) uint64 {
	off := uint64(len(w.b)+7) &^ 7
	w.b = append(w.b, make([]byte, off+size-uint64(len(w.b)))...)
	w.b[off] = kind
	w.put(int(off)+8, size)
	w.tail = off
	w.objects++
	return off
}

// hang puts an object into its bucket of the table named at a header offset.
func (w *writer) hang(table int, off, hash uint64) {
	w.put(int(off)+16, hash)
	bucket := w.get(uint64(table)) + hash%writerBuckets*16
	if tail := w.get(bucket + 8); tail != 0 {
		w.put(int(tail)+24, off)
	} else {
		w.put(int(bucket), off)
	}
	w.put(int(bucket)+8, off)
}

func (w *writer) hash(p string) uint64 { return siphash24([]byte(p), [16]byte(w.b[24:40])) }

func (w *writer) value(payload string) *written {
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

func (w *writer) push(l *arrays, entry uint64) {
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

// add appends an entry.
func (w *writer) add(at time.Time, boot byte, payloads ...string) {
	var values []*written
	for _, p := range payloads {
		values = append(values, w.value(p))
	}
	off := w.object(typeEntry, 64+16*uint64(len(values)))
	w.entries++
	real, xor := uint64(at.UnixMicro()), uint64(0)
	w.put(int(off)+16, w.entries)
	w.put(int(off)+24, real)
	w.put(int(off)+32, w.entries)
	w.b[off+55] = boot
	for i, v := range values {
		w.put(int(off)+64+16*i, v.off)
		w.put(int(off)+72+16*i, v.hash)
		xor ^= lookup3([]byte(payloads[i]))
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
		w.head = real
	}
	w.last = real
}

// file completes the header.
func (w *writer) file() []byte {
	w.b = append(w.b, make([]byte, (8-len(w.b)%8)%8)...)
	w.put(96, uint64(len(w.b)-writerHeader))
	for at, v := range map[int]uint64{136: w.tail, 144: w.objects, 152: w.entries,
		160: w.entries, 168: 1, 184: w.head, 192: w.last, 200: w.entries,
		208: uint64(len(w.data)), 216: uint64(len(w.fields)), 232: w.arrays} {
		w.put(at, v)
	}
	return w.b
}

// bigFile has about 128 MB, as journald's files have at most.
func bigFile(b *testing.B) (dir string, entries int) {
	b.Helper()
	w := newWriter()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for len(w.b) < 128<<20 {
		entries++
		unit := []string{"kubelet", "containerd", "cron", "kubelet"}[entries%4]
		w.add(at.Add(time.Duration(entries)*time.Millisecond), byte(entries>>16),
			"_BOOT_ID="+fmt.Sprintf("%032x", entries>>16), "_HOSTNAME=cp", "PRIORITY=6", "_TRANSPORT=stdout",
			"_PID=1234", "_UID=0", "_GID=0", "SYSLOG_IDENTIFIER="+unit, "_COMM="+unit, "_EXE=/usr/bin/"+unit,
			"_SYSTEMD_UNIT="+unit+".service", "_SYSTEMD_CGROUP=/system.slice/"+unit, "_CAP_EFFECTIVE=1ffffffffff",
			fmt.Sprintf("MESSAGE=I0101 12:00:00.%06d 1234 kubelet.go:2500] \"SyncLoop (PLEG): event for pod\" pod=\"default/web-%d\"", entries%1e6, entries))
	}
	dir = b.TempDir()
	if err := os.WriteFile(dir+"/system.journal", w.file(), 0o600); err != nil {
		b.Fatal(err)
	}
	return dir, entries
}

// The last lines of a unit, against reading everything: the first must cost
// next to nothing of the second.
func BenchmarkTail(b *testing.B) {
	dir, _ := bigFile(b)
	for b.Loop() {
		benchmarkRead(b, dir, Query{Units: []string{"kubelet.service"}, Tail: 200}, 200)
	}
}

func BenchmarkScan(b *testing.B) {
	dir, entries := bigFile(b)
	b.SetBytes(128 << 20)
	for b.Loop() {
		benchmarkRead(b, dir, Query{}, entries)
	}
}

func benchmarkRead(b *testing.B, dir string, q Query, want int) {
	j, err := Open(os.DirFS(dir), ".")
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	n := 0
	for range j.Entries(q) {
		n++
	}
	if n != want || j.Damage() != nil {
		b.Fatalf("%d entries, want %d, damage %v", n, want, j.Damage())
	}
}

func TestFileIsReadWhileItGrows(t *testing.T) {
	w := newWriter()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	add := func(text string) {
		at = at.Add(time.Second)
		w.add(at, 1, "_SYSTEMD_UNIT=a.service", "MESSAGE="+text)
	}
	for i := range 300 {
		add("sure")
		// The header is that of before, the objects are newer.
		old := bytes.Clone(w.file()[:writerHeader])
		sure := int(w.entries)
		add("late")
		whole := append(old, w.file()[writerHeader:]...)
		for _, q := range []Query{{}, {Units: []string{"a.service"}}} {
			j := openBytes(t, whole)
			if n := len(j.Tail(q)); n < sure || n > sure+1 {
				t.Fatalf("round %d: %d entries, want %d", i, n, sure)
			}
			if err := j.Damage(); err != nil {
				t.Fatalf("round %d: %v", i, err)
			}
		}
	}
}
