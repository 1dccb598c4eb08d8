package faulttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// loud: the broken node yields findings, and each can be told.
func loud(t testing.TB, f *fault.Fault, s *snapshot.Snapshot) []finding.Finding {
	t.Helper()
	found := f.Detect(s)
	if len(found) == 0 {
		t.Fatalf("drill is loud: no finding; gaps: %+v", s.Gaps)
	}
	subjects := map[finding.Subject]bool{}
	for _, x := range found {
		if len(x.Facts) == 0 || x.Summary == "" || x.Subject.Kind == "" || x.Subject.Name == "" {
			t.Fatalf("drill is loud: a finding without fact, summary or subject: %s", show(found))
		}
		if subjects[x.Subject] {
			t.Errorf("drill is loud: two findings about %s", x.Subject)
		}
		subjects[x.Subject] = true
		if !about(x) {
			t.Errorf("drill is loud: the finding does not speak of its subject %s: %s", x.Subject, show(found))
		}
		if x.Fault != "" || x.Node != "" {
			t.Errorf("drill is loud: Detect set Fault or Node, which the engine sets: %s", show(found))
		}
		for _, id := range x.Only {
			if !slices.ContainsFunc(f.Explains, func(e symptom.Edge) bool { return string(e.Symptom) == id }) {
				t.Errorf("drill is loud: %q is said to be all that %s shows, and the fault does not explain it", id, x.Subject)
			}
		}
		for _, fact := range x.Facts {
			if fact.Source == "" || fact.Got == "" {
				t.Errorf("drill is loud: a fact that quotes nothing: %+v", fact)
			}
		}
	}
	return found
}

// pure: the same answer twice and from a bundle, and nothing is changed.
func pure(t testing.TB, f *fault.Fault, s *snapshot.Snapshot, found []finding.Finding) {
	t.Helper()
	before := marshal(t, s)
	if again := f.Detect(s); !reflect.DeepEqual(found, again) {
		t.Errorf("detect is pure: the second time %s, the first %s", show(again), show(found))
	}
	if !bytes.Equal(before, marshal(t, s)) {
		t.Error("detect is pure: the snapshot was changed")
	}
	var thawed snapshot.Snapshot
	if err := json.Unmarshal(before, &thawed); err != nil {
		t.Fatal(err)
	}
	if got := f.Detect(&thawed); show(got) != show(found) {
		t.Errorf("bundle is live: got %s, want %s", show(got), show(found))
	}
}

// honest: Detect reads Needs and Uses alone, and a missing section of Uses
// makes no new finding. found are the findings in s; none means a healthy node.
func honest(t testing.TB, f *fault.Fault, s *snapshot.Snapshot, found []finding.Finding) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("needs are honest: Detect reads a section that it does not declare, or one of Uses without looking whether it is there: %v", r)
		}
	}()
	if got := f.Detect(s.Only(slices.Concat(f.Needs, f.Uses)...)); show(got) != show(found) {
		t.Errorf("needs are honest: with the declared sections alone %s, with all %s", show(got), show(found))
	}
	for i := range f.Uses {
		missing(t, f, s, found, slices.Delete(slices.Clone(f.Uses), i, i+1), f.Uses[i])
	}
	missing(t, f, s, found, nil, "everything in Uses")
}

func missing(t testing.TB, f *fault.Fault, s *snapshot.Snapshot, found []finding.Finding, uses []snapshot.Section, what snapshot.Section) {
	t.Helper()
	for _, x := range f.Detect(s.Only(slices.Concat(f.Needs, uses)...)) {
		if !slices.ContainsFunc(found, func(y finding.Finding) bool { return y.Subject == x.Subject }) {
			t.Errorf("needs are honest: without %s a finding about %s appears", what, x.Subject)
		}
	}
}

// wired sends the plan through JSON, as a repair from outside does.
func wired(t testing.TB, plan op.Plan) op.Plan {
	t.Helper()
	if len(plan) == 0 {
		t.Fatal("the plan is empty")
	}
	data, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	var back op.Plan
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if render(back) != render(plan) {
		t.Errorf("the plan differs after a trip through JSON:\n%s\n%s", render(plan), render(back))
	}
	return back
}

func render(plan op.Plan) string {
	var b bytes.Buffer
	for _, o := range plan {
		fmt.Fprintf(&b, "%T %+v\n", o, o)
	}
	return b.String()
}

func show(found []finding.Finding) string {
	if len(found) == 0 {
		return "no finding"
	}
	data, err := json.MarshalIndent(found, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// same compares two states of a machine.
func same(t testing.TB, law string, want, got map[string]string) {
	t.Helper()
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if x, ok := got[k]; !ok {
			t.Errorf("%s: %s is gone", law, k)
		} else if x != want[k] {
			t.Errorf("%s: %s\n got %.2000s\nwant %.2000s", law, k, x, want[k])
		}
	}
	for _, k := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[k]; !ok {
			t.Errorf("%s: %s was left behind: %.500s", law, k, got[k])
		}
	}
}
