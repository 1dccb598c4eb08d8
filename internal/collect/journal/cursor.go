package journal

import "math"

// A position is a place in one chain. The next entry to look at is next-1, or,
// onward, next itself.
type position struct {
	*chain
	next uint64
}

// ahead is the offset of the next entry onward, 0 at the end.
func (p *position) ahead() uint64 {
	if p.next >= p.n {
		return 0
	}
	return p.at(p.next) // 0 if not yet written: so is what follows
}

// offset is the offset of the next entry back, 0 at the beginning.
func (p *position) offset() uint64 {
	for p.next > 0 {
		if off := p.at(p.next - 1); off != 0 {
			return off
		}
		p.next-- // not yet written
	}
	return 0
}

// A cursor goes over the wanted entries of one file, the newest first, or,
// onward, the oldest first.
type cursor struct {
	f      *file
	q      *Query
	onward bool
	since  uint64
	until  uint64
	after  uint64 // number of the last entry that is known, 0 for none
	chains []*position
	groups [][]clause // an entry must satisfy a clause of each
	// Between low and high lie the offsets of all entries that satisfy a
	// clause of each group.
	low, high uint64
	cur       *Entry
}

// newCursor places a cursor beside the first wanted entry. If an index turns
// out to be broken it walks the file instead.
func newCursor(f *file, q *Query, onward bool) *cursor {
	c := &cursor{f: f, q: q, onward: onward, until: math.MaxUint64, after: q.After[f.seqnumID]}
	if !q.Since.IsZero() {
		c.since = micros(q.Since.UnixMicro())
	}
	if !q.Until.IsZero() {
		c.until = micros(q.Until.UnixMicro())
	}
	f.withIndex(func() error {
		if err := c.useIndex(); err != nil {
			return err
		}
		return c.seek()
	})
	if f.degraded {
		c.useWalk()
		if err := c.seek(); err != nil {
			f.note(-1, err.Error())
		}
	}
	return c
}

func micros(us int64) uint64 { return uint64(max(us, 0)) }

// useIndex drives the cursor by the group that the fewest entries satisfy.
func (c *cursor) useIndex() error {
	c.chains, c.groups = nil, nil
	c.low, c.high = 0, c.f.end()
	find := func(payload string) ([]uint64, error) {
		off, err := c.f.find(payload)
		if off == 0 {
			return nil, err
		}
		return []uint64{off}, err
	}
	var best []*chain
	least := c.f.entries
	for _, g := range c.q.groups() {
		clauses, err := resolve(g, find)
		if err != nil {
			return err
		}
		if len(clauses) == 0 {
			return nil // nothing in this file satisfies it
		}
		c.groups = append(c.groups, clauses)
		chains, n, err := c.chainsOf(clauses)
		if err != nil {
			return err
		}
		if err := c.narrow(chains); err != nil {
			return err
		}
		if best == nil || n < least {
			best, least = chains, n
		}
	}
	if best == nil {
		all, err := c.f.chainOf(0, c.f.entryArray, c.f.entries)
		if err != nil {
			return err
		}
		best = []*chain{all}
	}
	c.drive(best)
	return nil
}

// narrow keeps low and high within the entries of one group: those of a boot
// lie together.
func (c *cursor) narrow(chains []*chain) error {
	low, high := c.f.source.size, uint64(0)
	for _, ch := range chains {
		if ch.n == 0 {
			continue
		}
		end := position{ch, ch.through(c.f.end())}
		first, last := ch.at(0), end.offset()
		if last == 0 {
			continue // written just now
		}
		for _, off := range []uint64{first, last} {
			if _, err := c.f.head(off, typeEntry); err != nil {
				return err
			}
		}
		low, high = min(low, first), max(high, last)
	}
	c.low, c.high = max(c.low, low), min(c.high, high)
	return nil
}

func (c *cursor) chainsOf(clauses []clause) ([]*chain, uint64, error) {
	var chains []*chain
	var n uint64
	for _, cl := range clauses {
		ch, err := c.f.entriesOf(cl.data)
		if err != nil {
			return nil, 0, err
		}
		chains = append(chains, ch)
		n += ch.n
	}
	return chains, n, nil
}

func (c *cursor) drive(chains []*chain) {
	for _, ch := range chains {
		c.chains = append(c.chains, &position{ch, ch.n})
	}
}

// useWalk drives the cursor by all entries that lie in the file.
func (c *cursor) useWalk() {
	c.chains, c.groups = nil, nil
	c.low, c.high = 0, c.f.source.size
	groups := c.q.groups()
	wanted := map[string]bool{}
	for _, g := range groups {
		for _, t := range g {
			wanted[t.payload] = true
			wanted[t.need] = t.need != ""
		}
	}
	w := c.f.walk(func(p []byte) bool { return wanted[string(p)] })
	for _, g := range groups {
		clauses, _ := resolve(g, func(p string) ([]uint64, error) { return w.data[p], nil })
		if len(clauses) == 0 {
			return
		}
		c.groups = append(c.groups, clauses)
	}
	if len(w.entries) > 0 {
		c.drive([]*chain{{f: c.f, list: w.entries, n: uint64(len(w.entries))}})
	}
}

// seek skips what lies beyond the end of the window that is looked at first.
func (c *cursor) seek() error {
	for _, p := range c.chains {
		n, err := c.edge(p)
		if err != nil {
			return err
		}
		p.next = n
	}
	return nil
}

// edge is the index in a chain from which is read.
func (c *cursor) edge(p *position) (uint64, error) {
	if c.onward {
		first := uint64(0)
		if c.low > 0 {
			first = p.through(c.low - 1)
		}
		n, err := p.before(c.since)
		return max(first, n), err
	}
	last := p.through(c.high)
	if c.until == math.MaxUint64 {
		return last, nil
	}
	n, err := p.before(c.until + 1)
	return min(last, n), err
}

// step moves to the next wanted entry; cur is nil when there is none.
func (c *cursor) step() {
	c.cur = nil
	for {
		off := c.pop()
		if off == 0 || off < c.low || off > c.high {
			return
		}
		r, err := c.f.entry(off)
		if err != nil {
			c.f.note(int64(off), err.Error())
			continue
		}
		at := r.realtime()
		if !c.onward && (at < c.since || r.seqnum() <= c.after) || c.onward && at > c.until {
			return
		}
		if at <= c.until && at >= c.since && r.seqnum() > c.after && c.wanted(r) {
			c.cur = c.f.decode(r)
			return
		}
	}
}

// pop takes the next entry off all chains: in one file the offset tells the
// order.
func (c *cursor) pop() uint64 {
	if c.onward {
		return c.popFirst()
	}
	var last uint64
	for _, p := range c.chains {
		last = max(last, p.offset())
	}
	for _, p := range c.chains {
		if last != 0 && p.offset() == last {
			p.next--
		}
	}
	return last
}

func (c *cursor) popFirst() uint64 {
	first := uint64(math.MaxUint64)
	for _, p := range c.chains {
		if off := p.ahead(); off != 0 {
			first = min(first, off)
		}
	}
	if first == math.MaxUint64 {
		return 0
	}
	for _, p := range c.chains {
		if p.ahead() == first {
			p.next++
		}
	}
	return first
}

func (c *cursor) wanted(r raw) bool {
	for _, g := range c.groups {
		if !holdsAny(g, r) {
			return false
		}
	}
	return true
}

func holdsAny(g []clause, r raw) bool {
	for _, cl := range g {
		if cl.holds(r) {
			return true
		}
	}
	return false
}
