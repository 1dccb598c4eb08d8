package journal

import "bytes"

// A walked is what a walk over all objects of a file has found.
type walked struct {
	entries []uint64
	data    map[string][]uint64 // wanted payload to data objects
}

// walk goes over all objects in the order they lie in the file, and over what
// is no object in steps of eight bytes to the next that is one. It finds what
// no index leads to any more. keep says which payloads are wanted.
func (f *file) walk(keep func(payload []byte) bool) walked {
	w := walked{data: map[string][]uint64{}}
	lost := false
	// Objects that overlap in a forged file must not make this quadratic.
	budget := 2*f.source.size + maxRead
	for off := f.header.size; off+objectHeaderSize <= f.source.size; {
		o, ok := f.plausible(off, lost)
		if lost && o.size <= f.source.size {
			if o.size > budget {
				f.note(int64(off), "too much that looks like objects and is not")
				break
			}
			budget -= o.size
		}
		if !ok {
			off = f.skip(off)
			lost = true
			continue
		}
		lost = false
		switch o.kind {
		case typeEntry:
			w.entries = append(w.entries, off)
		case typeData:
			if p, err := f.payload(off); err == nil && keep(p) {
				w.data[string(p)] = append(w.data[string(p)], off)
			}
		}
		off += (o.size + 7) &^ 7
	}
	return w
}

// skip returns the next offset after off at which something is written.
func (f *file) skip(off uint64) uint64 {
	off += 8
	for off+8 <= f.source.size {
		n := min(windowSize-off%windowSize, f.source.size-off)
		b, err := f.bytes(off, n)
		if err != nil {
			return f.source.size
		}
		if rest := bytes.TrimLeft(b, "\x00"); len(rest) > 0 {
			return (off + n - uint64(len(rest))) &^ 7
		}
		off += n
	}
	return f.source.size
}

// plausible reports whether an object is at off. After a gap the bytes that
// look like a header may be someone's data: then the content must be sound too.
func (f *file) plausible(off uint64, lost bool) (object, bool) {
	o, err := f.head(off, 0)
	if err != nil || o.flags&^7 != 0 {
		return o, false
	}
	if o.kind == typeEntry && (o.size-entryItemsOffset)%f.entryWidth() != 0 {
		return o, false
	}
	if !lost {
		return o, true
	}
	switch o.kind {
	case typeData:
		_, err := f.payload(off)
		return o, err == nil
	case typeEntry:
		e, err := f.entry(off)
		return o, err == nil && f.resolves(e)
	}
	return o, true
}

// resolves reports whether all items of an entry are data objects.
func (f *file) resolves(e raw) bool {
	for i := range e.len() {
		if _, err := f.head(e.item(i), typeData); err != nil {
			return false
		}
	}
	return e.len() > 0
}
