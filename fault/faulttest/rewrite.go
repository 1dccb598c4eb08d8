package faulttest

import (
	"slices"
	"strings"
	"testing"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/trust"
)

// keeper is a table of cron that nobody's package has, and kept a file that it
// may copy.
const (
	keeper = "/etc/cron.d/keeper"
	kept   = "/var/lib/keeper"
)

// stays: what writes a wrong line of a file again by itself is named with the
// finding, and taken out before the line is mended.
func stays(t testing.TB, f *fault.Fault, m *Machine, found []finding.Finding) {
	t.Helper()
	start := m.save()
	defer m.load(start)
	for _, x := range found {
		line, ok := m.quoted(x.Facts[0])
		if !ok {
			continue
		}
		whole, _ := m.ReadFile(x.Facts[0].Source)
		for _, command := range []string{"sed -i 's|never|" + escape(line) + "|' ", "cp " + kept + " "} {
			table := "# keeps it\nMAILTO=root\n* * * * * root " + command + x.Facts[0].Source + "\n"
			for name, data := range map[string][]byte{keeper: []byte(table), kept: whole.Data} {
				if err := m.WriteFile(name, op.File{Data: data, Mode: 0o644}); err != nil {
					t.Fatal(err)
				}
			}
			s := m.Snapshot()
			told := told(f, s, x.Subject)
			if !slices.ContainsFunc(told.Facts, func(fact finding.Fact) bool { return fact.Place() == keeper+":3" }) {
				t.Errorf("repair stays: %s writes %s again by %.4s, and is not named with %s", keeper, x.Facts[0].Place(), command, x.Subject)
			}
			takesOut(t, f, m, s, told)
			m.load(start)
		}
	}
}

// takesOut wants the plan to take the keeper out before anything else, and for
// good; a finding that has no plan without a keeper has none with it.
func takesOut(t testing.TB, f *fault.Fault, m *Machine, s *snapshot.Snapshot, x finding.Finding) {
	t.Helper()
	plan, err := f.Plan(s, x)
	if err != nil {
		if _, without := f.Remedy(s, x); without == nil {
			t.Errorf("repair stays: with %s there is no plan any more: %v", keeper, err)
		}
		return
	}
	if first(plan) != keeper {
		t.Errorf("repair stays: %s, which writes the fault again, is not the first that goes: %s", keeper, render(plan))
	}
	if err := op.Apply(t.Context(), m, wired(t, plan), op.Header{ID: "keeper"}, &Journal{}); err != nil {
		t.Errorf("repair stays: %v", err)
	}
	if _, err := m.ReadFile(keeper); err == nil {
		t.Errorf("repair stays: %s is still there", keeper)
	}
	if left := told(f, m.Snapshot(), x.Subject); len(left.Facts) > 0 {
		t.Errorf("repair stays: after it there is still %s", left.Summary)
	}
}

// told is the finding of f about the subject as the engine tells it.
func told(f *fault.Fault, s *snapshot.Snapshot, about finding.Subject) finding.Finding {
	for _, x := range f.Detect(s) {
		if x.Subject == about {
			return fault.Rewritten(trust.Edits(s), x)
		}
	}
	return finding.Finding{}
}

// quoted is the line of a file on disk that a fact says is wrong, if it is one
// by which the file can be told from others.
func (m *Machine) quoted(f finding.Fact) (string, bool) {
	if f.Line == 0 || f.Want == "" || !strings.HasPrefix(f.Source, "/") || strings.HasPrefix(f.Source, "/sys/") || strings.HasPrefix(f.Source, "/proc/") {
		return "", false
	}
	file, err := m.ReadFile(f.Source)
	lines := strings.Split(string(file.Data), "\n")
	if err != nil || len(lines) < f.Line {
		return "", false
	}
	line := strings.TrimSpace(lines[f.Line-1])
	return line, len(line) > 5 && len(line) < 200 && strings.Contains(line, strings.TrimSpace(f.Got))
}

// escape makes a text the replacement of a command of sed in single quotes.
func escape(text string) string {
	return strings.NewReplacer(`\`, `\\`, "&", `\&`, "|", `\|`, "'", `'\''`, "%", `\%`, "$", `\$`).Replace(text)
}

// first is the file that a plan changes first.
func first(plan op.Plan) string {
	for _, o := range plan {
		switch o := o.(type) {
		case op.WriteFile:
			return o.Path
		case op.RemoveFile:
			return o.Path
		}
	}
	return ""
}
