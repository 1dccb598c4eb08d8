// Package eval measures how good a diagnosis is: it breaks labs in every way
// that is known, alone and together, leaves others whole, and scores what is
// said of them.
//
// A score is precision where recall is full, and else nothing: whoever names
// all causes and no other scores 1, whoever misses one scores 0, and whoever
// accuses everything scores next to nothing.
package eval

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/internal/order"
)

// A Kind says how many faults a case has.
type Kind string

// The kinds.
const (
	Single  Kind = "single"
	Pair    Kind = "pair"
	Triple  Kind = "triple"
	Healthy Kind = "healthy"
)

// A Case is one cluster in one state.
type Case struct {
	Kind    Kind     `json:"kind"`
	Faults  []string `json:"faults,omitempty"`  // in the order in which they are provoked
	Layers  []string `json:"layers,omitempty"`  // of each fault
	Variant string   `json:"variant,omitempty"` // of a healthy one
	Seed    uint64   `json:"seed"`
}

// Name says what the case is, without its seed.
func (c Case) Name() string {
	if c.Kind == Healthy {
		return c.Variant
	}
	return strings.Join(c.Faults, " + ")
}

// String is the name and the seed, which together make the case.
func (c Case) String() string { return fmt.Sprintf("%s, seed %d", c.Name(), c.Seed) }

// File is a file name for what is kept of the case.
func (c Case) File() string {
	return string(c.Kind) + "-" + plain(c.Name()) + fmt.Sprintf("-%d.bundle", c.Seed)
}

// plain is a text in letters, digits and dashes alone.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(text))
}

// drilled are the faults that the lab can provoke.
func drilled(faults []*fault.Fault) []*fault.Fault {
	var out []*fault.Fault
	for _, f := range faults {
		if f.Drill != nil {
			out = append(out, f)
		}
	}
	return out
}

// Singles are every drilled fault, once for each seed from first on, seed by
// seed: a run that is cut short has seen most faults.
func Singles(faults []*fault.Fault, first uint64, seeds int) []Case {
	var out []Case
	for i := range uint64(seeds) {
		for _, f := range drilled(faults) {
			out = append(out, together(Single, first+i, f))
		}
	}
	return out
}

// Groups are n sets of size faults from different layers, drawn from seed.
func Groups(faults []*fault.Fault, size, n int, seed uint64) []Case {
	all, kind := drilled(faults), Pair
	if size > 2 {
		kind = Triple
	}
	r := rand.New(rand.NewPCG(seed, uint64(size)))
	seen := map[string]bool{}
	var out []Case
	for range 50 * n {
		if len(out) == n {
			break
		}
		var set []*fault.Fault
		for _, i := range r.Perm(len(all)) {
			if len(set) < size && !slices.ContainsFunc(set, func(f *fault.Fault) bool { return f.Layer == all[i].Layer }) {
				set = append(set, all[i])
			}
		}
		if c := together(kind, seed+uint64(len(out)), set...); len(set) == size && !seen[c.Name()] {
			seen[c.Name()] = true
			out = append(out, c)
		}
	}
	return out
}

// together is the case of these faults. The highest layer is broken first:
// while the lower ones hold, everything can still be reached.
func together(kind Kind, seed uint64, set ...*fault.Fault) Case {
	order.By(set, func(a, b *fault.Fault) int { return cmp.Compare(height(b.Layer), height(a.Layer)) })
	c := Case{Kind: kind, Seed: seed}
	for _, f := range set {
		c.Faults, c.Layers = append(c.Faults, f.ID), append(c.Layers, string(f.Layer))
	}
	return c
}

func height(l fault.Layer) int { return slices.Index(fault.Layers, l) }

// Sample puts the cases in an order drawn from word, so that the first of them
// are another sample for each word.
func Sample(cases []Case, word string) []Case {
	h := fnv.New64a()
	h.Write([]byte(word))
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	out := slices.Clone(cases)
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}
