package causal

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// world draws a graph of causes and effects, and what shows in it. A cause
// that was found is at work with the probability Prior.
func world(r *rand.Rand) (edges []Edge, e Evidence, atWork map[Node]bool) {
	strengths := []float64{.98, .8, .4}
	shows, atWork := map[Node]bool{}, map[Node]bool{}
	const effects = 6
	effect := func(i int) Node { return Node(fmt.Sprint("s", i)) }
	for c := range 1 + r.IntN(2) {
		from := Node(fmt.Sprint("c", c))
		e.Found = append(e.Found, from)
		atWork[from] = r.Float64() < Prior
		for i := range effects {
			if p := strengths[r.IntN(3)]; r.IntN(3) == 0 {
				edges = append(edges, Edge{From: from, To: effect(i), Strength: p})
				shows[effect(i)] = shows[effect(i)] || atWork[from] && r.Float64() < p
			}
		}
	}
	for i := range effects { // an effect may lead to a later one
		shows[effect(i)] = shows[effect(i)] || r.Float64() < Leak
		if i+1 < effects && r.IntN(3) == 0 {
			p := strengths[r.IntN(3)]
			edges = append(edges, Edge{From: effect(i), To: effect(i + 1), Strength: p})
			shows[effect(i+1)] = shows[effect(i+1)] || shows[effect(i)] && r.Float64() < p
		}
		switch {
		case r.IntN(5) == 0: // nobody looked
		case shows[effect(i)]:
			e.Seen = append(e.Seen, effect(i))
		default:
			e.Absent = append(e.Absent, effect(i))
		}
	}
	return edges, e, atWork
}

// What is said with a confidence is so about as often: what is said with 0.9
// and more, nine times in ten, and what is said with less than a half, seldom.
func TestCalibrated(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	said, right := map[string]int{}, map[string]int{}
	for range 20000 {
		edges, e, atWork := world(r)
		for _, c := range Rank(edges, e).Causes {
			band := "between"
			if c.Confidence >= .9 {
				band = "sure"
			} else if c.Confidence < .5 {
				band = "doubtful"
			}
			said[band]++
			if atWork[c.Node] {
				right[band]++
			}
		}
	}
	share := func(band string) float64 { return float64(right[band]) / float64(said[band]) }
	if share("sure") < .9 || share("between") < .5 || share("doubtful") > .5 || min(said["sure"], said["between"], said["doubtful"]) < 500 {
		t.Errorf("right: sure %.3f, between %.3f, doubtful %.3f of %v", share("sure"), share("between"), share("doubtful"), said)
	}
	t.Logf("right: sure %.3f, between %.3f, doubtful %.3f of %v", share("sure"), share("between"), share("doubtful"), said)
}

// A cause whose surest effect shows is believed, whatever else has not shown
// yet: here a limit that makes etcd slow and is set again and again.
func TestBelievedWhileOthersAreLate(t *testing.T) {
	edges := []Edge{{From: "limit", To: "slow", Strength: .98}, {From: "limit", To: "again", Strength: .4}}
	var late []Node
	for i := range 12 {
		n := Node(fmt.Sprint("late", i))
		late = append(late, n)
		edges = append(edges, Edge{From: "limit", To: n, Strength: .4})
	}
	for _, seen := range [][]Node{{"slow"}, {"slow", "again"}} {
		c := Rank(edges, Evidence{Found: []Node{"limit"}, Seen: seen, Absent: late}).Causes[0]
		if c.Confidence < Prior {
			t.Errorf("%v seen: confidence %.2f", seen, c.Confidence)
		}
	}
}
