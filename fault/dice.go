package fault

import (
	"fmt"
	"math/rand/v2"
)

// Dice draws a drill's details. The same seed draws the same details.
type Dice struct{ r *rand.Rand }

// NewDice returns dice for seed.
func NewDice(seed uint64) *Dice { return &Dice{rand.New(rand.NewPCG(seed, seed^0x9e3779b97f4a7c15))} }

// Int returns a number from lo to hi, both included.
func (d *Dice) Int(lo, hi int) int { return lo + d.r.IntN(hi-lo+1) }

// Pick returns one of list, which is not empty.
func Pick[T any](d *Dice, list []T) T { return list[d.r.IntN(len(list))] }

// adjectives and nouns make names that look like those people give to things
// of their own, and say nothing of the drill.
var (
	adjectives = []string{"node", "disk", "cluster", "edge", "core", "site", "rack", "fleet", "host", "batch"}
	nouns      = []string{"tuner", "agent", "housekeeper", "sync", "exporter", "reporter", "balancer", "janitor", "probe", "helper"}
)

// Name returns a plausible name of something local, such as "disk-tuner-4f".
func (d *Dice) Name() string {
	return fmt.Sprintf("%s-%s-%02x", Pick(d, adjectives), Pick(d, nouns), d.r.IntN(256))
}
