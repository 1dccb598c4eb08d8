package journal

// A position is a place in one chain: the next entry to look at is next-1.
type position struct {
	*chain
	next uint64
}

func (p *position) offset() uint64 {
	for p.next > 0 {
		if off := p.at(p.next - 1); off != 0 {
			return off
		}
		p.next-- // not yet written
	}
	return 0
}

// A cursor goes over the wanted entries of one file, the newest first.
type cursor struct {
	f      *file
	q      *Query
	since  uint64
	chains []*position
	groups [][]clause // an entry must satisfy a clause of each
	// Between low and high lie the offsets of all entries that satisfy a
	// clause of each group.
	low, high uint64
	cur       *Entry
}

// newCursor places a cursor behind the newest wanted entry. If an index turns
// out to be broken it walks the file instead.
func newCursor(f *file, q *Query) *cursor {
	c := &cursor{f: f, q: q}
	if !q.Since.IsZero() {
		c.since = micros(q.Since.UnixMicro())
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

// seek skips what is newer than the query wants.
func (c *cursor) seek() error {
	for _, p := range c.chains {
		p.next = p.through(c.high)
		if c.q.Until.IsZero() {
			continue
		}
		n, err := p.before(micros(c.q.Until.UnixMicro()) + 1)
		if err != nil {
			return err
		}
		p.next = min(p.next, n)
	}
	return nil
}

// step moves to the next older wanted entry; cur is nil when there is none.
func (c *cursor) step() {
	c.cur = nil
	for {
		off := c.pop()
		if off == 0 || off < c.low {
			return
		}
		r, err := c.f.entry(off)
		if err != nil {
			c.f.note(int64(off), err.Error())
			continue
		}
		if r.realtime() < c.since {
			return
		}
		if c.wanted(r) {
			c.cur = c.f.decode(r)
			return
		}
	}
}

// pop takes the last entry off all chains: in one file the offset tells the
// order.
func (c *cursor) pop() uint64 {
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
