package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

const (
	maxPayload = 8 << 20 // bytes of one field's value, decompressed
	cacheSlots = 8192
	cacheLimit = 512 // payloads longer than this are not cached
	arenaChunk = 16 << 10
)

type cached struct {
	off     uint64
	payload []byte
}

// A decoder turns data objects into payloads of the form "NAME=value". Those
// that several entries share are kept in a small cache.
type decoder struct {
	cache []cached
	zstd  *zstd.Decoder
	arena []byte
}

// payload returns the payload of the data object at off. It checks the hash.
func (f *file) payload(off uint64) ([]byte, error) {
	d := &f.decoder
	slot := off / 8 % cacheSlots
	if d.cache != nil && d.cache[slot].off == off {
		return d.cache[slot].payload, nil
	}
	obj, err := f.object(off, typeData)
	if err != nil {
		return nil, err
	}
	raw := obj.body[dataPayload(f.compact()):]
	var p []byte
	if obj.flags == 0 {
		p = d.keep(raw)
	} else if p, err = d.decompress(obj.flags, raw); err != nil {
		return nil, err
	}
	if f.hash(p) != obj.u64(16) {
		return nil, errors.New("the payload does not match its hash")
	}
	if obj.u64(56) > 1 && len(p) <= cacheLimit {
		if d.cache == nil {
			d.cache = make([]cached, cacheSlots)
		}
		d.cache[slot] = cached{off, p}
	}
	return p, nil
}

// keep copies b into a chunk shared with other payloads.
func (d *decoder) keep(b []byte) []byte {
	if len(b) > arenaChunk/8 {
		return bytes.Clone(b)
	}
	if len(d.arena) < len(b) {
		d.arena = make([]byte, arenaChunk)
	}
	p := d.arena[:len(b):len(b)]
	d.arena = d.arena[len(b):]
	copy(p, b)
	return p
}

func (d *decoder) decompress(flags byte, raw []byte) ([]byte, error) {
	switch flags {
	case compressedZSTD:
		return d.unzstd(raw)
	case compressedLZ4:
		return unlz4(raw)
	case compressedXZ:
		return unxz(raw)
	}
	return nil, fmt.Errorf("unknown compression flags %#x", flags)
}

func (d *decoder) unzstd(raw []byte) ([]byte, error) {
	if d.zstd == nil {
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxMemory(maxPayload), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		d.zstd = z
	}
	return d.zstd.DecodeAll(raw, nil)
}

// unlz4 reads systemd's framing: the size in eight bytes, then one block.
func unlz4(raw []byte) ([]byte, error) {
	if len(raw) < 9 {
		return nil, errors.New("an lz4 payload is too short")
	}
	size := binary.LittleEndian.Uint64(raw)
	// A block cannot expand more than 255 times.
	if size > maxPayload || size > 255*uint64(len(raw)) {
		return nil, fmt.Errorf("an lz4 payload says it has %d bytes", size)
	}
	out := make([]byte, size)
	n, err := lz4.UncompressBlock(raw[8:], out)
	if err != nil {
		return nil, err
	}
	return out[:n], nil
}

func unxz(raw []byte) ([]byte, error) {
	r, err := xz.ReaderConfig{DictCap: maxPayload, SingleStream: true}.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(r, maxPayload+1))
	if err == nil && len(out) > maxPayload {
		err = fmt.Errorf("an xz payload has more than %d bytes", maxPayload)
	}
	return out, err
}
