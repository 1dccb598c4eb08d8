package faulttest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// toy is a fault of a slow interface that a cron table makes slow again.
func toy() *fault.Fault {
	book := "# An interface is slow\n\n"
	for _, h := range []string{"Signs", "Why", "See it by hand", "Repair by hand", "What klustered does"} {
		book += "## " + h + "\n\nText.\n\n"
	}
	book += "## Hints\n\n- Look.\n- Look there.\n"
	return &fault.Fault{
		ID: "network/toy", Layer: fault.Network, Runbook: book,
		Needs:    []snapshot.Section{snapshot.SectionNetwork},
		Uses:     []snapshot.Section{snapshot.SectionProbes},
		Explains: []symptom.Edge{{Symptom: symptom.PodTrafficSlow, Strength: symptom.Usually}},
		Detect:   toyDetect,
		Remedy:   toyRemedy,
		Drill: func(_ *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
			name := "/etc/cron.d/" + d.Name()
			return op.Plan{
				op.WriteFile{Path: name, Data: []byte("* * * * * root tc ...\n"), Mode: 0o644},
				op.AddQdisc{Qdisc: op.Qdisc{QdiscPlace: op.QdiscPlace{Link: "eth0", Parent: "root"}, Kind: "tbf", RateBps: uint64(d.Int(50, 90)) * 1000}},
			}, nil
		},
	}
}

func toyDetect(s *snapshot.Snapshot) []finding.Finding {
	var found []finding.Finding
	for _, n := range s.Network.Namespaces {
		for _, q := range n.Qdiscs {
			if q.Kind == "tbf" {
				found = append(found, finding.Finding{
					Subject: finding.Subject{Kind: "interface", Name: q.Link}, Summary: q.Link + " is slow",
					Facts: []finding.Fact{{Source: q.Link, Got: fmt.Sprint(q.RateBps)}},
				})
			}
		}
	}
	return found
}

// toyRemedy removes the table by a name that the test gives it in files.
func toyRemedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	var plan op.Plan
	for _, n := range s.Network.Namespaces {
		for _, q := range n.Qdiscs {
			if q.Link == f.Subject.Name && q.Kind == "tbf" {
				plan = append(plan, op.DeleteQdisc{Qdisc: op.Qdisc{QdiscPlace: op.QdiscPlace{Link: q.Link, Parent: q.Parent}, Kind: q.Kind, Raw: q.Raw}})
			}
		}
	}
	return plan, nil
}

// withTable makes a remedy of the toy that removes the cron table as well.
func withTable(seed uint64) func(*snapshot.Snapshot, finding.Finding) (op.Plan, error) {
	return func(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
		plan, err := toyRemedy(s, f)
		name := "/etc/cron.d/" + fault.NewDice(seed).Name()
		table := op.File{Data: []byte("* * * * * root tc ...\n")}
		return slices.Insert(plan, 0, op.Op(op.RemoveFile{Path: name, Pin: table.Sum()})), err
	}
}

func TestLaws(t *testing.T) {
	f := toy()
	f.Remedy = withTable(3)
	Run(t, f, Seeds(3))
}

// TestBrokenLaws breaks one law after the other: each must be noticed.
func TestBrokenLaws(t *testing.T) {
	for _, c := range []struct {
		law   string
		spoil func(f *fault.Fault)
	}{
		{"remedy is right", func(f *fault.Fault) { f.Remedy = toyRemedy }}, // the table is left
		{"drill is loud", func(f *fault.Fault) { f.Detect = func(*snapshot.Snapshot) []finding.Finding { return nil } }},
		{"drill is loud", func(f *fault.Fault) { spoil(f, func(x *finding.Finding) { x.Facts = nil }) }},
		{"drill is loud", func(f *fault.Fault) { spoil(f, func(x *finding.Finding) { x.Fault = "x" }) }},
		{"detect is pure", func(f *fault.Fault) {
			n := 0
			spoil(f, func(x *finding.Finding) { n++; x.Summary = fmt.Sprint(n) })
		}},
		{"detect is pure", func(f *fault.Fault) {
			detect := f.Detect
			f.Detect = func(s *snapshot.Snapshot) []finding.Finding { s.Node += "x"; return detect(s) }
		}},
		{"needs are honest", func(f *fault.Fault) {
			detect := f.Detect
			f.Detect = func(s *snapshot.Snapshot) []finding.Finding { _ = s.Host.Kernel; return detect(s) }
		}},
		{"needs are honest", func(f *fault.Fault) {
			detect := f.Detect
			f.Detect = func(s *snapshot.Snapshot) []finding.Finding {
				if s.Probes == nil {
					return []finding.Finding{{Subject: finding.Subject{Kind: "x", Name: "x"}}}
				}
				return detect(s)
			}
		}},
		{"healthy is quiet", func(f *fault.Fault) {
			f.Detect = func(*snapshot.Snapshot) []finding.Finding { return []finding.Finding{{}} }
		}},
		{"the plan is empty", func(f *fault.Fault) {
			f.Remedy = func(*snapshot.Snapshot, finding.Finding) (op.Plan, error) { return nil, nil }
		}},
	} {
		f := toy()
		f.Remedy = withTable(3)
		c.spoil(f)
		if got := failures(t, f); !strings.Contains(got, c.law) {
			t.Errorf("breaking %q was not noticed: %s", c.law, got)
		}
	}
}

func spoil(f *fault.Fault, change func(*finding.Finding)) {
	detect := f.Detect
	f.Detect = func(s *snapshot.Snapshot) []finding.Finding {
		found := detect(s)
		for i := range found {
			change(&found[i])
		}
		return found
	}
}

// failures runs the laws on f and returns what they complain of.
func failures(t *testing.T, f *fault.Fault) string {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		quiet(r, f, New(r))
		drilled(r, f, 3, nil)
	}()
	<-done
	return r.said.String()
}
