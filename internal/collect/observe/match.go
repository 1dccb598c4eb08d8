package observe

// A matcher finds which of many literals a line holds, in one pass over it
// (Aho and Corasick's automaton). Bytes that no literal has share a column.
type matcher struct {
	class [256]uint8
	width int
	next  []int32
	hits  [][]int32 // literals that end in a state
	// step is next with a state as the place of its row, and hitBit set
	// where a literal ends: one load and one addition for a byte.
	step []uint32
}

const hitBit = 1 << 31

func newMatcher(literals []string) *matcher {
	m := &matcher{width: 1}
	for _, l := range literals {
		for i := range len(l) {
			if m.class[l[i]] == 0 {
				m.class[l[i]] = uint8(m.width)
				m.width++
			}
		}
	}
	m.grow()
	for i, l := range literals {
		m.insert(l, int32(i))
	}
	m.link()
	m.step = make([]uint32, len(m.next))
	for i, n := range m.next {
		m.step[i] = uint32(int(n) * m.width)
		if m.hits[n] != nil {
			m.step[i] |= hitBit
		}
	}
	return m
}

func (m *matcher) grow() int32 {
	for range m.width {
		m.next = append(m.next, -1)
	}
	m.hits = append(m.hits, nil)
	return int32(len(m.hits) - 1)
}

func (m *matcher) insert(literal string, id int32) {
	state := int32(0)
	for i := range len(literal) {
		at := int(state)*m.width + int(m.class[literal[i]])
		if m.next[at] < 0 {
			n := m.grow()
			m.next[at] = n
		}
		state = m.next[at]
	}
	m.hits[state] = append(m.hits[state], id)
}

// link fills in where to go when a literal breaks off, by breadth.
func (m *matcher) link() {
	fail := make([]int32, len(m.hits))
	var queue []int32
	for c := range m.width {
		if n := m.next[c]; n > 0 {
			queue = append(queue, n)
		} else {
			m.next[c] = 0
		}
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		m.hits[s] = append(m.hits[s], m.hits[fail[s]]...)
		for c := range m.width {
			at := int(s)*m.width + c
			back := m.next[int(fail[s])*m.width+c]
			if n := m.next[at]; n >= 0 {
				fail[n] = back
				queue = append(queue, n)
			} else {
				m.next[at] = back
			}
		}
	}
}

// find calls found with each literal that line holds, as often as it does.
func (m *matcher) find(line string, found func(id int32)) {
	at := uint32(0)
	for i := range len(line) {
		at = m.step[at+uint32(m.class[line[i]])]
		if at&hitBit == 0 {
			continue
		}
		at &^= hitBit
		for _, id := range m.hits[int(at)/m.width] {
			found(id)
		}
	}
}
