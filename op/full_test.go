package op_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
)

// A tight log is a file on a disk that is full, or fails, after so many bytes.
// As a kernel does, it takes what there is room for.
type tight struct {
	*os.File
	room  int
	syncs int // that succeed
}

func (l *tight) Write(p []byte) (int, error) {
	at, err := l.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	if free := max(0, l.room-int(at)); len(p) > free {
		n, err := l.File.Write(p[:free])
		return n, errors.Join(unix.ENOSPC, err)
	}
	return l.File.Write(p)
}

func (l *tight) Sync() error {
	if l.syncs--; l.syncs < 0 {
		return unix.EIO
	}
	return nil
}

// A blunt log cannot be cut off.
type blunt struct{ l *tight }

func (b blunt) Write(p []byte) (int, error) { return b.l.Write(p) }
func (b blunt) Sync() error                 { return b.l.Sync() }

// TestFullLog: wherever the journal's disk is full or fails, all that was made
// is unmade, and the journal can be read and, with room again, brought to its end.
func TestFullLog(t *testing.T) {
	plan := op.Plan{
		op.WriteFile{Path: "/etc/a", Data: []byte(strings.Repeat("one\n", 50)), Mode: 0o600},
		op.WriteFile{Path: "/etc/b", Data: []byte("two\n"), Mode: 0o600},
	}
	m := faulttest.New(t)
	start := m.State()
	name := filepath.Join(t.TempDir(), "journal")
	try := func(what string, room, syncs int, hard bool) (whole bool) {
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		l := &tight{f, room, syncs}
		var log op.Log = l
		if hard {
			log = blunt{l}
		}
		err = op.Apply(t.Context(), m, plan, op.Header{ID: "0001"}, log)
		data, readErr := os.ReadFile(name)
		j, damaged := op.ReadJournal(strings.NewReader(string(data)))
		if readErr != nil || damaged != nil {
			t.Errorf("%s: the journal: %v, %v", what, readErr, damaged)
		}
		if err == nil {
			err = op.Undo(t.Context(), m, strings.NewReader(string(data)), &tight{f, 1 << 20, 1 << 20})
			if err != nil || !reflect.DeepEqual(m.State(), start) {
				t.Errorf("%s: the undo: %v", what, err)
			}
			return true
		}
		if !reflect.DeepEqual(m.State(), start) {
			t.Errorf("%s: the machine is not as before: %v", what, err)
		}
		if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EIO) {
			t.Errorf("%s: %v", what, err)
		}
		if j.End == op.Undone {
			return false
		}
		if err := errors.Join(f.Truncate(j.Size), seek(f, j.Size)); err != nil {
			t.Fatal(err)
		}
		if err := op.Undo(t.Context(), m, strings.NewReader(string(data)), &tight{f, 1 << 20, 1 << 20}); err != nil {
			t.Errorf("%s: with room again: %v", what, err)
		}
		data, _ = os.ReadFile(name)
		if j, err := op.ReadJournal(strings.NewReader(string(data))); err != nil || j.End != op.Undone || j.Open() != 0 {
			t.Errorf("%s: the journal at its end: %+v, %v", what, j, err)
		}
		return false
	}
	for _, hard := range []bool{false, true} {
		room, syncs := 0, 0
		for ; !try(fmt.Sprintf("%d bytes, hard %v", room, hard), room, 1<<20, hard); room += 41 {
		}
		for ; !try(fmt.Sprintf("%d syncs, hard %v", syncs, hard), 1<<20, syncs, hard); syncs++ {
		}
		if room < 500 || syncs != 5 {
			t.Errorf("it took %d bytes and %d syncs", room, syncs)
		}
	}
}

func seek(f *os.File, at int64) error {
	_, err := f.Seek(at, io.SeekStart)
	return err
}
