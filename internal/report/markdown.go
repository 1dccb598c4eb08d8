package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/diagnose"
)

// Markdown writes d as the record of an incident: what was seen, why, and
// what is done about it.
func Markdown(w io.Writer, d *diagnose.Diagnosis, o Options) error {
	m := &sheet{}
	m.top(d)
	for _, c := range d.Causes {
		m.cause(c)
	}
	m.symptoms(d.Symptoms)
	m.others("Next to be met", d.Forecast)
	m.others("Also seen", d.Notes)
	m.ignored(d)
	m.evidence(d, o)
	_, err := w.Write(m.buf.Bytes())
	return err
}

// A sheet is a Markdown text that is being written.
type sheet struct{ buf bytes.Buffer }

func (m *sheet) line(format string, args ...any) { fmt.Fprintf(&m.buf, format+"\n", args...) }

func (m *sheet) top(d *diagnose.Diagnosis) {
	switch {
	case len(d.Causes) == 1:
		m.line("# %s on %s\n", d.Causes[0].Fault.Title(), Clean(d.Causes[0].Finding.Node))
	case len(d.Causes) > 1:
		m.line("# %d root causes\n", len(d.Causes))
	case d.Exit() == diagnose.ExitHealthy && len(d.Ignored) > 0:
		m.line("# Nothing but what this site ignores\n")
	case d.Exit() == diagnose.ExitHealthy:
		m.line("# No fault found\n")
	default:
		m.line("# No root cause found, and not all is explained\n")
	}
	m.line("- When: %s", d.At.UTC().Format("2006-01-02 15:04:05Z"))
	m.line("- Nodes: %s", Clean(strings.Join(d.Nodes, ", ")))
	if len(d.Others) > 0 {
		m.line("- Not looked at: %s", Clean(strings.Join(d.Others, ", ")))
	}
	m.line("- Evidence: %d of %d sources", d.Coverage.Seen, d.Coverage.Total)
}

func (m *sheet) cause(c diagnose.Cause) {
	m.line("\n## Cause %d: %s\n", c.Rank, c.Fault.ID)
	m.line("On %s, %s %s: %s. Confidence %.0f%%.", Clean(c.Finding.Node), Clean(c.Finding.Subject.Kind), Clean(c.Finding.Subject.Name), Clean(c.Finding.Summary), 100*c.Confidence)
	m.line("\n### Evidence\n")
	m.facts(c.Finding.Facts)
	if len(c.Explains) > 0 {
		m.line("\n### Explains\n\n%s", strings.Join(idWords(c.Explains), ", "))
		for _, chain := range c.Chains {
			if len(chain) > 1 {
				m.line("\n- %s", strings.Join(chainWords(c, chain), " -> "))
			}
		}
	}
	if len(c.Finding.Commands) > 0 {
		m.line("\n### See it by hand\n\n```sh\n%s\n```", strings.Join(cleaned(c.Finding.Commands), "\n"))
	}
	m.line("\n### Repair\n")
	m.repair(c)
}

func cleaned(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = fenced(s)
	}
	return out
}

// fenced keeps a text from ending the block that it stands in.
func fenced(s string) string { return strings.ReplaceAll(Clean(s), "```", "'''") }

func (m *sheet) facts(list []finding.Fact) {
	m.line("```")
	for _, f := range list {
		m.line("%s%s", fenced(f.Place()), when(f))
		m.line("    got   %s", fenced(f.Got))
		if f.Want != "" {
			m.line("    want  %s", fenced(f.Want))
		}
	}
	m.line("```")
}

func (m *sheet) repair(c diagnose.Cause) {
	switch {
	case c.PlanErr != nil:
		m.line("No safe repair in this case: %s.", Clean(c.PlanErr.Error()))
	case len(c.Plan) == 0:
		m.line("%s", by(c.Fault.Part("Repair by hand")))
	default:
		m.line("`klustered fix %s --apply` does, and can undo:\n", c.Fault.ID)
		for i, o := range c.Plan {
			m.line("%d. %s", i+1, Clean(o.String()))
		}
		for _, r := range c.Plan.Risks() {
			m.line("\nRisk, accepted by name: `--accept-risk=%s`.", r)
		}
		for _, x := range oneWays(c.Plan) {
			m.line("\nNot undone: %s.", Clean(x))
		}
	}
}

func by(hand string) string {
	if hand == "" {
		return "No repair is known."
	}
	return hand
}

func (m *sheet) symptoms(all []diagnose.Sighting) {
	if len(all) == 0 {
		return
	}
	m.line("\n## Symptoms\n\n| symptom | node | seen as | explained by |\n|---|---|---|---|")
	for _, s := range all {
		seen := ""
		if len(s.Facts) > 0 {
			seen = s.Facts[0].Place() + ": " + s.Facts[0].Got
		}
		m.line("| %s | %s | %s | %s |", s.ID, cell(s.Node), cell(seen), cell(strings.Join(s.ExplainedBy, ", ")))
	}
}

// cell makes a text safe inside a table.
func cell(s string) string {
	if s == "" {
		return "-"
	}
	return strings.ReplaceAll(Clean(s), "|", `\|`)
}

func (m *sheet) others(title string, list []diagnose.Cause) {
	if len(list) == 0 {
		return
	}
	m.line("\n## %s\n", title)
	for _, c := range list {
		m.line("- %s on %s: %s", c.Fault.ID, Clean(c.Finding.Node), Clean(c.Finding.Summary))
	}
}

func (m *sheet) ignored(d *diagnose.Diagnosis) {
	if len(d.Ignored)+len(d.Expired) == 0 {
		return
	}
	m.line("\n## Ignored\n")
	for _, x := range d.Ignored {
		m.line("- %s on %s, until %s: %s", x.Fault.ID, Clean(x.Finding.Node), x.Why.Until.Format(time.DateOnly), Clean(x.Why.Reason))
	}
	for _, x := range d.Expired {
		m.line("- over since %s: %s (%s:%d: %s)", x.Until.Format(time.DateOnly), Clean(x.Fault), Clean(x.Source), x.Line, Clean(x.Reason))
	}
}

func (m *sheet) evidence(d *diagnose.Diagnosis, o Options) {
	if len(d.Coverage.Gaps) > 0 {
		m.line("\n## Not seen\n")
		for _, g := range d.Coverage.Gaps {
			m.line("- %s, %s, %s: %s", Clean(g.Node), g.Section, Clean(g.Source), Clean(g.Reason))
		}
	}
	if o.TotalMs > 0 {
		m.line("\nTriage took %s.", duration(o.TotalMs))
	}
}
