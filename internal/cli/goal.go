package cli

import (
	"fmt"
	"slices"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/internal/repair"
	"github.com/klustered/klustered/symptom"
)

// A claim is a finding without its words: what is compared before and after.
type claim struct {
	Fault   string `json:"fault"`
	Subject string `json:"subject"`
}

// A goal is what a repair of one node is to reach, and from where.
type goal struct {
	Repairs []claim      `json:"repairs"` // are not to be found any more
	Heals   []symptom.ID `json:"heals"`   // are not to be seen any more
	Known   []claim      `json:"known"`   // were found before
	Shown   []symptom.ID `json:"shown"`   // were seen before
	Late    []symptom.ID `json:"late"`    // may come of what was broken for a moment more
}

// grave are the symptoms that no repair may leave behind. Others may come
// with any restart and pass.
func grave() []symptom.ID {
	return []symptom.ID{symptom.RuntimeDown, symptom.PodNetworkDown, symptom.KubeletDown, symptom.KubeletRejected, symptom.NodeNotReady,
		symptom.EtcdDown, symptom.EtcdReadOnly, symptom.APIDown, symptom.APIWritesFail}
}

func claimOf(c diagnose.Cause) claim { return claim{c.Fault.ID, c.Finding.Subject.String()} }

// newGoal is the goal of repairing causes on a node, from what d says.
func newGoal(d *diagnose.Diagnosis, node string, causes []diagnose.Cause) goal {
	var g goal
	for _, c := range causes {
		g.Repairs = append(g.Repairs, claimOf(c))
		for _, e := range c.Fault.Explains {
			g.Late = append(g.Late, e.Symptom)
		}
		for _, id := range c.Explains {
			if shows(d, node, id) && onlyBy(d, node, id, causes) {
				g.Heals = append(g.Heals, id)
			}
		}
	}
	for _, c := range slices.Concat(d.Causes, d.Forecast, d.Notes) {
		if c.Finding.Node == node {
			g.Known = append(g.Known, claimOf(c))
		}
	}
	for _, s := range d.Symptoms {
		if s.Node == node {
			g.Shown = append(g.Shown, s.ID)
		}
	}
	return g
}

func shows(d *diagnose.Diagnosis, node string, id symptom.ID) bool {
	return slices.ContainsFunc(d.Symptoms, func(s diagnose.Sighting) bool { return s.Node == node && s.ID == id })
}

// onlyBy reports whether nothing but causes explains the symptom, so that it
// must go with them.
func onlyBy(d *diagnose.Diagnosis, node string, id symptom.ID, causes []diagnose.Cause) bool {
	for _, s := range d.Symptoms {
		if s.Node != node || s.ID != id {
			continue
		}
		for _, by := range s.ExplainedBy {
			if !slices.ContainsFunc(causes, func(c diagnose.Cause) bool { return c.Fault.ID == by }) {
				return false
			}
		}
	}
	return true
}

// judge says how far d, a diagnosis of the same node, is from the goal.
func (g goal) judge(d *diagnose.Diagnosis) (repair.Verdict, string) {
	for _, c := range slices.Concat(d.Causes, d.Forecast, d.Notes) {
		if slices.Contains(g.Repairs, claimOf(c)) {
			return repair.Same, fmt.Sprintf("%s is still found: %s", c.Fault.ID, c.Finding.Summary)
		}
	}
	late := ""
	for _, s := range d.Symptoms {
		if !slices.Contains(grave(), s.ID) || slices.Contains(g.Shown, s.ID) {
			continue
		}
		if late = string(s.ID); !slices.Contains(g.Late, s.ID) {
			return repair.Worse, late + ", which did not show before"
		}
	}
	for _, c := range d.Causes {
		if !slices.Contains(g.Known, claimOf(c)) {
			return repair.Worse, fmt.Sprintf("%s was not there before: %s", c.Fault.ID, c.Finding.Summary)
		}
	}
	if late != "" {
		return repair.Late, late + ", which did not show before"
	}
	for _, r := range g.Repairs {
		for _, s := range d.Skipped {
			if s.Fault == r.Fault {
				return repair.Same, fmt.Sprintf("%s cannot be looked for: %s", s.Fault, s.Reason)
			}
		}
	}
	for _, s := range d.Symptoms {
		if slices.Contains(g.Heals, s.ID) {
			return repair.Better, fmt.Sprintf("%s still shows", s.ID)
		}
	}
	return repair.Healed, ""
}

func findings(causes []diagnose.Cause) []finding.Finding {
	out := make([]finding.Finding, len(causes))
	for i, c := range causes {
		out[i] = c.Finding
	}
	return out
}
