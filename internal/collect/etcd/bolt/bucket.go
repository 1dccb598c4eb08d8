package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
)

// A Bucket is a set of pairs and of further buckets.
type Bucket struct {
	f    *File
	head []byte // its value in the bucket that holds it; nil for the top
}

// Top is the bucket that holds all others.
func (f *File) Top() Bucket { return Bucket{f: f} }

// Each calls fn for each entry, in order: sub is not nil for a bucket, and
// then v is empty. What fn is given lasts until it returns, but for sub.
func (b Bucket) Each(ctx context.Context, fn func(k, v []byte, sub *Bucket) error) error {
	w := &walk{again: true, fn: func(k, v []byte, flags uint32) error {
		if err := b.f.visit(len(v)); err != nil {
			return err
		}
		if flags&bucketFlag == 0 {
			return fn(k, v, nil)
		}
		return fn(k, nil, &Bucket{b.f, bytes.Clone(v)})
	}}
	if b.head == nil {
		return b.f.tree(ctx, b.f.root, 0, w)
	}
	if len(b.head) < bucketHead {
		return fmt.Errorf("%w: a bucket of %d bytes", ErrDamaged, len(b.head))
	}
	if root := binary.LittleEndian.Uint64(b.head); root != 0 {
		return b.f.tree(ctx, root, 0, w)
	}
	p, err := parsePage(b.head[bucketHead:])
	if err != nil {
		return err
	}
	return w.leaf(p)
}

// visit counts an entry with a value of n bytes. Walks of nested buckets are
// many, and those of a damaged file go round in circles together, also without
// reading a page: no sound file has as many entries as they may come by.
func (f *File) visit(n int) error {
	if f.visited += 1 + int64(n)/64; f.visited > f.size/2+1000 {
		return fmt.Errorf("%w: buckets lead back to one another", ErrDamaged)
	}
	return nil
}

// Sub is the bucket of that name in b, or nil.
func (b Bucket) Sub(ctx context.Context, name string) (*Bucket, error) {
	var found *Bucket
	err := b.Each(ctx, func(k, _ []byte, sub *Bucket) error {
		if sub != nil && string(k) == name {
			found = sub
		}
		return nil
	})
	return found, err
}
