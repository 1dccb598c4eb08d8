package journal

import (
	"bytes"
	"encoding/binary"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/tools/txtar"
)

// The files in testdata were written by systemd-journal-remote 252 from
// entries.export; regular.journal has no compression, no keyed hash and wide
// items, keyed.journal has zstd and the keyed hash, compact.journal both and
// narrow items.
var variants = []string{"regular", "keyed", "compact"}

func unpack(t testing.TB, name string) []byte {
	t.Helper()
	packed, err := os.ReadFile("testdata/" + name + ".zst")
	if err != nil {
		t.Fatal(err)
	}
	d, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	b, err := d.DecodeAll(packed, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func journalFile(t testing.TB, variant string) []byte {
	t.Helper()
	return unpack(t, variant+".journal")
}

// openBytes opens journals that are in memory as one directory.
func openBytes(t testing.TB, files ...[]byte) *Journal {
	t.Helper()
	root := fstest.MapFS{}
	for i, b := range files {
		name := "var/log/journal/feedface/system@" + string(rune('a'+i)) + ".journal"
		root[name] = &fstest.MapFile{Data: b}
	}
	j, err := Open(root, Dirs...)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func archive(t testing.TB, name string) map[string]string {
	t.Helper()
	a, err := txtar.ParseFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	for _, f := range a.Files {
		m[f.Name] = strings.TrimSpace(string(f.Data))
	}
	return m
}

// wantEntries parses entries.export: what went into the files.
func wantEntries(t testing.TB) []map[string]string {
	t.Helper()
	b := unpack(t, "entries.export")
	var list []map[string]string
	cur := map[string]string{}
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		b = rest
		name, value, plain := bytes.Cut(line, []byte("="))
		switch {
		case len(line) == 0:
			list = append(list, cur)
			cur = map[string]string{}
		case plain:
			cur[string(name)] = string(value)
		default:
			n := binary.LittleEndian.Uint64(b)
			cur[string(name)] = string(b[8 : 8+n])
			b = b[8+n+1:]
		}
	}
	return list
}
