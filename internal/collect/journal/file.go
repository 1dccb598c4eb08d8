package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// A file is one journal file, its header as it was when it was opened: what is
// appended later need not be seen.
type file struct {
	header
	source
	decoder
	name   string
	handle fs.File
	ledger *ledger
	// degraded is set once an index is found broken: entries are then found
	// by walking all objects.
	degraded bool
}

func openFile(root fs.FS, name string, l *ledger) (*file, error) {
	h, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	f, err := newFile(h, name, l)
	if err != nil {
		h.Close()
		return nil, err
	}
	return f, nil
}

func newFile(h fs.File, name string, l *ledger) (*file, error) {
	r, ok := h.(io.ReaderAt)
	if !ok {
		return nil, errors.New("the file system has no random access")
	}
	f := &file{name: name, handle: h, ledger: l, source: source{r: r}}
	if err := f.load(); err != nil {
		return nil, err
	}
	f.check()
	return f, nil
}

// load reads the header, then the size: a file that is being written only
// grows after its header was read. It forgets all windows.
func (f *file) load() error {
	b := make([]byte, minHeaderSize)
	if n, err := f.r.ReadAt(b, 0); n < len(b) {
		return fmt.Errorf("cannot read header: %w", err)
	}
	h, err := parseHeader(b)
	if err != nil {
		return err
	}
	info, err := f.handle.Stat()
	if err != nil {
		return err
	}
	f.header, f.source = h, source{r: f.r, size: uint64(info.Size())}
	return nil
}

// forget gives back what is kept of a file that was read to its end: of a
// journal of many files, the caches of only a few are filled at once.
func (f *file) forget() {
	f.source.slots, f.decoder = [windowSlots]window{}, decoder{}
}

// withIndex calls use, which follows the indexes. In a file that is being
// written one part of an index may have been read before and another after an
// entry was added: if use fails and the header has changed, it is called
// again. A failure that stays is damage.
func (f *file) withIndex(use func() error) {
	const tries = 5
	for i := 1; !f.degraded; i++ {
		err := use()
		if err == nil {
			return
		}
		old := f.header
		if i < tries && f.state == stateOnline && f.load() == nil && f.header != old {
			continue
		}
		f.degrade(-1, "an index is broken: "+err.Error())
	}
}

// end is the offset of the last object that an index may lead to.
func (f *file) end() uint64 {
	if f.state == stateOnline {
		if _, err := f.head(f.lastObject, 0); err == nil {
			return f.lastObject
		}
	}
	return f.source.size
}

// check finds what makes the indexes unfit before any is followed.
func (f *file) check() {
	end := f.header.size + f.objects
	switch {
	case end < f.objects || end > f.source.size:
		f.degrade(-1, fmt.Sprintf("the header speaks of %d bytes, there are %d", end, f.source.size))
	case !f.sound(f.data, typeDataTable):
		f.degrade(int64(f.data.off), "the data hash table is broken")
	case !f.sound(f.field, typeFieldTable):
		f.degrade(int64(f.field.off), "the field hash table is broken")
	}
}

func (f *file) sound(t table, kind byte) bool {
	if t.off == 0 && t.size == 0 {
		return f.entries == 0
	}
	if t.off < objectHeaderSize || t.size < hashItemSize || t.size%hashItemSize != 0 {
		return false
	}
	head, err := f.bytes(t.off-objectHeaderSize, objectHeaderSize)
	if err != nil {
		return false
	}
	o := parseObject(head)
	return o.kind == kind && o.size == t.size+objectHeaderSize && t.size <= f.source.size-t.off
}

func (f *file) degrade(off int64, reason string) {
	f.degraded = true
	f.note(off, reason)
}

func (f *file) note(off int64, reason string) { f.ledger.note(f.name, off, reason) }

// A body is an object with its bytes.
type body struct {
	object
	body []byte
}

func (b body) u64(off int) uint64 { return binary.LittleEndian.Uint64(b.body[off:]) }

// head reads an object's header at off and checks it for plausibility. A kind
// of 0 accepts any.
func (f *file) head(off uint64, kind byte) (object, error) {
	if off%8 != 0 || off < f.header.size {
		return object{}, fmt.Errorf("no object can be at byte %d", off)
	}
	b, err := f.bytes(off, objectHeaderSize)
	if err != nil {
		return object{}, err
	}
	o := parseObject(b)
	if kind != 0 && o.kind != kind {
		return o, fmt.Errorf("the object is of type %d, want %d", o.kind, kind)
	}
	if least := minSize(o.kind, f.compact()); least == 0 || o.size < least {
		return o, fmt.Errorf("an object of type %d with %d bytes", o.kind, o.size)
	}
	if o.size > f.source.size-off {
		return o, fmt.Errorf("the object of %d bytes goes beyond the end of the file", o.size)
	}
	return o, nil
}

// object reads the whole object of a kind at off.
func (f *file) object(off uint64, kind byte) (body, error) {
	o, err := f.head(off, kind)
	if err != nil {
		return body{}, err
	}
	b, err := f.bytes(off, o.size)
	return body{o, b}, err
}

// front reads the first n bytes of the object of a kind at off.
func (f *file) front(off uint64, kind byte, n uint64) (body, error) {
	o, err := f.head(off, kind)
	if err != nil {
		return body{}, err
	}
	b, err := f.bytes(off, min(n, o.size))
	return body{o, b}, err
}
