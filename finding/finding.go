// Package finding is what a rule says: a claim about one subject, with the
// evidence it quotes.
package finding

import (
	"fmt"
	"time"
)

// A Finding is a rule's claim about one subject. It is never made without a fact.
type Finding struct {
	Fault    string   `json:"fault"` // set by the engine
	Node     string   `json:"node"`  // set by the engine
	Subject  Subject  `json:"subject"`
	Summary  string   `json:"summary"`            // one clause, present tense, no capital, no full stop
	Facts    []Fact   `json:"facts"`              // the most telling first
	Commands []string `json:"commands,omitempty"` // how to see it by hand
	// Own says that the evidence shows a hand of its own behind this case, so
	// that it is a consequence of nothing, whatever its fault follows.
	Own bool `json:"own,omitempty"`
	// Only are the symptoms that this case can show, where those are not all
	// that its fault explains: a rule that drops one port stops what goes there.
	Only []string `json:"only,omitempty"`
}

// A Subject is the thing that is broken.
type Subject struct {
	Kind string `json:"kind"` // file, unit, interface, process, certificate, node, object, member
	Name string `json:"name"`
}

func (s Subject) String() string { return s.Kind + "/" + s.Name }

// A Fact is a quotation: the piece of evidence that a claim rests on.
type Fact struct {
	Source string    `json:"source"`         // path, log, socket, object, interface
	Line   int       `json:"line,omitempty"` // from 1; 0 when the source has no lines
	Got    string    `json:"got"`
	Want   string    `json:"want,omitempty"`
	At     time.Time `json:"at,omitzero"` // when it was so, if not now
}

// Place is the fact's source, with its line when it has one.
func (f Fact) Place() string {
	if f.Line > 0 {
		return fmt.Sprintf("%s:%d", f.Source, f.Line)
	}
	return f.Source
}
