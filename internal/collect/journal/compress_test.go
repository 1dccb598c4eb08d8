package journal

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// recompress gives every large payload of a file another compression. The
// object keeps its place; the rest of it is left as a gap, as no index minds.
func recompress(t *testing.T, b []byte, flag byte, pack func([]byte) []byte) int {
	t.Helper()
	j := openBytes(t, bytes.Clone(b))
	f := j.files[0]
	n := 0
	for off := f.header.size; off+objectHeaderSize < f.source.size; {
		o, err := f.head(off, 0)
		if err != nil {
			break
		}
		if o.kind == typeData && o.size > 400 {
			p, err := f.payload(off)
			if err != nil {
				t.Fatal(err)
			}
			small := pack(p)
			at := off + dataPayload(f.compact())
			if at+uint64(len(small)) > off+o.size {
				t.Fatalf("%d bytes do not fit into %d", len(small), o.size)
			}
			copy(b[at:], small)
			b[off+1] = flag
			binary.LittleEndian.PutUint64(b[off+8:], at-off+uint64(len(small)))
			n++
		}
		off += (o.size + 7) &^ 7
	}
	// The header names the compression as an incompatible flag.
	b[12] |= map[byte]byte{compressedXZ: flagXZ, compressedLZ4: flagLZ4, compressedZSTD: flagZSTD}[flag]
	return n
}

func packLZ4(p []byte) []byte {
	out := make([]byte, 8+lz4.CompressBlockBound(len(p)))
	n, err := lz4.CompressBlock(p, out[8:], nil)
	if err != nil {
		panic(err)
	}
	binary.LittleEndian.PutUint64(out, uint64(len(p)))
	return out[:8+n]
}

func packXZ(p []byte) []byte {
	var out bytes.Buffer
	w, err := xz.WriterConfig{CheckSum: xz.None, NoCheckSum: true}.NewWriter(&out)
	if err != nil {
		panic(err)
	}
	w.Write(p)
	w.Close()
	return out.Bytes()
}

func packZSTD(p []byte) []byte {
	e, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return e.EncodeAll(p, nil)
}

func TestCompressions(t *testing.T) {
	want := wantEntries(t)
	for name, c := range map[string]struct {
		flag byte
		pack func([]byte) []byte
	}{
		"lz4": {compressedLZ4, packLZ4}, "xz": {compressedXZ, packXZ}, "zstd": {compressedZSTD, packZSTD},
	} {
		t.Run(name, func(t *testing.T) {
			b := journalFile(t, "regular")
			if n := recompress(t, b, c.flag, c.pack); n < 15 {
				t.Fatalf("only %d payloads were compressed", n)
			}
			j := openBytes(t, b)
			for i, e := range j.Tail(Query{}) {
				compare(t, e, want[i])
			}
			if err := j.Damage(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestBombsAreRefused(t *testing.T) {
	bomb := bytes.Repeat([]byte("MESSAGE="), maxPayload/4)
	var d decoder
	for flag, pack := range map[byte]func([]byte) []byte{
		compressedLZ4: packLZ4, compressedXZ: packXZ, compressedZSTD: packZSTD,
	} {
		if p, err := d.decompress(flag, pack(bomb)); err == nil {
			t.Errorf("compression %d: %d bytes came out", flag, len(p))
		}
	}
	if _, err := d.decompress(3, nil); err == nil {
		t.Error("unknown flags are accepted")
	}
}
