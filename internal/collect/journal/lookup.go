package journal

import "errors"

// find returns the offset of the data object with this payload, 0 if the file
// has none.
func (f *file) find(payload string) (uint64, error) {
	if f.data.size == 0 {
		return 0, nil
	}
	want := f.hash([]byte(payload))
	off, err := f.bucket(f.data, want)
	for last := uint64(0); err == nil && off != 0; {
		if off <= last {
			return 0, errors.New("a data hash chain runs backwards")
		}
		last = off
		o, oerr := f.front(off, typeData, 64)
		if oerr != nil {
			return 0, oerr
		}
		if o.u64(16) == want {
			if p, perr := f.payload(off); perr == nil && string(p) == payload {
				return off, nil
			}
		}
		off = o.u64(24)
	}
	return 0, err
}

func (f *file) bucket(t table, hash uint64) (uint64, error) {
	i := hash % (t.size / hashItemSize)
	b, err := f.bytes(t.off+i*hashItemSize, hashItemSize)
	if err != nil {
		return 0, err
	}
	return body{body: b}.u64(0), nil
}

// values returns the offsets of the data objects of a field, newest first.
func (f *file) values(field string) ([]uint64, error) {
	off, err := f.findField(field)
	if err != nil || off == 0 {
		return nil, err
	}
	o, err := f.front(off, typeField, fieldPayload)
	if err != nil {
		return nil, err
	}
	var found []uint64
	for next, last := o.u64(32), f.source.size; next != 0; {
		if next >= last {
			return found, errors.New("a list of a field's values runs forwards")
		}
		last = next
		d, err := f.front(next, typeData, 64)
		if err != nil {
			return found, err
		}
		found = append(found, next)
		next = d.u64(32)
	}
	return found, nil
}

func (f *file) findField(field string) (uint64, error) {
	if f.field.size == 0 {
		return 0, nil
	}
	off, err := f.bucket(f.field, f.hash([]byte(field)))
	for last := uint64(0); err == nil && off != 0; {
		if off <= last {
			return 0, errors.New("a field hash chain runs backwards")
		}
		last = off
		o, oerr := f.object(off, typeField)
		if oerr != nil {
			return 0, oerr
		}
		if string(o.body[fieldPayload:]) == field {
			return off, nil
		}
		off = o.u64(24)
	}
	return 0, err
}

// entriesOf returns the chain of the entries that refer to the data at off.
func (f *file) entriesOf(off uint64) (*chain, error) {
	o, err := f.front(off, typeData, 64)
	if err != nil {
		return nil, err
	}
	return f.chainOf(o.u64(40), o.u64(48), o.u64(56))
}
