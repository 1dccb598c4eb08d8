package journal

import (
	"fmt"
	"strings"
)

const maxDamages = 64 // kept for one journal; more are only counted

// Damage is one place in one file that could not be read.
type Damage struct {
	File   string // path below the root
	Offset int64  // in bytes, -1 for the file as a whole
	Reason string
}

// String says where the damage is and what it is.
func (d Damage) String() string {
	if d.Offset < 0 {
		return fmt.Sprintf("cannot read journal %q: %s", d.File, d.Reason)
	}
	return fmt.Sprintf("cannot read journal %q at byte %d: %s", d.File, d.Offset, d.Reason)
}

// A DamageError lists what could not be read. All else was.
type DamageError struct {
	Damages []Damage
	More    int // damages beyond those listed
}

// Error joins the damages, one to a line.
func (e *DamageError) Error() string {
	lines := make([]string, 0, len(e.Damages)+1)
	for _, d := range e.Damages {
		lines = append(lines, d.String())
	}
	if e.More > 0 {
		lines = append(lines, fmt.Sprintf("and %d more places", e.More))
	}
	return strings.Join(lines, "\n")
}

// A ledger collects damages, each place once.
type ledger struct {
	seen map[Damage]bool
	list []Damage
	more int
}

func (l *ledger) note(file string, off int64, reason string) {
	d := Damage{file, off, reason}
	if l.seen[d] {
		return
	}
	if len(l.list) >= maxDamages {
		l.more++
		return
	}
	if l.seen == nil {
		l.seen = map[Damage]bool{}
	}
	l.seen[d] = true
	l.list = append(l.list, d)
}

func (l *ledger) err() error {
	if len(l.list) == 0 {
		return nil
	}
	return &DamageError{Damages: append([]Damage(nil), l.list...), More: l.more}
}
