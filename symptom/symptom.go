// Package symptom is the vocabulary that faults explain.
//
// A symptom is what a person notices: a node NotReady, a name that does not
// resolve. Faults never refer to one another; they name the symptoms they
// produce, and symptoms name the further symptoms they lead to. The engine
// joins the two into one graph, which [Validate] requires to be acyclic.
//
// Each symptom also says how it is observed in a snapshot: seen, absent, or,
// when the evidence is missing, not looked for.
package symptom

import (
	"fmt"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// An ID names a symptom. IDs are never reused.
type ID string

// A Strength is how surely a cause produces an effect.
type Strength float64

// The strengths. Faults and symptoms use these names and never a bare number.
const (
	Always    Strength = 0.98
	Usually   Strength = 0.80
	Sometimes Strength = 0.40
)

// An Edge says that its owner produces Symptom.
type Edge struct {
	Symptom  ID
	Strength Strength
	// Cluster marks an effect that shows on other nodes as well as on the
	// cause's own.
	Cluster bool
}

// A State is whether a symptom shows on one node.
type State int

// The states.
const (
	NotLooked State = iota // the evidence is missing
	Absent
	Seen
)

// A Symptom is one thing people notice.
type Symptom struct {
	ID    ID
	Title string // present tense, no capital, no full stop
	// LeadsTo are the further symptoms that this one produces.
	LeadsTo []Edge
	// Stored marks a symptom that shows in the files of a node that is off.
	Stored bool
	// Written marks a symptom that shows in objects alone, which somebody has to
	// write: where nobody does any more, it is not known to be absent.
	Written bool
	// Observe looks for the symptom. Facts quote what shows it.
	Observe func(s *snapshot.Snapshot) (State, []finding.Fact)
}

// Look observes the symptom. One of what runs or answers is not looked for in
// files alone, and one of objects not to be absent from what is out of date.
func (x Symptom) Look(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Offline && !x.Stored {
		return NotLooked, nil
	}
	state, facts := x.Observe(s)
	if x.Written && state == Absent && frozen(s) {
		return NotLooked, nil
	}
	return state, facts
}

// Validate reports an error if a symptom is doubled, unknown, or if LeadsTo
// has a cycle.
func Validate(all []Symptom) error {
	byID := map[ID]Symptom{}
	for _, s := range all {
		if _, ok := byID[s.ID]; ok {
			return fmt.Errorf("symptom %s: declared twice", s.ID)
		}
		byID[s.ID] = s
	}
	state := map[ID]int{}
	var visit func(ID) error
	visit = func(x ID) error {
		s, ok := byID[x]
		switch {
		case !ok:
			return fmt.Errorf("symptom %s: not declared", x)
		case state[x] == 1:
			return fmt.Errorf("symptom %s: leads to itself", x)
		case state[x] == 2:
			return nil
		}
		state[x] = 1
		for _, e := range s.LeadsTo {
			if err := visit(e.Symptom); err != nil {
				return err
			}
		}
		state[x] = 2
		return nil
	}
	for _, s := range all {
		if err := visit(s.ID); err != nil {
			return err
		}
	}
	return nil
}
