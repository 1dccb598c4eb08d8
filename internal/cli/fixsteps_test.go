package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/bundle"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// stepwise is an app that knows three faults of a node, one of which only a
// person can repair.
func stepwise(out *bytes.Buffer) *App {
	rule := func(id string, layer fault.Layer, remedy func(*snapshot.Snapshot, finding.Finding) (op.Plan, error)) *fault.Fault {
		return &fault.Fault{ID: id, Layer: layer, Runbook: "# A\n", Needs: []snapshot.Section{snapshot.SectionHost}, Remedy: remedy,
			Detect: func(*snapshot.Snapshot) []finding.Finding {
				return []finding.Finding{{Subject: finding.Subject{Kind: "file", Name: "/" + id}, Summary: "so", Facts: []finding.Fact{{Source: "/x", Got: "y"}}}}
			}}
	}
	start := func(*snapshot.Snapshot, finding.Finding) (op.Plan, error) {
		return op.Plan{op.Unit{Verb: "start", Name: "x.service"}}, nil
	}
	refuse := func(*snapshot.Snapshot, finding.Finding) (op.Plan, error) {
		return nil, errors.New("whose it is, a person has to say")
	}
	return &App{Out: out, Faults: []*fault.Fault{rule("dns/a", fault.DNS, start), rule("host/b", fault.Host, refuse), rule("trust/c", fault.Trust, start)}}
}

func TestSteps(t *testing.T) {
	var out bytes.Buffer
	a := stepwise(&out)
	s := &snapshot.Snapshot{Node: "n", At: time.Unix(1, 0), Host: &snapshot.Host{}}
	d := diagnose.Run([]*snapshot.Snapshot{s}, a.Faults)
	all := named(d, []string{"dns/a", "host/b", "trust/c"})
	jobs := a.jobs(d, []place{{Part: bundle.Part{Snapshot: s}}}, all, fault.KeptRefused)
	var order []string
	for _, j := range jobs {
		order = append(order, j.what())
	}
	if got := strings.Join(order, ", "); got != "trust/c on n, host/b on n, dns/a on n" {
		t.Fatal(got)
	}
	if !jobs[0].planned() || jobs[1].planned() || !jobs[1].partly() || jobs[2].partly() || len(jobs[0].goal.Repairs) != 1 || len(jobs[1].goal.Repairs) != 0 {
		t.Errorf("%+v", jobs)
	}
	x := &campaign{fix: &fix{hold: time.Minute}}
	if h := x.holds(jobs); h != 12*time.Second {
		t.Errorf("the first of two holds for %s", h)
	}
	if h := x.holds(jobs[1:]); h != time.Minute {
		t.Errorf("the last holds for %s", h)
	}
	if err := a.applyAll(t.Context(), x, jobs[1:2]); err == nil || !strings.Contains(out.String(), "host/b on n: so\n    whose it is, a person has to say") {
		t.Errorf("%v, said %s", err, out.String())
	}
	x.done = []string{"trust/c on n"}
	if err := a.applyAll(t.Context(), x, jobs); err == nil || !strings.Contains(err.Error(), "is back") {
		t.Errorf("one that is back: %v", err)
	}
	if samePlan(jobs[0].proposal.Plan, nil) || !samePlan(jobs[0].proposal.Plan, jobs[2].proposal.Plan) {
		t.Error("plans are compared otherwise than by what is in them")
	}
}

// A fault that could not be looked for again has not gone.
func TestUnlooked(t *testing.T) {
	s := &snapshot.Snapshot{Node: "n"}
	p := place{spec: "docker://n", Part: bundle.Part{Snapshot: s}}
	j := &job{place: p, fault: "dns/a"}
	d := &diagnose.Diagnosis{}
	if why := unlooked([]place{p}, d, j); why != "" {
		t.Errorf("it was looked for, and %s", why)
	}
	d.Skipped = []diagnose.Skipped{{Fault: "dns/b", Node: "n", Reason: "b"}, {Fault: "dns/a", Node: "m", Reason: "m"}, {Fault: "dns/a", Node: "n", Reason: "no section"}}
	if why := unlooked([]place{p}, d, j); why != "no section" {
		t.Errorf("skipped: %q", why)
	}
	p.unread = errors.New("no answer")
	if why := unlooked([]place{p}, d, j); why != "no answer" {
		t.Errorf("unread: %q", why)
	}
}
