package journal

import (
	"testing"
	"time"

	"github.com/klustered/klustered/internal/collect/journal/journaltest"
	"github.com/klustered/klustered/snapshot"
)

func TestFacts(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := journaltest.NewWriter()
	w.BootID = [16]byte{1}
	for i := range 1000 {
		now := at.Add(time.Duration(i) * time.Second)
		w.Monotonic = time.Duration(i) * time.Second
		switch {
		case i >= 700: // set back by an hour
			now = now.Add(-time.Hour)
		}
		if i >= 900 { // nothing for ten minutes
			now, w.Monotonic = now.Add(10*time.Minute), w.Monotonic+10*time.Minute
		}
		w.Add(now, "MESSAGE=x")
	}
	first := w.File()
	w = journaltest.NewWriter()
	w.Seqnum = 1010 // ten are gone
	w.Add(at.Add(2000*time.Second), "MESSAGE=x")
	j := openBytes(t, first, w.File())
	files := j.Facts()
	if len(files) != 2 || files[0].Entries != 1000 || files[0].Walked != 1000 || files[1].Head != 1011 {
		t.Fatalf("%+v", files)
	}
	seq := Sequences(files)
	if len(seq) != 1 || seq[0].Missing != 10 || len(seq[0].Gaps) != 1 || seq[0].Gaps[0] != [2]uint64{1001, 1010} {
		t.Errorf("%+v", seq)
	}
	steps := j.Steps()
	if len(steps) != 1 || steps[0].ByMs != -3600000 || steps[0].Seqnum != 701 {
		t.Errorf("%+v", steps)
	}
	j = openBytes(t, first)
	if quiet := j.Silences(); len(quiet) != 1 || quiet[0].Until.Sub(quiet[0].From) != 10*time.Minute+time.Second || quiet[0].Before != 900 {
		t.Errorf("%+v", quiet)
	}
	if len(Sequences([]snapshot.JournalFile{{}})) != 0 {
		t.Error("an empty file has no sequence")
	}
}

// TestFactsOfWhatSystemdWrote: nothing is missing where nothing is.
func TestFactsOfWhatSystemdWrote(t *testing.T) {
	for _, v := range variants {
		j := openBytes(t, journalFile(t, v))
		f := j.Facts()[0]
		if int64(f.Entries) != f.Walked || f.Damage != "" {
			t.Errorf("%s: %+v", v, f)
		}
		if s := Sequences(j.Facts()); s[0].Missing != 0 || s[0].Gaps != nil {
			t.Errorf("%s: %+v", v, s)
		}
	}
}
