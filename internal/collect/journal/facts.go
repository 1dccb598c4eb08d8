package journal

import (
	"strings"
	"time"

	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

const (
	walkLimit   = 8 << 20 // bytes of a file whose entries are counted without the index
	walkFiles   = 4
	samples     = 64 // entries of a file whose clocks are compared
	maxSteps    = 16
	lastEntries = 4096 // in which silences are looked for
	quiet       = 5 * time.Minute
)

// Facts returns what the headers of the files say, and whether the entries of
// the small ones are there without the index.
func (j *Journal) Facts() []snapshot.JournalFile {
	var list []snapshot.JournalFile
	walks := walkFiles
	for _, f := range j.files {
		x := snapshot.JournalFile{Path: "/" + f.name, MachineID: f.machineID.String(), SequenceID: f.seqnumID.String(),
			Size: int64(f.source.size), Entries: f.entries, Head: f.headSeqnum, Tail: f.tailSeqnum,
			Online: f.state == stateOnline, Unclean: strings.HasSuffix(f.name, "~"), Walked: -1}
		if f.entries > 0 {
			x.First, x.Last = time.UnixMicro(int64(f.header.head)).UTC(), time.UnixMicro(int64(f.tail)).UTC()
		}
		if f.source.size <= walkLimit && walks > 0 {
			walks--
			x.Walked = f.count()
		}
		for _, d := range j.ledger.list {
			if d.File == f.name && x.Damage == "" {
				x.Damage = d.Reason
			}
		}
		list = append(list, x)
	}
	return list
}

// count counts the entries that lie in the file one after another, and behind
// what is no object too.
func (f *file) count() int64 {
	n := int64(0)
	end := f.header.size + f.objects
	for off := f.header.size; off+objectHeaderSize <= min(end, f.source.size); {
		o, err := f.head(off, 0)
		if err != nil {
			return int64(len(f.walk(func([]byte) bool { return false }).entries))
		}
		if o.kind == typeEntry {
			n++
		}
		off += (o.size + 7) &^ 7
	}
	return n
}

// Sequences tells of each sequence of numbers what the files of it leave out.
func Sequences(files []snapshot.JournalFile) []snapshot.Sequence {
	byID := map[string][]snapshot.JournalFile{}
	var order []string
	for _, f := range files {
		if f.Entries == 0 || f.Head == 0 || f.Tail < f.Head {
			continue
		}
		if byID[f.SequenceID] == nil {
			order = append(order, f.SequenceID)
		}
		byID[f.SequenceID] = append(byID[f.SequenceID], f)
	}
	var list []snapshot.Sequence
	for _, id := range order {
		list = append(list, numbers(id, byID[id]))
	}
	return list
}

func numbers(id string, files []snapshot.JournalFile) snapshot.Sequence {
	order.By(files, func(a, b snapshot.JournalFile) int {
		if a.Head < b.Head {
			return -1
		}
		return 1
	})
	const maxGaps = 32
	s := snapshot.Sequence{ID: id, Head: files[0].Head}
	for _, f := range files {
		if s.Tail > 0 && f.Head > s.Tail+1 && len(s.Gaps) < maxGaps {
			s.Gaps = append(s.Gaps, [2]uint64{s.Tail + 1, f.Head - 1})
		}
		s.Tail = max(s.Tail, f.Tail)
		s.Entries += f.Entries
	}
	if all := s.Tail - s.Head + 1; all > s.Entries {
		s.Missing = all - s.Entries
	}
	return s
}

// A mark is where one entry stands on both clocks, in microseconds.
type mark struct {
	boot       ID
	real, mono uint64
	seqnum     uint64
}

// drift is how far the clock is from where it was at boot.
func (m mark) drift() int64 { return int64(m.real - m.mono) }

func (f *file) mark(c *chain, i uint64) (mark, bool) {
	off := c.at(i)
	if off == 0 {
		return mark{}, false
	}
	r, err := f.entry(off)
	if err != nil {
		return mark{}, false
	}
	return mark{r.bootID(), r.realtime(), r.u64(32), r.seqnum()}, true
}

// Steps finds where the clock of a boot moved by more than two seconds between
// two entries: samples are compared, and between two that differ is bisected.
func (j *Journal) Steps() []snapshot.ClockStep {
	var list []snapshot.ClockStep
	for _, f := range j.files {
		if f.degraded || f.entries == 0 {
			continue
		}
		c, err := f.chainOf(0, f.entryArray, f.entries)
		if err != nil || c.n < 2 {
			continue
		}
		n := min(c.n, samples)
		for k := uint64(1); k < n && len(list) < maxSteps; k++ {
			if s, ok := f.step(c, (k-1)*(c.n-1)/(n-1), k*(c.n-1)/(n-1)); ok {
				list = append(list, s)
			}
		}
		f.forget()
	}
	return list
}

// step looks for a step between two entries.
func (f *file) step(c *chain, low, high uint64) (snapshot.ClockStep, bool) {
	const least = 2_000_000 // microseconds
	a, okA := f.mark(c, low)
	b, okB := f.mark(c, high)
	moved := func(x, y mark) bool {
		d := y.drift() - x.drift()
		return d > least || d < -least
	}
	if !okA || !okB || a.boot != b.boot || !moved(a, b) {
		return snapshot.ClockStep{}, false
	}
	for high-low > 1 {
		mid := low + (high-low)/2
		m, ok := f.mark(c, mid)
		if !ok {
			return snapshot.ClockStep{}, false
		}
		if m.boot == a.boot && moved(a, m) {
			b, high = m, mid
		} else {
			a, low = m, mid
		}
	}
	return snapshot.ClockStep{Path: "/" + f.name, Boot: b.boot.String(), Seqnum: b.seqnum,
		Before: time.UnixMicro(int64(a.real)).UTC(), After: time.UnixMicro(int64(b.real)).UTC(),
		ByMs: (b.drift() - a.drift()) / 1000}, a.boot == b.boot && moved(a, b)
}

// Silences finds spans without an entry among the last entries of the file that
// was written last.
func (j *Journal) Silences() []snapshot.Silence {
	var f *file
	for _, x := range j.files {
		if !x.degraded && (f == nil || x.tail > f.tail) {
			f = x
		}
	}
	if f == nil {
		return nil
	}
	c, err := f.chainOf(0, f.entryArray, f.entries)
	if err != nil {
		return nil
	}
	var list []snapshot.Silence
	var marks []mark
	for i := c.n - min(c.n, lastEntries); i < c.n; i++ {
		m, ok := f.mark(c, i)
		if !ok {
			break
		}
		if k := len(marks); k > 0 && marks[k-1].boot == m.boot && m.mono > marks[k-1].mono && m.mono-marks[k-1].mono > uint64(quiet/time.Microsecond) {
			list = append(list, snapshot.Silence{Path: "/" + f.name, Before: recent(marks),
				From: time.UnixMicro(int64(marks[k-1].real)).UTC(), Until: time.UnixMicro(int64(m.real)).UTC()})
		}
		marks = append(marks, m)
	}
	return list[max(0, len(list)-maxSteps):]
}

// recent is how many of the marks lie in the hour before the last.
func recent(marks []mark) int {
	n, last := 0, marks[len(marks)-1]
	for i := len(marks) - 1; i >= 0 && marks[i].boot == last.boot && last.mono-marks[i].mono < uint64(time.Hour/time.Microsecond); i-- {
		n++
	}
	return n
}
