package drill

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/klustered/klustered/lab/oracle"
	"github.com/klustered/klustered/lab/progress"
)

// What the marks are made of. A lab that is not whole scores nothing.
const (
	full         = 100
	hintCost     = 10
	harmCost     = 15
	lateCost     = 1 // for each lateStep beyond par
	lateStep     = 30 * time.Second
	lateMost     = 30
	steadyFor    = time.Minute
	steadyEvery  = 10 * time.Second
	settleWithin = 90 * time.Second // after a restart, of a node or of its API server
	graceWithin  = 30 * time.Second // after whatever the solver did last
)

// A Score is what a solver earned, and why.
type Score struct {
	Drill   string          `json:"drill"`
	Seed    uint64          `json:"seed"`
	Points  int             `json:"points"` // 0 to 100
	Solved  bool            `json:"solved"`
	Took    time.Duration   `json:"took"`
	Hints   int             `json:"hints"`
	Harm    []string        `json:"harm,omitempty"` // what else was changed, deleted or scaled
	Failing []string        `json:"failing,omitempty"`
	Checks  []oracle.Result `json:"-"`
}

// Check asks every oracle of the drill once.
func (r *Room) Check(ctx context.Context, s *Session) ([]oracle.Result, error) {
	checks, err := r.checks(s)
	if err != nil {
		return nil, err
	}
	results := oracle.Run(ctx, r.Nodes, checks)
	if oracle.Failed(results) == nil && s.Solved.IsZero() {
		s.Solved = time.Now()
		return results, r.save(s)
	}
	return results, nil
}

func (r *Room) checks(s *Session) ([]oracle.Check, error) {
	d, err := Find(s.Drill)
	if err != nil {
		return nil, err
	}
	n, err := r.node(s.Node)
	if err != nil {
		return nil, err
	}
	checks := oracle.Health()
	if d.Solved != nil {
		checks = append(checks, d.Solved(s, n)...)
	}
	return checks, nil
}

// Score asks the oracles for a steady minute, restarts the node first where
// the repair has to hold through it, looks for harm, and adds up.
func (r *Room) Score(ctx context.Context, s *Session, p progress.Progress) (Score, error) {
	sc := Score{Drill: s.Drill, Seed: s.Seed, Hints: s.Hints}
	results, err := r.settled(ctx, s)
	if err != nil {
		return sc, err
	}
	sc.Checks = results
	sc.Took = time.Since(s.Started)
	if oracle.Failed(results) == nil {
		sc.Took = s.Solved.Sub(s.Started)
		if err := r.steady(ctx, s, p, &sc); err != nil {
			return sc, err
		}
	}
	for _, c := range sc.Checks {
		if c.Err != nil {
			sc.Failing = append(sc.Failing, fmt.Sprintf("%s: %v", c.Name, c.Err))
		}
	}
	sc.Solved = len(sc.Failing) == 0
	if !sc.Solved {
		return sc, nil
	}
	sc.Harm, err = r.harm(ctx, s)
	sc.Points = points(sc, r.par(s))
	return sc, err
}

// settled asks the oracles until all pass, for a while: a node that has just
// been repaired takes a moment to say so, and an API server that died with etcd
// is started again after a pause that the kubelet doubles each time. The last
// look begins when that is over.
func (r *Room) settled(ctx context.Context, s *Session) ([]oracle.Result, error) {
	begin := time.Now()
	for away := begin; ; {
		looked := time.Now()
		results, err := r.Check(ctx, s)
		if err != nil || oracle.Failed(results) == nil || looked.Sub(begin) > settleWithin || looked.Sub(away) > graceWithin {
			return results, err
		}
		if _, err := r.Nodes.Kubectl(ctx, "get", "--raw", "/readyz"); err != nil {
			away = time.Now()
		}
		select {
		case <-ctx.Done():
			return results, ctx.Err()
		case <-time.After(2 * time.Second):
		}
	}
}

func (r *Room) par(s *Session) time.Duration {
	d, err := Find(s.Drill)
	if err != nil {
		return 0
	}
	return d.Par
}

func points(sc Score, par time.Duration) int {
	late := 0
	if sc.Took > par {
		late = min(lateMost, lateCost*int((sc.Took-par)/lateStep+1))
	}
	return max(0, full-hintCost*sc.Hints-harmCost*len(sc.Harm)-late)
}

// steady restarts the node where the drill wants it and asks every oracle for
// a minute. The last answers stay in sc. One of the looks may be a bad one, if the
// next is good: what passes by itself is nobody's fault.
func (r *Room) steady(ctx context.Context, s *Session, p progress.Progress, sc *Score) error {
	d, err := Find(s.Drill)
	if err != nil {
		return err
	}
	if d.Restart {
		if err := progress.Do(p, "node "+s.Node+" is restarted", func() error { return r.restart(ctx, s) }); err != nil {
			return err
		}
	}
	return progress.Do(p, "a steady minute", func() error {
		failed, bad := false, 0
		for end := time.Now().Add(steadyFor); failed || time.Now().Before(end); {
			if sc.Checks, err = r.Check(ctx, s); err != nil {
				return err
			}
			if failed = oracle.Failed(sc.Checks) != nil; failed {
				bad++
			}
			if failed && bad > 1 {
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(steadyEvery):
			}
		}
		return nil
	})
}

// restart reboots the node and waits until the cluster has settled.
func (r *Room) restart(ctx context.Context, s *Session) error {
	n, err := r.node(s.Node)
	if err != nil {
		return err
	}
	if err := n.Restart(ctx); err != nil {
		return err
	}
	for end := time.Now().Add(settleWithin); time.Now().Before(end); {
		if oracle.Failed(oracle.Run(ctx, r.Nodes, oracle.Health())) == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Second):
		}
	}
	return nil // the oracles will say what is still wrong
}

// harm lists what the solver changed, deleted or scaled away beyond what the
// drill itself had touched.
func (r *Room) harm(ctx context.Context, s *Session) ([]string, error) {
	now, err := r.fingerprints(ctx)
	if err != nil {
		return nil, err
	}
	mine := touched(s)
	var out []string
	for k, was := range s.Before {
		is, there := now[k]
		switch {
		case is == was || slices.Contains(mine, k):
		case !there:
			out = append(out, k+" is gone")
		default:
			out = append(out, k+" was changed")
		}
	}
	slices.Sort(out)
	return out, nil
}
