package journal

import (
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/order"
)

// A Boot is one run of the machine as the journal knows it.
type Boot struct {
	ID          string
	First, Last time.Time
}

// Boots returns the boots that have entries, the oldest first, by the index of
// the _BOOT_ID field.
func (j *Journal) Boots() []Boot {
	boots := bootSet{}
	for _, f := range j.files {
		for _, v := range f.valuesOf("_BOOT_ID") {
			if f.degraded {
				break
			}
			if first, last, ok := f.ends(v.off); ok {
				boots.add(v.text, first, last)
			}
		}
		if f.degraded {
			f.walkBoots(boots)
		}
	}
	var list []Boot
	for _, b := range boots {
		list = append(list, *b)
	}
	order.By(list, func(a, b Boot) int { return a.First.Compare(b.First) })
	return list
}

type bootSet map[string]*Boot

func (s bootSet) add(id string, first, last time.Time) {
	b := s[id]
	if b == nil {
		s[id] = &Boot{id, first, last}
		return
	}
	if first.Before(b.First) {
		b.First = first
	}
	if last.After(b.Last) {
		b.Last = last
	}
}

// walkBoots does without the index.
func (f *file) walkBoots(boots bootSet) {
	w := f.walk(func([]byte) bool { return false })
	for _, off := range w.entries {
		if r, err := f.entry(off); err == nil {
			boots.add(r.bootID().String(), stamp(r), stamp(r))
		}
	}
}

// Values returns the distinct values that a field has in any entry, sorted.
func (j *Journal) Values(field string) []string {
	seen := map[string]bool{}
	var list []string
	for _, f := range j.files {
		for _, v := range f.valuesOf(field) {
			if !seen[v.text] {
				seen[v.text] = true
				list = append(list, v.text)
			}
		}
	}
	slices.Sort(list)
	return list
}

type value struct {
	text string
	off  uint64 // of the data object
}

func (f *file) valuesOf(field string) []value {
	prefix := field + "="
	var list []value
	f.withIndex(func() error {
		offs, err := f.values(field)
		list = nil
		for _, off := range offs {
			p, err := f.payload(off)
			if err == nil && strings.HasPrefix(string(p), prefix) {
				list = append(list, value{string(p[len(prefix):]), off})
			}
		}
		return err
	})
	if !f.degraded {
		return list
	}
	w := f.walk(func(p []byte) bool { return strings.HasPrefix(string(p), prefix) })
	list = nil
	for p, offs := range w.data {
		list = append(list, value{p[len(prefix):], offs[0]})
	}
	return list
}

// ends returns the times of the first and last entry with the data at off.
func (f *file) ends(off uint64) (first, last time.Time, ok bool) {
	f.withIndex(func() error {
		ch, err := f.entriesOf(off)
		if err != nil || ch.n == 0 {
			return err
		}
		p := &position{ch, ch.through(f.end())}
		l, err := f.entry(p.offset())
		if err != nil {
			return err
		}
		e, err := f.entry(ch.inline)
		if err == nil {
			first, last, ok = stamp(e), stamp(l), true
		}
		return err
	})
	return first, last, ok
}

func stamp(r raw) time.Time { return time.UnixMicro(int64(r.realtime())).UTC() }
