package repair

import "github.com/klustered/klustered/op"

// A Remain is one change that a repair made on this node and that stands.
type Remain struct {
	Number int // of the journal
	Op     op.Op
	Before op.State // what the op overwrote
}

// Remaining lists the changes that were made and not taken back, oldest first.
// A journal that cannot be read is skipped, and told of by its number.
func (r *Runner) Remaining() (all []Remain, damaged []int, err error) {
	numbers, err := r.store().numbers()
	if err != nil {
		return nil, nil, err
	}
	for _, n := range numbers {
		j, err := r.store().read(n)
		if err != nil {
			damaged = append(damaged, n)
			continue
		}
		if j.End == op.Undone {
			continue
		}
		all = append(all, made(n, j)...)
	}
	return all, damaged, nil
}

// Made lists what repair n changed and did not take back, also while it is at
// work.
func (r *Runner) Made(n int) ([]Remain, error) {
	j, err := r.store().read(n)
	return made(n, j), err
}

func made(n int, j op.Journal) (all []Remain) {
	for _, s := range j.Steps {
		if s.Op != nil && s.Did && !s.Undid {
			all = append(all, Remain{n, s.Op, s.Before})
		}
	}
	return all
}
