package eval

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/op"
)

// A Claim is a root cause that a diagnosis names.
type Claim struct {
	Fault      string  `json:"fault"`
	Node       string  `json:"node"`
	Subject    string  `json:"subject"`
	Summary    string  `json:"summary"`
	Confidence float64 `json:"confidence"`
	// Quotes are the places and the lines of its evidence.
	Quotes []string `json:"quotes,omitempty"`
}

// Claims are the root causes of d, those that hide behind others included,
// since a forecast is said as surely as they are.
func Claims(d *diagnose.Diagnosis) []Claim {
	var out []Claim
	for _, c := range slices.Concat(d.Causes, d.Forecast) {
		x := Claim{Fault: c.Fault.ID, Node: c.Finding.Node, Subject: c.Finding.Subject.String(), Summary: c.Finding.Summary, Confidence: c.Confidence}
		for _, f := range c.Finding.Facts {
			x.Quotes = append(x.Quotes, f.Source, f.Got)
		}
		out = append(out, x)
	}
	return out
}

// A Result is what was said of one case.
type Result struct {
	Case Case      `json:"case"`
	Lab  string    `json:"lab"`
	At   time.Time `json:"at"`
	Tool string    `json:"tool"` // the version that was measured
	// Touched are names of what each fault's drill changed: files, units, objects.
	Touched [][]string `json:"touched,omitempty"`
	// On are the nodes that each drill changed, "" where it was objects alone.
	On          []string `json:"on,omitempty"`
	Said        []Claim  `json:"said"`
	Unexplained []string `json:"unexplained,omitempty"`
	Seconds     float64  `json:"seconds"` // from the command to the answer
	// Mended is how its repair went, where one was tried.
	Mended *Mending `json:"mended,omitempty"`
	// Mute says why the diagnosis failed. Nothing was said then, and that counts.
	Mute string `json:"mute,omitempty"`
	// Failed says why the case could not be made. It is no verdict then.
	Failed string `json:"failed,omitempty"`
	// Kept is the version that asked the lab, where Tool was given the evidence
	// that was kept of that; "" where Tool asked itself.
	Kept string `json:"kept,omitempty"`
}

// Hear takes what a diagnosis says.
func (r *Result) Hear(d *diagnose.Diagnosis) {
	r.Said, r.Unexplained = Claims(d), nil
	for _, s := range d.Unexplained() {
		r.Unexplained = append(r.Unexplained, string(s.ID))
	}
}

// A Verdict is how good what was said is.
type Verdict struct {
	Found bool    // every cause was named
	Exact bool    // and by what was changed, and where
	First bool    // and what was named first is one of them
	False int     // what was named and is none
	Score float64 // precision if Found, else 0
}

// Judge scores a result. Of a healthy cluster nothing is to be said.
func Judge(r Result) Verdict {
	v := Verdict{Found: true, Exact: true}
	for i, id := range r.Case.Faults {
		named := slices.ContainsFunc(r.Said, func(c Claim) bool { return c.Fault == id })
		v.Found = v.Found && named
		v.Exact = v.Exact && named && i < len(r.Touched) && i < len(r.On) &&
			slices.ContainsFunc(r.Said, func(c Claim) bool { return c.Fault == id && c.at(r.On[i]) && c.names(r.Touched[i]) })
	}
	for _, c := range r.Said {
		if !slices.Contains(r.Case.Faults, c.Fault) {
			v.False++
		}
	}
	v.First = v.Found && len(r.Said) > 0 && slices.Contains(r.Case.Faults, r.Said[0].Fault)
	switch {
	case r.Mute != "":
		return Verdict{False: v.False}
	case r.Case.Kind == Healthy && v.False == 0:
		v.Score = 1
	case r.Case.Kind != Healthy && v.Found:
		v.Score = float64(len(r.Said)-v.False) / float64(len(r.Said))
	}
	return v
}

// names reports whether the claim names one of the things that were changed.
func (c Claim) names(things []string) bool {
	text := strings.Join(append([]string{c.Subject, c.Summary}, c.Quotes...), "\n")
	return slices.ContainsFunc(things, func(t string) bool { return mentions(text, t) })
}

// mentions reports whether the text has the name as a whole: web is none in
// webhook, nor /etc/x in /etc/xyz.
func mentions(text, name string) bool {
	part := func(r rune) bool { return r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	for rest := text; ; {
		before, after, ok := strings.Cut(rest, name)
		if !ok {
			return false
		}
		last, _ := utf8.DecodeLastRuneInString(text[:len(text)-len(rest)+len(before)])
		next, _ := utf8.DecodeRuneInString(after)
		if !part(last) && !part(next) {
			return true
		}
		rest = rest[len(before)+1:]
	}
}

// at reports whether the claim is of that node, "" being any. What is said of
// an object, a node or a member of etcd may be told by another one.
func (c Claim) at(node string) bool {
	kind, _, _ := strings.Cut(c.Subject, " ")
	return node == "" || c.Node == node || slices.Contains([]string{"object", "node", "member"}, kind)
}

// touched are the names of what a plan changes: of a file its path, of a unit
// and an object its name.
func touched(p op.Plan) []string {
	var out []string
	for _, o := range p {
		data, err := json.Marshal(o)
		if err != nil {
			continue
		}
		var fields map[string]any
		if json.Unmarshal(data, &fields) != nil {
			continue
		}
		out = append(out, namesIn(fields)...)
		if c, ok := o.(op.CreateObject); ok {
			var body struct{ Metadata struct{ Name string } }
			if json.Unmarshal(c.Body, &body) == nil && body.Metadata.Name != "" {
				out = append(out, body.Metadata.Name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// namesIn are the values of fields that name things. An API path names its
// last part.
func namesIn(fields map[string]any) []string {
	var out []string
	for key, v := range fields {
		switch v := v.(type) {
		case map[string]any:
			out = append(out, namesIn(v)...)
		case string:
			switch {
			case key == "link" && fields["path"] != nil: // where a symbolic link leads
			case key == "table" && fields["chain"] != nil: // nat and filter are everybody's
			case slices.Contains([]string{"path", "file", "name", "link", "dev", "dst", "table", "chain", "target", "sysctl"}, key):
				if strings.HasPrefix(v, "/api") {
					v = path.Base(v)
				}
				if len(v) > 1 {
					out = append(out, v)
				}
			}
		}
	}
	return out
}

// Silent is what a diagnoser that does nothing would have said.
func Silent(r Result) Result {
	r.Said = nil
	return r
}

// Accuser is what one that accuses everything would have said.
func Accuser(r Result, faults []string) Result {
	r.Said = nil
	for _, id := range faults {
		r.Said = append(r.Said, Claim{Fault: id})
	}
	return r
}

// A Summary adds up results.
type Summary struct {
	Cases   int
	Found   int
	Exact   int
	First   int
	False   int
	Score   float64 // the mean
	Seconds float64 // the mean
	Slowest float64
}

// Sum adds up the results that are verdicts.
func Sum(list []Result) Summary {
	var s Summary
	for _, r := range list {
		if r.Failed != "" {
			continue
		}
		v := Judge(r)
		s.Cases++
		s.Found += one(v.Found)
		s.Exact += one(v.Exact)
		s.First += one(v.First)
		s.False += v.False
		s.Score += v.Score
		s.Seconds += r.Seconds
		s.Slowest = max(s.Slowest, r.Seconds)
	}
	if s.Cases > 0 {
		s.Score /= float64(s.Cases)
		s.Seconds /= float64(s.Cases)
	}
	return s
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A Bin is how often claims of about one confidence were right.
type Bin struct {
	From, To float64 // confidence
	Claims   int
	Right    int
	Mean     float64 // of the confidences
}

// Calibrate sorts the claims of all results by their confidence.
func Calibrate(list []Result) []Bin {
	bins := []Bin{{From: 0, To: 0.5}, {From: 0.5, To: 0.7}, {From: 0.7, To: 0.8}, {From: 0.8, To: 0.9}, {From: 0.9, To: 0.95}, {From: 0.95, To: 1}}
	for _, r := range list {
		if r.Failed != "" {
			continue
		}
		for _, c := range r.Said {
			for i := range bins {
				if b := &bins[i]; c.Confidence >= b.From && (c.Confidence < b.To || b.To == 1) {
					b.Claims++
					b.Mean += c.Confidence
					b.Right += one(slices.Contains(r.Case.Faults, c.Fault))
					break
				}
			}
		}
	}
	for i := range bins {
		if bins[i].Claims > 0 {
			bins[i].Mean /= float64(bins[i].Claims)
		}
	}
	return slices.DeleteFunc(bins, func(b Bin) bool { return b.Claims == 0 })
}
