package journal

import (
	"bytes"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/collect/journal/journaltest"
)

// bigEntries make a file of about 140 MB, as journald's files have at most.
const bigEntries = 300000

func bigFile(b *testing.B) (dir string, entries int) {
	b.Helper()
	dir = b.TempDir()
	if err := os.WriteFile(dir+"/system.journal", journaltest.Big(bigEntries), 0o600); err != nil {
		b.Fatal(err)
	}
	return dir, bigEntries
}

// The last lines of a unit, against reading everything: the first must cost
// next to nothing of the second.
func BenchmarkTail(b *testing.B) {
	dir, _ := bigFile(b)
	for b.Loop() {
		benchmarkRead(b, dir, Query{Units: []string{"kubelet.service"}, Tail: 200}, 200)
	}
}

func BenchmarkScan(b *testing.B) {
	dir, entries := bigFile(b)
	for b.Loop() {
		benchmarkRead(b, dir, Query{}, entries)
	}
}

func benchmarkRead(b *testing.B, dir string, q Query, want int) {
	j, err := Open(os.DirFS(dir), ".")
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	n := 0
	for range j.Entries(q) {
		n++
	}
	if n != want || j.Damage() != nil {
		b.Fatalf("%d entries, want %d, damage %v", n, want, j.Damage())
	}
}

func TestFileIsReadWhileItGrows(t *testing.T) {
	w := journaltest.NewWriter()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	add := func(text string) {
		at = at.Add(time.Second)
		w.Add(at, "_SYSTEMD_UNIT=a.service", "MESSAGE="+text)
	}
	for i := range 300 {
		add("sure")
		// The header is that of before, the objects are newer.
		old := bytes.Clone(w.File()[:w.HeaderSize()])
		sure := int(w.Seqnum)
		add("late")
		whole := append(old, w.File()[w.HeaderSize():]...)
		for _, q := range []Query{{}, {Units: []string{"a.service"}}} {
			j := openBytes(t, whole)
			if n := len(j.Tail(q)); n < sure || n > sure+1 {
				t.Fatalf("round %d: %d entries, want %d", i, n, sure)
			}
			if err := j.Damage(); err != nil {
				t.Fatalf("round %d: %v", i, err)
			}
		}
	}
}

// TestOnwardIsBackwardReversed: both directions yield the same entries.
func TestOnwardIsBackwardReversed(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	for _, v := range variants {
		whole := journalFile(t, v)
		for _, q := range []Query{{}, {Units: []string{"kubelet.service"}}, {Transports: []string{"kernel"}, MaxPriority: 4},
			{Since: at(1767225650), Until: at(1767225660)}, {Boot: "0123456789abcdef0123456789abcde2"},
			{Since: at(1767225655), Units: []string{"kubelet.service", "cron.service"}},
			{Matches: []string{"PRIORITY=3", "PRIORITY=4", "_TRANSPORT=kernel"}}} {
			for _, broken := range []bool{false, true} {
				var onward, back []uint64
				for _, dir := range []*[]uint64{&onward, &back} {
					j := openBytes(t, whole)
					if broken {
						j.files[0].degraded = true
					}
					read := j.Entries
					if dir == &onward {
						read = j.Onward
					}
					for e := range read(q) {
						*dir = append(*dir, e.Seqnum)
					}
				}
				slices.Reverse(back)
				if len(back) == 0 || !slices.Equal(onward, back) {
					t.Errorf("%s %+v: %d onward, %d backward", v, q, len(onward), len(back))
				}
			}
		}
	}
}

func TestAfterIsWhatWasWrittenSince(t *testing.T) {
	w := journaltest.NewWriter()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 100 {
		// the clock goes back: the numbers tell all the same
		w.Add(at.Add(-time.Duration(i)*time.Second), "MESSAGE=x", "_SYSTEMD_UNIT=a.service")
	}
	j := openBytes(t, w.File())
	got := j.Tail(Query{Units: []string{"a.service"}, After: map[ID]uint64{ID(w.SeqnumID): 97}})
	if len(got) != 3 || got[0].Seqnum != 98 {
		t.Errorf("%d entries", len(got))
	}
	if got := j.Tail(Query{After: map[ID]uint64{ID(w.SeqnumID): 100}}); len(got) != 0 {
		t.Errorf("%d entries, want none", len(got))
	}
}
