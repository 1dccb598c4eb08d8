package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
)

// A page is one page with its overflow.
type page struct {
	flags uint16
	count int
	data  []byte // the head included
}

// Buckets returns the names of the buckets at the top.
func (f *File) Buckets(ctx context.Context) ([]string, error) {
	var names []string
	err := f.tree(ctx, f.root, 0, &walk{fn: func(k, _ []byte, flags uint32) error {
		if flags&bucketFlag != 0 {
			names = append(names, string(k))
		}
		return nil
	}})
	return names, err
}

// Walk calls fn for each pair of the bucket called name, in order. What fn is
// given lasts until it returns. A bucket that does not exist has no pairs.
// Damaged pages are passed over and told at the end, as [ErrDamaged].
func (f *File) Walk(ctx context.Context, name string, fn func(k, v []byte) error) error {
	var head []byte
	err := f.tree(ctx, f.root, 0, &walk{again: true, fn: func(k, v []byte, flags uint32) error {
		if flags&bucketFlag != 0 && string(k) == name {
			head = bytes.Clone(v)
		}
		return nil
	}})
	if head == nil {
		return err
	}
	if len(head) < bucketHead {
		return fmt.Errorf("%w: bucket %q is %d bytes", ErrDamaged, name, len(head))
	}
	w := &walk{fn: func(k, v []byte, _ uint32) error { return fn(k, v) }}
	if root := binary.LittleEndian.Uint64(head); root != 0 {
		return f.tree(ctx, root, 0, w)
	}
	p, err := parsePage(head[bucketHead:])
	if err != nil {
		return err
	}
	return w.leaf(p)
}

// A walk goes through a tree and checks that keys ascend.
type walk struct {
	fn    func(k, v []byte, flags uint32) error
	last  []byte
	seen  int64
	again bool // the pages were counted before

	harm   int   // pages that could not be read
	harmed error // why
}

// maxHarm is how many damaged pages of a tree are passed over.
const maxHarm = 64

func (f *File) tree(ctx context.Context, id uint64, depth int, w *walk) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := f.within(id); err != nil {
		return err
	}
	if w.seen++; depth > maxDepth || w.seen > f.size/f.pageSize {
		return fmt.Errorf("%w: page %d leads back to itself", ErrDamaged, id)
	}
	p, err := f.page(id)
	if err != nil {
		return err
	}
	if !w.again {
		f.reached += (int64(len(p.data)) + f.pageSize - 1) / f.pageSize
	}
	switch {
	case p.flags&isLeaf != 0:
		return w.leaf(p)
	case p.flags&isBranch == 0:
		return fmt.Errorf("%w: page %d is neither branch nor leaf", ErrDamaged, id)
	}
	for i := range p.count {
		if err := w.bear(f.tree(ctx, binary.LittleEndian.Uint64(p.elem(i)[8:]), depth+1, w)); err != nil {
			return err
		}
	}
	return w.end(depth)
}

// bear keeps the damage of one page, so that the pages beside it are read all
// the same, and returns any other error.
func (w *walk) bear(err error) error {
	if err == nil || !errors.Is(err, ErrDamaged) || w.harm >= maxHarm {
		return err
	}
	w.harm++
	w.harmed = errors.Join(w.harmed, err)
	return nil
}

// end is the damage that was borne, told at the root of the tree.
func (w *walk) end(depth int) error {
	if depth == 0 {
		return w.harmed
	}
	return nil
}

func (w *walk) leaf(p page) error {
	for i := range p.count {
		e := p.elem(i)
		flags, pos := binary.LittleEndian.Uint32(e), int64(binary.LittleEndian.Uint32(e[4:]))
		klen, vlen := int64(binary.LittleEndian.Uint32(e[8:])), int64(binary.LittleEndian.Uint32(e[12:]))
		from := int64(headSize+i*elemSize) + pos
		if from+klen+vlen > int64(len(p.data)) {
			return fmt.Errorf("%w: pair %d ends behind its page", ErrDamaged, i)
		}
		k, v := p.data[from:from+klen], p.data[from+klen:from+klen+vlen]
		if w.last != nil && bytes.Compare(w.last, k) >= 0 {
			return fmt.Errorf("%w: keys are out of order", ErrDamaged)
		}
		w.last = append(w.last[:0], k...)
		if err := w.fn(k, v, flags); err != nil {
			return err
		}
	}
	return nil
}

// within reports whether the file, as it is, has page id.
func (f *File) within(id uint64) error {
	switch {
	case id < 2 || id >= f.end:
		return fmt.Errorf("%w: page %d of %d", ErrDamaged, id, f.end)
	case id >= uint64(f.size/f.pageSize):
		return fmt.Errorf("%w: it was cut off: it has %d bytes, and page %d of %d pages lies behind them", ErrDamaged, f.size, id, f.end)
	}
	return nil
}

// page reads page id with its overflow.
func (f *File) page(id uint64) (page, error) {
	if err := f.within(id); err != nil {
		return page{}, err
	}
	at := int64(id) * f.pageSize
	b := make([]byte, f.pageSize)
	if _, err := f.r.ReadAt(b, at); err != nil {
		return page{}, fmt.Errorf("%w: page %d: %w", ErrDamaged, id, err)
	}
	if got := binary.LittleEndian.Uint64(b); got != id {
		return page{}, fmt.Errorf("%w: page %d says it is %d", ErrDamaged, id, got)
	}
	if more := int64(binary.LittleEndian.Uint32(b[12:])) * f.pageSize; more > 0 {
		if more > maxPage || at+f.pageSize+more > f.size {
			return page{}, fmt.Errorf("%w: page %d is too long", ErrDamaged, id)
		}
		b = append(b, make([]byte, more)...)
		if _, err := f.r.ReadAt(b[f.pageSize:], at+f.pageSize); err != nil {
			return page{}, fmt.Errorf("%w: page %d: %w", ErrDamaged, id, err)
		}
	}
	return parsePage(b)
}

// parsePage reads a page's head and checks that its elements fit.
func parsePage(b []byte) (page, error) {
	if len(b) < headSize {
		return page{}, fmt.Errorf("%w: a page of %d bytes", ErrDamaged, len(b))
	}
	p := page{flags: binary.LittleEndian.Uint16(b[8:]), count: int(binary.LittleEndian.Uint16(b[10:])), data: b}
	if headSize+p.count*elemSize > len(b) {
		return page{}, fmt.Errorf("%w: %d elements do not fit their page", ErrDamaged, p.count)
	}
	return p, nil
}

func (p page) elem(i int) []byte { return p.data[headSize+i*elemSize : headSize+(i+1)*elemSize] }
