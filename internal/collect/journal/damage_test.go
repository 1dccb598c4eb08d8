package journal

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// checkSubset fails if an entry is not one that was written, or has a field
// that it was not written with. It returns the number of entries.
func checkSubset(t *testing.T, j *Journal, want []map[string]string) int {
	t.Helper()
	n := 0
	for e := range j.Entries(Query{}) {
		n++
		if n > len(want) || e.Seqnum < 1 || e.Seqnum > uint64(len(want)) {
			t.Fatalf("entry %d is number %d of %d", e.Seqnum, n, len(want))
		}
		for name, value := range e.Fields() {
			if w := want[e.Seqnum-1][name]; w != string(value) {
				t.Errorf("entry %d: %s is %q, want %q", e.Seqnum, name, value, w)
			}
		}
	}
	return n
}

func TestTruncatedFilesGiveWhatIsLeft(t *testing.T) {
	for _, v := range variants {
		whole := journalFile(t, v)
		end := binary.LittleEndian.Uint64(whole[136:]) // tail_object_offset
		start := binary.LittleEndian.Uint64(whole[176:])
		last := 0
		for cut := start; cut < end; cut += (end - start) / 7 {
			j := openBytes(t, whole[:cut])
			n := checkSubset(t, j, wantEntries(t))
			if n < last || n > 400 {
				t.Errorf("%s cut at %d: %d entries after %d", v, cut, n, last)
			}
			if j.Damage() == nil {
				t.Errorf("%s cut at %d: no damage", v, cut)
			}
			last = n
		}
		if last < 300 {
			t.Errorf("%s: only %d entries in six sevenths of the file", v, last)
		}
	}
}

func TestBrokenIndexesAreDoneWithout(t *testing.T) {
	cases := map[string]func(b []byte){
		"entry array offset": func(b []byte) { binary.LittleEndian.PutUint64(b[176:], 12345) },
		"entry array gone":   func(b []byte) { binary.LittleEndian.PutUint64(b[176:], 0) },
		"data table size":    func(b []byte) { binary.LittleEndian.PutUint64(b[112:], 1<<60) },
		"data table offset":  func(b []byte) { binary.LittleEndian.PutUint64(b[104:], 1<<62) },
		"field table offset": func(b []byte) { binary.LittleEndian.PutUint64(b[120:], 8) },
		"arena too large":    func(b []byte) { binary.LittleEndian.PutUint64(b[96:], ^uint64(0)) },
		"entry array loops": func(b []byte) {
			off := binary.LittleEndian.Uint64(b[176:])
			binary.LittleEndian.PutUint64(b[off+16:], off)
		},
		"entry count too large": func(b []byte) { binary.LittleEndian.PutUint64(b[152:], 1<<61) },
	}
	for name, harm := range cases {
		for _, v := range variants {
			b := journalFile(t, v)
			harm(b)
			j := openBytes(t, b)
			if n := len(j.Tail(Query{})); n != 400 {
				t.Errorf("%s, %s: %d entries, want 400", name, v, n)
			}
			if n := len(j.Tail(Query{Units: []string{"kubelet.service"}, Tail: 20})); n != 20 {
				t.Errorf("%s, %s: %d entries of the unit, want 20", name, v, n)
			}
			if j.Damage() == nil {
				t.Errorf("%s, %s: no damage", name, v)
			}
		}
	}
}

func TestZeroedMiddleCostsOnlyItself(t *testing.T) {
	for _, v := range variants {
		b := journalFile(t, v)
		end := binary.LittleEndian.Uint64(b[136:])
		start := binary.LittleEndian.Uint64(b[176:])
		clear(b[(start+end)/2 : (start+end)/2+4096])
		j := openBytes(t, b)
		if n := checkSubset(t, j, wantEntries(t)); n < 350 {
			t.Errorf("%s: %d entries", v, n)
		}
		if j.Damage() == nil {
			t.Errorf("%s: no damage", v)
		}
	}
}

func TestWrongFirstEntryOfAnIndex(t *testing.T) {
	for _, v := range variants {
		b := journalFile(t, v)
		off, err := openBytes(t, b).files[0].find("_SYSTEMD_UNIT=kubelet.service")
		if err != nil || off == 0 {
			t.Fatalf("%s: offset %d, error %v", v, off, err)
		}
		binary.LittleEndian.PutUint64(b[off+40:], uint64(len(b)-64))
		j := openBytes(t, b)
		if n := len(j.Tail(Query{Units: []string{"kubelet.service"}, Tail: 20})); n != 20 {
			t.Errorf("%s: %d entries, want 20", v, n)
		}
		if j.Damage() == nil {
			t.Errorf("%s: no damage", v)
		}
	}
}

func TestFlippedPayloadIsLeftOut(t *testing.T) {
	for _, v := range variants {
		b := journalFile(t, v)
		at := bytes.Index(b, []byte("MESSAGE=forged 9"))
		b[at+10] ^= 4
		j := openBytes(t, b)
		e := j.Tail(Query{Identifiers: []string{"logger"}})[0]
		if e.Get("MESSAGE") != nil || e.Priority() != 3 {
			t.Errorf("%s: message %q, priority %d", v, e.Get("MESSAGE"), e.Priority())
		}
		if err := j.Damage(); err == nil || !strings.Contains(err.Error(), "does not match its hash") {
			t.Errorf("%s: damage is %v", v, err)
		}
	}
}

func TestRandomFlipsNeverPanicOrHang(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, v := range variants {
		whole := journalFile(t, v)
		end := int(binary.LittleEndian.Uint64(whole[136:]))
		for range rounds {
			b := bytes.Clone(whole[:end+4096])
			for range 1 + rng.IntN(200) {
				b[64+rng.IntN(end-64)] ^= byte(1 << rng.IntN(8))
			}
			everything(t, b)
		}
	}
}

func FuzzJournal(f *testing.F) {
	for _, v := range variants {
		// A short seed; the long file is mutated by word.
		f.Add(journalFile(f, v)[:512], uint32(152), uint64(1))
	}
	full := journalFile(f, "compact")
	full = full[:binary.LittleEndian.Uint64(full[136:])+4096]
	f.Fuzz(func(t *testing.T, data []byte, at uint32, word uint64) {
		everything(t, data)
		// The same with one word of a real file changed.
		b := bytes.Clone(full)
		binary.LittleEndian.PutUint64(b[int(at)%(len(b)-8):], word)
		everything(t, b)
	})
}

func everything(t *testing.T, b []byte) {
	root := fstest.MapFS{"var/log/journal/system.journal": {Data: b}}
	j, err := Open(root, Dirs...)
	if err != nil {
		t.Fatal(err)
	}
	j.Boots()
	j.Span()
	j.Values("_SYSTEMD_UNIT")
	q := Query{Units: []string{"kubelet.service"}, MaxPriority: 6, Since: time.Unix(1767225650, 0)}
	for _, q := range []Query{{}, q} {
		for e := range j.Entries(q) {
			e.Cursor()
			e.Unit()
		}
	}
	_ = j.Damage()
}
