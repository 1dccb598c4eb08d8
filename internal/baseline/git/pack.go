package git

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // see Hash
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"sort"
	"strings"
)

// A pack is a file of many objects, with its index of version 2.
type pack struct {
	name  string
	index []byte
	count int
}

var (
	errPack  = errors.New("a pack is damaged")
	errDelta = errors.New("a delta in a pack is damaged")
)

// The kinds of entries in a pack.
const (
	offsetDelta = 6
	nameDelta   = 7
)

var packKinds = map[byte]string{1: Commit, 2: Tree, 3: Blob, 4: tag}

// packed reads an object from the packs.
func (r *Repository) packed(h Hash) (string, []byte, error) {
	if r.packs == nil {
		if err := r.openPacks(); err != nil {
			return "", nil, err
		}
	}
	for _, p := range r.packs {
		at, ok := p.find(h)
		if !ok {
			continue
		}
		f, err := r.files.Open(path.Join(r.dir, "objects/pack", p.name+".pack"))
		if err != nil {
			return "", nil, err
		}
		kind, data, err := p.entry(f, at, maxChain)
		return kind, data, errors.Join(err, f.Close())
	}
	return "", nil, errors.New("it is missing")
}

func (r *Repository) openPacks() error {
	r.packs = []*pack{}
	names, err := r.files.List(path.Join(r.dir, "objects/pack"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, n := range names {
		stem, ok := strings.CutSuffix(n, ".idx")
		if !ok {
			continue
		}
		index, err := r.read("objects/pack/" + n)
		if err != nil {
			return err
		}
		p, err := parseIndex(stem, index)
		if err != nil {
			return fmt.Errorf("cannot read %s: %w", n, err)
		}
		r.packs = append(r.packs, p)
	}
	return nil
}

const indexHead = 8 + 256*4

// parseIndex checks the shape of an index: magic, 256 counts, names, checksums,
// offsets, and two sums at the end.
func parseIndex(name string, data []byte) (*pack, error) {
	if len(data) < indexHead+2*sha1.Size || string(data[:8]) != "\xfftOc\x00\x00\x00\x02" {
		return nil, errPack
	}
	n := int(binary.BigEndian.Uint32(data[indexHead-4:]))
	if n > (len(data)-indexHead)/(sha1.Size+8) {
		return nil, errPack
	}
	return &pack{name: name, index: data, count: n}, nil
}

func (p *pack) nameAt(i int) []byte { return p.index[indexHead+i*sha1.Size:][:sha1.Size] }

// find is where the object begins in the pack.
func (p *pack) find(h Hash) (uint64, bool) {
	i := sort.Search(p.count, func(i int) bool { return bytes.Compare(p.nameAt(i), h[:]) >= 0 })
	if i == p.count || !bytes.Equal(p.nameAt(i), h[:]) {
		return 0, false
	}
	offsets := indexHead + p.count*(sha1.Size+4)
	at := binary.BigEndian.Uint32(p.index[offsets+4*i:])
	if at&(1<<31) == 0 {
		return uint64(at), true
	}
	large := offsets + 4*p.count + 8*int(at&^(1<<31))
	if large < 0 || large+8 > len(p.index) {
		return 0, false
	}
	return binary.BigEndian.Uint64(p.index[large:]), true
}

// maxChain bounds how many deltas lie on each other.
const maxChain = 256

// longestHead bounds what lies before the content of an entry: its kind and
// size, and where its base is.
const longestHead = 10 + sha1.Size

// entry reads the object that begins at a place of the pack, with what it is
// a delta of. No more of the pack is read than that.
func (p *pack) entry(f io.ReaderAt, at uint64, depth int) (string, []byte, error) {
	if depth == 0 || at > math.MaxInt64-longestHead {
		return "", nil, errPack
	}
	rest, err := io.ReadAll(io.NewSectionReader(f, int64(at), longestHead))
	if err != nil {
		return "", nil, err
	}
	length := len(rest)
	kind, size, n := entryHead(rest)
	if n == 0 || size > maxObject {
		return "", nil, errPack
	}
	rest = rest[n:]
	var base []byte
	var name string
	switch kind {
	case offsetDelta:
		back, n := backwards(rest)
		if n == 0 || back == 0 || back > at {
			return "", nil, errPack
		}
		rest = rest[n:]
		name, base, err = p.entry(f, at-back, depth-1)
	case nameDelta:
		if len(rest) < sha1.Size {
			return "", nil, errPack
		}
		other, ok := p.find(Hash(rest[:sha1.Size]))
		if !ok {
			return "", nil, errPack
		}
		rest = rest[sha1.Size:]
		name, base, err = p.entry(f, other, depth-1)
	default:
		if name = packKinds[kind]; name == "" {
			return "", nil, errPack
		}
	}
	if err != nil {
		return "", nil, err
	}
	begin := int64(at) + int64(length-len(rest))
	data, err := inflate(io.NewSectionReader(f, begin, math.MaxInt64-begin), int(size))
	if err == nil && len(data) != int(size) {
		err = errPack
	}
	if err == nil && (kind == offsetDelta || kind == nameDelta) {
		data, err = applyDelta(base, data)
	}
	return name, data, err
}

// entryHead reads an entry's kind and size: three bits and seven bits a byte.
// n is 0 when it is cut off.
func entryHead(b []byte) (kind byte, size uint64, n int) {
	for i, x := range b[:min(len(b), 10)] {
		if i == 0 {
			kind, size = x>>4&7, uint64(x&15)
		} else {
			size |= uint64(x&0x7f) << (4 + 7*(i-1))
		}
		if x&0x80 == 0 {
			return kind, size, i + 1
		}
	}
	return 0, 0, 0
}

// backwards reads how far back an entry's base lies. n is 0 when it is cut off.
func backwards(b []byte) (back uint64, n int) {
	for i, x := range b[:min(len(b), 9)] {
		if i > 0 {
			back++
		}
		back = back<<7 | uint64(x&0x7f)
		if x&0x80 == 0 {
			return back, i + 1
		}
	}
	return 0, 0
}

// applyDelta makes an object of its base: pieces of it are copied, others are
// in the delta.
func applyDelta(base, delta []byte) ([]byte, error) {
	from, delta, ok := length(delta)
	to, delta, too := length(delta)
	if !ok || !too || from != uint64(len(base)) || to > maxObject {
		return nil, errDelta
	}
	out := make([]byte, 0, to)
	for len(delta) > 0 {
		op := delta[0]
		delta = delta[1:]
		if op&0x80 == 0 { // that many bytes of the delta itself
			if op == 0 || int(op) > len(delta) {
				return nil, errDelta
			}
			out, delta = append(out, delta[:op]...), delta[op:]
			continue
		}
		var v [7]byte // offset and size, of which only the bytes are there that op's bits say
		for i := range v {
			if op>>i&1 == 1 {
				if len(delta) == 0 {
					return nil, errDelta
				}
				v[i], delta = delta[0], delta[1:]
			}
		}
		at := uint64(binary.LittleEndian.Uint32(v[:4]))
		n := uint64(v[4]) | uint64(v[5])<<8 | uint64(v[6])<<16
		if n == 0 {
			n = 0x10000
		}
		if at+n > uint64(len(base)) || uint64(len(out))+n > to {
			return nil, errDelta
		}
		out = append(out, base[at:at+n]...)
	}
	if uint64(len(out)) != to {
		return nil, errDelta
	}
	return out, nil
}

// length reads a size of seven bits a byte, the lowest first.
func length(b []byte) (n uint64, rest []byte, ok bool) {
	for i, x := range b[:min(len(b), 9)] {
		n |= uint64(x&0x7f) << (7 * i)
		if x&0x80 == 0 {
			return n, b[i+1:], true
		}
	}
	return 0, nil, false
}
