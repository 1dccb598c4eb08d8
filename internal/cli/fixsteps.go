package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/internal/repair"
	"github.com/klustered/klustered/internal/report"
	"github.com/klustered/klustered/op"
)

// A job is one step of the repair: a fault of one node.
type job struct {
	place    place
	fault    string
	proposal repair.Proposal
	goal     goal
	worker   worker
}

func (j *job) planned() bool { return len(j.proposal.Plan) > 0 }

// partly reports whether some of what was found is not in the plan.
func (j *job) partly() bool {
	return slices.ContainsFunc(j.proposal.Parts, func(p repair.Part) bool { return p.Refused != "" })
}

// what names the job to a person, and apart from others.
func (j *job) what() string { return j.fault + " on " + report.Clean(j.place.Snapshot.Node) }

// jobs plans the repair of causes, in the order of their steps.
func (a *App) jobs(d *diagnose.Diagnosis, places []place, causes []diagnose.Cause, kept fault.Kept) []*job {
	var jobs []*job
	for _, s := range repair.Steps(a.Faults, findings(causes)) {
		i := slices.IndexFunc(places, func(p place) bool { return p.Snapshot.Node == s.Node })
		if i < 0 {
			continue
		}
		j := &job{place: places[i], fault: s.Fault, proposal: repair.ProposeKept(places[i].Snapshot, a.Faults, s.Found, kept)}
		var mine []diagnose.Cause
		for _, c := range causes {
			if c.Finding.Node == s.Node && c.Fault.ID == s.Fault && !refused(j.proposal, c) {
				mine = append(mine, c)
			}
		}
		j.goal = newGoal(d, s.Node, mine)
		jobs = append(jobs, j)
	}
	return jobs
}

func refused(p repair.Proposal, c diagnose.Cause) bool {
	return slices.ContainsFunc(p.Parts, func(x repair.Part) bool { return x.Refused != "" && x.Finding.Subject == c.Finding.Subject })
}

// numbered is "Step 2 of 3, on", where there are several.
func numbered(i, of int) string {
	if of < 2 {
		return "On"
	}
	return fmt.Sprintf("Step %d of %d, on", i+1, of)
}

// A campaign is the repair of several causes, step by step.
type campaign struct {
	*fix
	ids     []string
	ignores []diagnose.Ignore
	done    []string // what was repaired, in order
}

// maxSteps bounds a campaign: something brings ever new causes about.
const maxSteps = 40

// applyAll makes the first job that can be made, reads the nodes anew, and goes
// on with what is left. It ends with an error when a job does not help, when one
// is back that was done, and when something is left that a person has to decide.
func (a *App) applyAll(ctx context.Context, x *campaign, jobs []*job) error {
	for {
		if risks := unaccepted(x.fix, jobs); len(risks) > 0 {
			if len(x.done) > 0 {
				a.remaining(x, jobs)
			}
			err := &repair.RiskError{Risks: risks}
			return hint(err, "add --accept-risk=%s if that is what you want", joinRisks(risks))
		}
		i := slices.IndexFunc(jobs, (*job).planned)
		if i < 0 {
			return a.undecided(jobs)
		}
		j := jobs[i]
		if slices.Contains(x.done, j.what()) || len(x.done) == maxSteps {
			a.remaining(x, jobs)
			remove := fmt.Sprintf("klustered triage%s names who can be seen", specFlag(j.place.spec))
			if commands, _ := removals(x.hands, j.place.spec); len(commands) > 0 {
				remove = commands[0]
			}
			return hint(fmt.Errorf("cannot repair %s for good: it is back", j.what()), "somebody puts it back: %s", remove)
		}
		fmt.Fprintln(a.Out)
		if len(x.done)+len(jobs) > 1 {
			fmt.Fprintf(a.Out, "Repairing %s:\n", j.what())
		}
		if err := a.applyOne(ctx, x.fix, j, x.holds(jobs)); err != nil {
			a.remaining(x, jobs)
			return err
		}
		if x.done = append(x.done, j.what()); len(jobs) == 1 && !j.partly() {
			return nil
		}
		var err error
		if jobs, err = a.replan(ctx, x, jobs, j); err != nil {
			return err
		}
	}
}

// holds is how long the next job is looked at: the last one for all the time
// that was asked for, those before it for a fifth of that.
func (x *campaign) holds(jobs []*job) time.Duration {
	n := 0
	for _, j := range jobs {
		if j.planned() {
			n++
		}
	}
	if n > 1 {
		return x.hold / 5
	}
	return x.hold
}

// replan reads the nodes after a step and plans what is left. It says what has
// gone with the step, and shows what has another plan now.
func (a *App) replan(ctx context.Context, x *campaign, before []*job, last *job) ([]*job, error) {
	places, err := a.gather(ctx, &x.reach)
	if err != nil {
		return nil, err
	}
	snaps := snapshots(places)
	d := diagnose.Run(snaps, a.Faults) // by which repairs are judged
	causes := named(d, x.ids)
	if len(x.ids) == 0 {
		causes = diagnose.Run(snaps, a.Faults, x.ignores...).Causes
	}
	jobs := a.jobs(d, places, causes, x.git.kept())
	for _, b := range before {
		if b == last || slices.ContainsFunc(jobs, func(j *job) bool { return j.what() == b.what() }) {
			continue
		}
		if why := unlooked(places, d, b); why != "" {
			a.remaining(x, slices.DeleteFunc(slices.Clone(before), func(j *job) bool { return j == last }))
			return nil, hint(fmt.Errorf("cannot look for %s again: %s", b.what(), why), "klustered triage%s says how it stands", specFlag(b.place.spec))
		}
		fmt.Fprintf(a.Out, "Gone with that: %s.\n", b.what())
	}
	for _, j := range jobs {
		i := slices.IndexFunc(before, func(b *job) bool { return b.what() == j.what() })
		if i >= 0 && samePlan(before[i].proposal.Plan, j.proposal.Plan) {
			j.worker = before[i].worker
			continue
		}
		fmt.Fprintln(a.Out)
		if err := a.preview(ctx, j, "Planned anew, on"); err != nil {
			return nil, err
		}
	}
	return jobs, nil
}

// unlooked says why nobody knows whether a job's fault is still there, or "".
func unlooked(places []place, d *diagnose.Diagnosis, j *job) string {
	for _, p := range places {
		if p.spec == j.place.spec && p.unread != nil {
			return p.unread.Error()
		}
	}
	for _, s := range d.Skipped {
		if s.Fault == j.fault && (s.Node == "" || s.Node == j.place.Snapshot.Node) {
			return s.Reason
		}
	}
	return ""
}

// samePlan compares plans by all that is in them.
func samePlan(p, q op.Plan) bool {
	a, err := json.Marshal(p)
	b, err2 := json.Marshal(q)
	return err == nil && err2 == nil && string(a) == string(b)
}

// named are the findings of these faults, wherever they stand.
func named(d *diagnose.Diagnosis, ids []string) []diagnose.Cause {
	var out []diagnose.Cause
	for _, c := range slices.Concat(d.Causes, d.Forecast, d.Notes) {
		if slices.Contains(ids, c.Fault.ID) {
			out = append(out, c)
		}
	}
	return out
}

// remaining says how far a campaign of several steps has come.
func (a *App) remaining(x *campaign, jobs []*job) {
	if len(x.done)+len(jobs) < 2 {
		return
	}
	for _, w := range x.done {
		fmt.Fprintf(a.Out, "  repaired before: %s\n", w)
	}
	for _, j := range jobs {
		fmt.Fprintf(a.Out, "  left: %s\n", j.what())
	}
}

// undecided says what is left that only a person can decide.
func (a *App) undecided(jobs []*job) error {
	if len(jobs) == 0 {
		return nil
	}
	fmt.Fprintln(a.Out, "\nLeft for you to decide:")
	for _, j := range jobs {
		for _, part := range j.proposal.Parts {
			if part.Refused == "" {
				continue
			}
			fmt.Fprintf(a.Out, "  %s: %s\n    %s\n", j.what(), report.Clean(part.Finding.Summary), report.Clean(part.Refused))
		}
	}
	return hint(errors.New("cannot repair all that was found: something is left for a person to decide"), "klustered explain %s says what to do by hand", jobs[0].fault)
}
