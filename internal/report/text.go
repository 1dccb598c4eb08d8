package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/symptom"
)

// What fits on one screen.
const (
	width     = 80
	maxFacts  = 4  // of a cause
	allFacts  = 10 // of the only cause
	maxLook   = 3  // commands of a cause
	maxChains = 3  // ways from a cause to what is noticed
	maxGaps   = 6
	maxList   = 5 // notes, forecasts
)

// Text writes d for a person.
func Text(w io.Writer, d *diagnose.Diagnosis, o Options) error {
	p := &page{brush: brush(o.Color), opts: o}
	p.head(d)
	p.trust(d.Trust)
	p.layers(d.Layers)
	p.verdict(d)
	for _, c := range d.Causes {
		p.cause(c, len(d.Causes))
	}
	p.brief("NEXT YOU WILL MEET", "found, and hidden behind the above", d.Forecast)
	p.brief("ALSO SEEN", "explains nothing that shows, or follows from a cause", d.Notes)
	p.ignored(d)
	p.unexplained(d.Unexplained())
	p.unseen(d)
	_, err := w.Write(p.buf.Bytes())
	return err
}

// A page is a text that is being written.
type page struct {
	buf   bytes.Buffer
	brush brush
	opts  Options
}

func (p *page) line(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	p.buf.WriteString(strings.TrimRight(text, " ") + "\n")
}

func (p *page) head(d *diagnose.Diagnosis) {
	took := ""
	if p.opts.TotalMs > 0 {
		took = " in " + duration(p.opts.TotalMs)
	}
	p.line("klustered: %s, %d of %d sources of evidence read%s", nodesWord(d.Nodes), d.Coverage.Seen, d.Coverage.Total, took)
	if !d.Kubernetes && len(d.Nodes) > 0 {
		p.line("Nothing here belongs to a Kubernetes cluster: this is a triage of the host alone.")
	}
	if len(d.Others) > 0 {
		p.line("not looked at: %s", Clean(strings.Join(d.Others, ", ")))
	}
}

func nodesWord(nodes []string) string {
	switch {
	case len(nodes) == 1:
		return "node " + Clean(nodes[0])
	case len(nodes) <= 4:
		return fmt.Sprintf("%d nodes (%s)", len(nodes), Clean(strings.Join(nodes, ", ")))
	}
	return fmt.Sprintf("%d nodes", len(nodes))
}

func duration(ms float64) string {
	if ms < 1000 {
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f s", ms/1000)
}

// row is a line of the first two tables: a mark, a state, what is so, why.
func (p *page) row(title string, state diagnose.Status, what, why string) {
	mark := " "
	if state == diagnose.Broken || state == diagnose.Suspect || state == diagnose.Unexplained {
		mark = ">"
	}
	p.line("%-7s %s %s %s%s", title, mark, p.brush.in(shade(state), fmt.Sprintf("%-11s", state)), what, why)
}

func shade(s diagnose.Status) paint {
	switch s {
	case diagnose.OK:
		return green
	case diagnose.Broken, diagnose.Unexplained:
		return red
	case diagnose.None:
		return faint
	}
	return yellow
}

func (p *page) trust(checks []diagnose.Check) {
	p.line("")
	title := "TRUST"
	for _, state := range []diagnose.Status{diagnose.OK, diagnose.Unseen} {
		var names []string
		for _, c := range checks {
			if c.Status == state && !contains(names, c.Name) && !suspect(checks, c.Name) {
				names = append(names, c.Name)
			}
		}
		if len(names) > 0 {
			p.row(title, state, strings.Join(names, ", "), "")
			title = ""
		}
	}
	for _, c := range checks {
		if c.Status == diagnose.Suspect {
			p.row(title, c.Status, c.Name, " on "+Clean(c.Node))
			title = ""
			p.facts(c.Facts, 2)
		}
	}
}

func suspect(checks []diagnose.Check, name string) bool {
	for _, c := range checks {
		if c.Name == name && c.Status == diagnose.Suspect {
			return true
		}
	}
	return false
}

func contains(list []string, x string) bool {
	for _, y := range list {
		if x == y {
			return true
		}
	}
	return false
}

// layers prints the ladder, lowest first; neighbours that say the same share
// a line.
func (p *page) layers(all []diagnose.Layer) {
	title := "LAYERS"
	for i := 0; i < len(all); {
		j, names := i, []string(nil)
		for ; j < len(all) && all[j].Status == all[i].Status && all[j].Cause == all[i].Cause; j++ {
			names = append(names, string(all[j].Name))
		}
		p.row(title, all[i].Status, strings.Join(names, ", "), because(all[i]))
		title, i = "", j
	}
}

func because(l diagnose.Layer) string {
	switch {
	case l.Cause == "":
		return ""
	case l.Status == diagnose.Blocked:
		return "  (by " + l.Cause + ")"
	}
	return "  (" + l.Cause + ")"
}

// ignored prints what the site keeps quiet, and what it no longer does.
func (p *page) ignored(d *diagnose.Diagnosis) {
	if len(d.Ignored)+len(d.Expired) == 0 {
		return
	}
	p.line("")
	p.line("%s", p.brush.in(bold, "IGNORED")+"  as the site's configuration wants it")
	for _, x := range d.Ignored {
		p.line("  %s on %s, until %s: %s", x.Fault.ID, Clean(x.Finding.Node), x.Why.Until.Format(time.DateOnly), Clean(x.Why.Reason))
	}
	for _, x := range d.Expired {
		p.line("  %s", p.brush.in(yellow, fmt.Sprintf("over since %s: %s (%s:%d: %s)", x.Until.Format(time.DateOnly), Clean(x.Fault), Clean(x.Source), x.Line, Clean(x.Reason))))
	}
}

// verdict is the sentence for a diagnosis without causes.
func (p *page) verdict(d *diagnose.Diagnosis) {
	if len(d.Causes) > 0 {
		return
	}
	p.line("")
	switch {
	case len(d.Unexplained()) > 0:
		p.line("%s", p.brush.in(yellow, "No known fault was found, but something is wrong: see what is unexplained."))
	case d.Incomplete():
		p.line("%s", p.brush.in(yellow, "Nothing was found in what could be seen, and not everything could."))
	case len(d.Ignored) > 0:
		p.line("%s", p.brush.in(yellow, "Nothing but what this site ignores: see below."))
	case len(d.Notes) > 0:
		p.line("%s", p.brush.in(green, "Healthy: no symptom shows. What was found all the same is below."))
	default:
		p.line("%s", p.brush.in(green, "Healthy: no fault, no symptom."))
	}
}

// cause prints a root cause.
func (p *page) cause(c diagnose.Cause, of int) {
	p.line("")
	title := "ROOT CAUSE"
	if of > 1 {
		title = fmt.Sprintf("ROOT CAUSE %d of %d", c.Rank, of)
	}
	p.line("%s  %s on %s, %.0f%% sure", p.brush.in(red, title), p.brush.in(bold, c.Fault.ID), Clean(c.Finding.Node), 100*c.Confidence)
	p.line("  %s", wrap(strings.Fields(Clean(c.Finding.Summary)), "", width-2, 2))
	most := allFacts
	if of > 1 {
		most = maxFacts
	}
	p.facts(c.Finding.Facts, most)
	p.explains(c)
	for i, cmd := range c.Finding.Commands {
		if i == maxLook {
			break
		}
		p.field(pick(i == 0, "look", ""), Clean(cmd))
	}
	p.field("fix", p.fix(c))
}

// explains prints how the cause leads to what is noticed, and beside that what
// stands in none of the chains shown.
func (p *page) explains(c diagnose.Cause) {
	title, shown := "explains", map[symptom.ID]bool{}
	for _, chain := range c.Chains[:min(maxChains, len(c.Chains))] {
		p.field(title, wrap(chainWords(c, chain), " ->", width-12, 12))
		title = ""
		for _, s := range chain {
			shown[s.ID] = true
		}
	}
	rest := slices.DeleteFunc(slices.Clone(c.Explains), func(id symptom.ID) bool { return shown[id] })
	if len(rest) > 0 {
		p.field(pick(title == "", "and", title), wrap(idWords(rest), ",", width-12, 12))
	}
}

// chainWords names each step, with its node where that is another one, and in
// brackets what was not looked for.
func chainWords(c diagnose.Cause, chain diagnose.Chain) []string {
	out := make([]string, len(chain))
	for i, s := range chain {
		out[i] = string(s.ID)
		if s.Node != c.Finding.Node {
			out[i] += " on " + Clean(s.Node)
		}
		if !s.Seen {
			out[i] = "(" + out[i] + ")"
		}
	}
	return out
}

func (p *page) field(name, text string) {
	p.line("  %s %s", p.brush.in(faint, fmt.Sprintf("%-9s", name)), text)
}

func pick(b bool, x, y string) string {
	if b {
		return x
	}
	return y
}

func idWords(ids []symptom.ID) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = string(id)
	}
	return out
}

// fix says how the cause is repaired.
func (p *page) fix(c diagnose.Cause) string {
	switch {
	case c.PlanErr != nil:
		return wrap(strings.Fields("no safe repair here: "+Clean(c.PlanErr.Error())+"; see klustered explain "+c.Fault.ID), "", width-12, 12)
	case len(c.Plan) == 0:
		return "by hand: klustered explain " + c.Fault.ID
	case p.opts.Offline:
		return fmt.Sprintf("on the node: klustered fix %s\n%14s(%s)", c.Fault.ID, "", changes(c))
	}
	risks := ""
	for _, r := range c.Plan.Risks() {
		risks += " --accept-risk=" + string(r)
	}
	return fmt.Sprintf("klustered fix %s%s --apply%s\n%14s(%s)", c.Fault.ID, p.opts.Target, risks, "", changes(c))
}

// changes says how many changes a repair makes, and what it puts at risk.
func changes(c diagnose.Cause) string {
	text := fmt.Sprintf("%d changes, undone by klustered undo", len(c.Plan))
	if len(c.Plan) == 1 {
		text = "1 change, undone by klustered undo"
	}
	if p := c.Plan.Risks(); len(p) > 0 {
		text += "; the risk is to be accepted by name"
	}
	return text
}

// oneWays are the parts of a plan that have no true undo.
func oneWays(plan op.Plan) []string {
	var out []string
	for _, o := range plan {
		if x, ok := o.(op.OneWay); ok && x.OneWay() != "" {
			out = append(out, x.OneWay())
		}
	}
	return out
}

// facts quotes evidence as a compiler quotes source.
func (p *page) facts(list []finding.Fact, most int) {
	for i, f := range list {
		if i == most {
			p.line("    %s", p.brush.in(faint, fmt.Sprintf("and %d more: -o json", len(list)-most)))
			return
		}
		p.line("    %s", p.brush.in(faint, Clean(f.Place())+when(f)))
		number := ""
		if f.Line > 0 {
			number = fmt.Sprint(f.Line)
		}
		got := Clean(f.Got)
		p.line("    %5s | %s", number, got)
		if f.Want != "" {
			p.line("          | %s want: %s", p.brush.in(yellow, strings.Repeat("^", min(max(1, len(got)), 24))), Clean(f.Want))
		}
	}
}

func when(f finding.Fact) string {
	if f.At.IsZero() {
		return ""
	}
	return " at " + f.At.UTC().Format("2006-01-02 15:04:05Z")
}

// brief lists findings of less weight, one line each.
func (p *page) brief(title, what string, list []diagnose.Cause) {
	if len(list) == 0 {
		return
	}
	p.line("")
	p.line("%s  %s", p.brush.in(bold, title), p.brush.in(faint, "("+what+")"))
	for i, c := range list {
		if i == maxList {
			p.line("  and %d more: -o json", len(list)-maxList)
			return
		}
		text := fmt.Sprintf("%s on %s: %s", c.Fault.ID, c.Finding.Node, c.Finding.Summary)
		if len(c.Behind) > 0 {
			text += " (follows from " + strings.Join(c.Behind, ", ") + ")"
		}
		p.line("  %s", wrap(strings.Fields(Clean(text)), "", width-2, 4))
	}
}

func (p *page) unexplained(list []diagnose.Sighting) {
	if len(list) == 0 {
		return
	}
	p.line("")
	p.line("%s  %s", p.brush.in(yellow, "UNEXPLAINED"), p.brush.in(faint, "(no rule accounts for it)"))
	for _, s := range list {
		p.line("  %s on %s: %s", s.ID, Clean(s.Node), s.Title)
		p.facts(s.Facts, 2)
	}
}

// unseen says what could not be looked at.
func (p *page) unseen(d *diagnose.Diagnosis) {
	gaps := d.Coverage.Gaps
	if len(gaps) == 0 {
		return
	}
	p.line("")
	p.line("%s", p.brush.in(bold, "NOT SEEN"))
	groups := grouped(gaps)
	for i, g := range groups {
		if i == maxGaps {
			p.line("  and %d more: -o json", len(groups)-maxGaps)
			break
		}
		p.line("  %s", wrap(strings.Fields(Clean(g)), "", width-2, 4))
	}
	if n := skipped(d); len(n) > 0 {
		p.line("  not evaluated for that: %s", wrap(n, ",", width-26, 26))
	}
}

// grouped renders the gaps, those of one section of one node as one.
func grouped(gaps []diagnose.Gap) []string {
	type key struct{ node, section string }
	count := map[key]int{}
	for _, g := range gaps {
		count[key{g.Node, string(g.Section)}]++
	}
	var out []string
	for _, g := range gaps {
		k := key{g.Node, string(g.Section)}
		n := count[k]
		if n == 0 {
			continue
		}
		delete(count, k)
		text := g.Node + ": " + string(g.Section)
		if g.Source != string(g.Section) {
			text += " " + g.Source
		}
		if text += ": " + g.Reason; n > 1 {
			text += fmt.Sprintf(" (and %d more of %s)", n-1, g.Section)
		}
		out = append(out, text)
	}
	return out
}

// skipped are the rules that a gap kept from being evaluated, each once.
func skipped(d *diagnose.Diagnosis) []string {
	var out []string
	for _, s := range d.Skipped {
		if !strings.HasSuffix(s.Reason, diagnose.NotHere) && !contains(out, s.Fault) {
			out = append(out, s.Fault)
		}
	}
	return out
}
