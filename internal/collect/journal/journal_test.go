package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestEntriesAreWhatWasWritten(t *testing.T) {
	want := wantEntries(t)
	for _, v := range variants {
		t.Run(v, func(t *testing.T) {
			j := openBytes(t, journalFile(t, v))
			got := j.Tail(Query{})
			if len(got) != len(want) {
				t.Fatalf("%d entries, want %d", len(got), len(want))
			}
			for i, e := range got {
				compare(t, e, want[i])
			}
			if err := j.Damage(); err != nil {
				t.Error(err)
			}
		})
	}
}

func compare(t *testing.T, e *Entry, want map[string]string) {
	t.Helper()
	if got := strconv.FormatInt(e.Realtime.UnixMicro(), 10); got != want["__REALTIME_TIMESTAMP"] {
		t.Errorf("entry %d: realtime %s, want %s", e.Seqnum, got, want["__REALTIME_TIMESTAMP"])
	}
	if got := strconv.FormatInt(e.Monotonic.Microseconds(), 10); got != want["__MONOTONIC_TIMESTAMP"] {
		t.Errorf("entry %d: monotonic %s, want %s", e.Seqnum, got, want["__MONOTONIC_TIMESTAMP"])
	}
	fields := 0
	for name, value := range e.Fields() {
		fields++
		if string(value) != want[name] {
			t.Errorf("entry %d: %s is %q, want %q", e.Seqnum, name, value, want[name])
		}
	}
	if fields != len(want)-2 {
		t.Errorf("entry %d: %d fields, want %d", e.Seqnum, fields, len(want)-2)
	}
}

func TestQueriesAgreeWithJournalctl(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	kubelet := []string{"kubelet.service"}
	queries := map[string]Query{
		"unit kubelet.service":         {Units: kubelet},
		"unit kubelet.service tail 20": {Units: kubelet, Tail: 20},
		"identifier kernel":            {Identifiers: []string{"kernel"}},
		"transport kernel priority 4":  {Transports: []string{"kernel"}, MaxPriority: 4},
		"transport kernel priority 3":  {Transports: []string{"kernel"}, MaxPriority: 3},
		"priority 3 tail 15":           {MaxPriority: 3, Tail: 15},
		"boot 2 tail 25":               {Boot: "01234567-89ab-cdef-0123-456789abcde2", Tail: 25},
		"window":                       {Since: at(1767225650), Until: at(1767225660)},
		"unit kubelet.service identifier systemd tail 9": {
			Units: kubelet, Identifiers: []string{"systemd"}, Tail: 9},
	}
	want := archive(t, "queries.txtar")
	if len(want) != len(queries) {
		t.Fatalf("%d goldens for %d queries", len(want), len(queries))
	}
	for _, v := range variants {
		whole := journalFile(t, v)
		for name, q := range queries {
			if got := sequence(openBytes(t, whole), q); got != fold(want[name]) {
				t.Errorf("%s, %s: got %s\nwant %s", v, name, got, want[name])
			}
			walked := openBytes(t, whole)
			walked.files[0].degraded = true
			if got := sequence(walked, q); got != fold(want[name]) {
				t.Errorf("%s, %s, without index: got %s\nwant %s", v, name, got, want[name])
			}
		}
	}
}

func sequence(j *Journal, q Query) string {
	var s []string
	for _, e := range j.Tail(q) {
		s = append(s, fmt.Sprintf("%x", e.Seqnum))
	}
	return strings.Join(s, " ")
}

func fold(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestCursorsAreJournalds(t *testing.T) {
	want := archive(t, "cursors.txtar")
	for _, v := range variants {
		entries := openBytes(t, journalFile(t, v)).Tail(Query{})
		var got []string
		for _, i := range []int{0, 1, 199, 399} {
			got = append(got, entries[i].Cursor())
		}
		if strings.Join(got, "\n") != want[v] {
			t.Errorf("%s: got\n%s\nwant\n%s", v, strings.Join(got, "\n"), want[v])
		}
	}
}

func TestFilesAreMergedByTime(t *testing.T) {
	// The variants hold the same entries: of each three copies one remains.
	j := openBytes(t, journalFile(t, "regular"), journalFile(t, "keyed"), journalFile(t, "compact"))
	got := j.Tail(Query{})
	if len(got) != 400 {
		t.Fatalf("%d entries, want 400", len(got))
	}
	if !slices.IsSortedFunc(got, func(a, b *Entry) int { return a.Realtime.Compare(b.Realtime) }) {
		t.Error("entries are out of order")
	}
}

func TestBootsValuesAndSpan(t *testing.T) {
	for _, v := range variants {
		for _, degraded := range []bool{false, true} {
			j := openBytes(t, journalFile(t, v))
			j.files[0].degraded = degraded
			var got []string
			for _, b := range j.Boots() {
				got = append(got, b.ID[31:]+b.First.Format(" 15:04:05")+b.Last.Format(" 15:04:05"))
			}
			want := "1 00:00:00 00:00:58, 2 00:01:59 00:02:51, 3 00:03:52 00:04:55"
			if s := strings.Join(got, ", "); s != want {
				t.Errorf("%s: boots %s, want %s", v, s, want)
			}
			units := strings.Join(j.Values("_SYSTEMD_UNIT"), " ")
			if units != "containerd.service init.scope kubelet.service" {
				t.Errorf("%s: units %s", v, units)
			}
			first, last := j.Span()
			if last.Sub(first).Round(time.Second) != 295*time.Second {
				t.Errorf("%s: from %v to %v", v, first, last)
			}
		}
	}
}

func TestAccessors(t *testing.T) {
	e := openBytes(t, journalFile(t, "compact")).Tail(Query{Identifiers: []string{"systemd"}, Tail: 1})[0]
	if e.Unit() != "kubelet.service" || e.Identifier() != "systemd" || e.Priority() != 6 {
		t.Errorf("unit %q, identifier %q, priority %d", e.Unit(), e.Identifier(), e.Priority())
	}
	if !strings.HasPrefix(e.Message(), "kubelet.service: Scheduled restart job") || e.Get("NOPE") != nil {
		t.Errorf("message %q, NOPE %q", e.Message(), e.Get("NOPE"))
	}
	forged := openBytes(t, journalFile(t, "compact")).Tail(Query{Identifiers: []string{"logger"}, Tail: 1})[0]
	if forged.Unit() != "" || forged.Priority() != 3 {
		t.Errorf("a forged UNIT counts: %q", forged.Unit())
	}
}

func TestOpenWithoutJournal(t *testing.T) {
	if _, err := Open(fstest.MapFS{}, Dirs...); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
	j, err := Open(fstest.MapFS{
		"var/log/journal/a/system.journal": {Data: []byte("no journal")},
		"var/log/journal/a/pipe.journal":   {Mode: fs.ModeNamedPipe},
		"var/log/journal/a/notes.txt":      {Data: []byte("x")},
	}, Dirs...)
	if err != nil || len(j.Files()) != 0 {
		t.Fatalf("error %v, files %v", err, j.Files())
	}
	var damage *DamageError
	if !errors.As(j.Damage(), &damage) || len(damage.Damages) != 2 {
		t.Errorf("damage is %v", j.Damage())
	}
}
