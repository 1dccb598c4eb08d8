package report

import (
	"encoding/json"
	"io"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/symptom"
)

// APIVersion names the contract of the JSON.
const APIVersion = "klustered.dev/v1"

// A Document is the JSON of a diagnosis. Lists are never null.
type Document struct {
	APIVersion   string       `json:"apiVersion"`
	Kind         string       `json:"kind"` // Diagnosis
	At           time.Time    `json:"at"`
	Nodes        []string     `json:"nodes"`
	Others       []string     `json:"others"` // nodes of the cluster that were not looked at
	Kubernetes   bool         `json:"kubernetes"`
	ExitCode     int          `json:"exitCode"`
	Coverage     CoverageDoc  `json:"coverage"`
	Trust        []CheckDoc   `json:"trust"`
	Layers       []LayerDoc   `json:"layers"`
	Causes       []CauseDoc   `json:"causes"`
	Forecast     []CauseDoc   `json:"forecast"`
	Contributing []CauseDoc   `json:"contributing"`
	Ignored      []IgnoredDoc `json:"ignored"`
	Expired      []IgnoreDoc  `json:"expiredIgnores"`
	Symptoms     []SymptomDoc `json:"symptoms"`
	Unexplained  []symptom.ID `json:"unexplained"`
	NotEvaluated []SkippedDoc `json:"notEvaluated"`
	Timing       TimingDoc    `json:"timing"`
}

// A CoverageDoc says how much of the evidence was had.
type CoverageDoc struct {
	Seen  int      `json:"seen"`
	Total int      `json:"total"`
	Gaps  []GapDoc `json:"gaps"`
}

// A GapDoc is evidence that could not be had.
type GapDoc struct {
	Source  string `json:"source"`
	Reason  string `json:"reason"`
	Node    string `json:"node"`
	Section string `json:"section"`
}

// A CheckDoc is a check of the operator's tools.
type CheckDoc struct {
	Check  string    `json:"check"`
	Status string    `json:"status"` // ok, suspect, unseen
	Node   string    `json:"node"`
	Facts  []FactDoc `json:"facts"`
}

// A LayerDoc is a rung of the ladder.
type LayerDoc struct {
	Name   string `json:"name"`
	Status string `json:"status"` // ok, broken, blocked, unexplained, unseen, none
	Cause  string `json:"cause"`
}

// A CauseDoc is a finding.
type CauseDoc struct {
	Rank       int             `json:"rank"`
	ID         string          `json:"id"`
	Title      string          `json:"title"`
	Summary    string          `json:"summary"`
	Layer      string          `json:"layer"`
	Node       string          `json:"node"`
	Subject    finding.Subject `json:"subject"`
	Confidence float64         `json:"confidence"`
	Root       bool            `json:"root"`
	Facts      []FactDoc       `json:"facts"`
	Explains   []symptom.ID    `json:"explains"`
	Chains     [][]StepDoc     `json:"chains"` // how it leads there
	Behind     []string        `json:"behind"` // faults that bring this one about
	Commands   []string        `json:"commands"`
	Remedy     RemedyDoc       `json:"remedy"`
}

// A StepDoc is a symptom in a chain.
type StepDoc struct {
	ID   symptom.ID `json:"id"`
	Node string     `json:"node"`
	Seen bool       `json:"seen"` // false when it was not looked for
}

// An IgnoredDoc is a root cause that the site does not want to be told of.
type IgnoredDoc struct {
	CauseDoc
	Ignore IgnoreDoc `json:"ignore"`
}

// An IgnoreDoc is why something is not told, and until when.
type IgnoreDoc struct {
	Fault  string `json:"fault"`
	Reason string `json:"reason"`
	Until  string `json:"until"` // a day
	Source string `json:"source"`
	Line   int    `json:"line"`
}

// A RemedyDoc is a repair.
type RemedyDoc struct {
	Available bool     `json:"available"`
	Risk      []string `json:"risk"`
	Plan      []string `json:"plan"`
	OneWay    []string `json:"oneWay"` // what an undo does not bring back
	Error     string   `json:"error,omitempty"`
}

// A FactDoc is a quotation.
type FactDoc struct {
	Source string     `json:"source"`
	Line   int        `json:"line"`
	Got    string     `json:"got"`
	Want   string     `json:"want"`
	At     *time.Time `json:"at,omitempty"`
}

// A SymptomDoc is a symptom that shows.
type SymptomDoc struct {
	ID          symptom.ID `json:"id"`
	Title       string     `json:"title"`
	Node        string     `json:"node"`
	Facts       []FactDoc  `json:"facts"`
	ExplainedBy []string   `json:"explainedBy"`
}

// A SkippedDoc is a rule that could not be evaluated.
type SkippedDoc struct {
	Fault  string `json:"fault"`
	Reason string `json:"reason"`
	Node   string `json:"node"`
}

// A TimingDoc is how long it took.
type TimingDoc struct {
	TotalMs float64     `json:"totalMs"`
	Sources []SourceDoc `json:"sources"`
}

// A SourceDoc is how long one source took.
type SourceDoc struct {
	Name string  `json:"name"`
	Ms   float64 `json:"ms"`
	Node string  `json:"node"`
}

// JSON writes the contract.
func JSON(w io.Writer, d *diagnose.Diagnosis, o Options) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(NewDocument(d, o))
}

// NewDocument puts a diagnosis into the shape of the contract.
func NewDocument(d *diagnose.Diagnosis, o Options) Document {
	doc := Document{
		APIVersion: APIVersion, Kind: "Diagnosis", At: d.At, Nodes: list(d.Nodes), Others: list(d.Others),
		Kubernetes: d.Kubernetes, ExitCode: d.Exit(),
		Coverage: CoverageDoc{d.Coverage.Seen, d.Coverage.Total, each(d.Coverage.Gaps, func(g diagnose.Gap) GapDoc {
			return GapDoc{g.Source, g.Reason, g.Node, string(g.Section)}
		})},
		Trust: each(d.Trust, func(c diagnose.Check) CheckDoc {
			return CheckDoc{c.Name, string(c.Status), c.Node, each(c.Facts, factDoc)}
		}),
		Layers: each(d.Layers, func(l diagnose.Layer) LayerDoc { return LayerDoc{string(l.Name), string(l.Status), l.Cause} }),
		Causes: each(d.Causes, causeDoc), Forecast: each(d.Forecast, causeDoc), Contributing: each(d.Notes, causeDoc),
		Ignored: each(d.Ignored, ignoredDoc), Expired: each(d.Expired, ignoreDoc),
		Symptoms: each(d.Symptoms, func(s diagnose.Sighting) SymptomDoc {
			return SymptomDoc{s.ID, s.Title, s.Node, each(s.Facts, factDoc), list(s.ExplainedBy)}
		}),
		Unexplained:  unexplainedIDs(d),
		NotEvaluated: each(d.Skipped, func(s diagnose.Skipped) SkippedDoc { return SkippedDoc{s.Fault, s.Reason, s.Node} }),
		Timing: TimingDoc{o.TotalMs, each(d.Sources, func(s diagnose.Source) SourceDoc {
			return SourceDoc{s.Name, s.Ms, s.Node}
		})},
	}
	for i := range doc.Causes {
		doc.Causes[i].Root = true
	}
	for i := range doc.Forecast {
		doc.Forecast[i].Root = true
	}
	for i := range doc.Ignored {
		doc.Ignored[i].Root = true
	}
	return doc
}

func list[T any](in []T) []T {
	if in == nil {
		return []T{}
	}
	return in
}

func each[A, B any](in []A, f func(A) B) []B {
	out := make([]B, len(in))
	for i, x := range in {
		out[i] = f(x)
	}
	return out
}

func factDoc(f finding.Fact) FactDoc {
	doc := FactDoc{Source: f.Source, Line: f.Line, Got: f.Got, Want: f.Want}
	if !f.At.IsZero() {
		doc.At = &f.At
	}
	return doc
}

func causeDoc(c diagnose.Cause) CauseDoc {
	doc := CauseDoc{
		Rank: c.Rank, ID: c.Fault.ID, Title: c.Fault.Title(), Summary: c.Finding.Summary, Layer: string(c.Fault.Layer),
		Node: c.Finding.Node, Subject: c.Finding.Subject, Confidence: float64(int(1000*c.Confidence)) / 1000,
		Facts: each(c.Finding.Facts, factDoc), Explains: list(c.Explains), Chains: each(c.Chains, chainDoc), Behind: list(c.Behind), Commands: list(c.Finding.Commands),
		Remedy: RemedyDoc{Available: len(c.Plan) > 0, Risk: []string{}, Plan: []string{}, OneWay: list(oneWays(c.Plan))},
	}
	for _, r := range c.Plan.Risks() {
		doc.Remedy.Risk = append(doc.Remedy.Risk, string(r))
	}
	for _, o := range c.Plan {
		doc.Remedy.Plan = append(doc.Remedy.Plan, o.String())
	}
	if c.PlanErr != nil {
		doc.Remedy.Error = c.PlanErr.Error()
	}
	return doc
}

// unexplainedIDs are the symptoms that nothing explains on some node, each once.
func unexplainedIDs(d *diagnose.Diagnosis) []symptom.ID {
	out := []symptom.ID{}
	seen := map[symptom.ID]bool{}
	for _, s := range d.Unexplained() {
		if !seen[s.ID] {
			seen[s.ID] = true
			out = append(out, s.ID)
		}
	}
	return out
}

func chainDoc(c diagnose.Chain) []StepDoc {
	return each(c, func(s diagnose.Step) StepDoc { return StepDoc(s) })
}

func ignoredDoc(x diagnose.Ignored) IgnoredDoc {
	return IgnoredDoc{causeDoc(x.Cause), ignoreDoc(x.Why)}
}

func ignoreDoc(x diagnose.Ignore) IgnoreDoc {
	return IgnoreDoc{Fault: x.Fault, Reason: x.Reason, Until: x.Until.Format(time.DateOnly), Source: x.Source, Line: x.Line}
}
