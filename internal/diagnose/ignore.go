package diagnose

import (
	"path"
	"slices"
	"time"

	"github.com/klustered/klustered/symptom"
)

// An Ignore is what a site knows of and does not want to be told again, with
// the reason, and a day after which it is told after all.
type Ignore struct {
	Fault   string // ID, area or layer
	Node    string // a pattern as of path.Match; "" is every node
	Subject string // a pattern of the subject's name; "" is every subject
	Reason  string
	Until   time.Time // the end of the day
	Source  string    // the file that says so
	Line    int
}

// An Ignored is a root cause that is not told as one.
type Ignored struct {
	Cause
	Why Ignore
}

// Expired reports whether the ignore is over at that time.
func (i Ignore) Expired(at time.Time) bool { return at.After(i.Until) }

func (i Ignore) matches(c Cause) bool {
	return c.Fault.Named(i.Fault) && glob(i.Node, c.Finding.Node) && glob(i.Subject, c.Finding.Subject.Name)
}

func glob(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return pattern == "" || pattern == name || err == nil && ok
}

// ignore sets aside the causes that list names. What they explain stays
// explained. An ignore that is over is told of with the diagnosis.
func (d *Diagnosis) ignore(list []Ignore) {
	var live []Ignore
	for _, i := range list {
		if i.Expired(d.At) {
			d.Expired = append(d.Expired, i)
			continue
		}
		live = append(live, i)
	}
	d.Causes = d.without(d.Causes, live)
	d.comeForward(d.without(d.Forecast, live))
}

// comeForward makes causes of what hid behind those that are ignored: what
// nothing told explains is no forecast any more.
func (d *Diagnosis) comeForward(forecast []Cause) {
	told := map[symptom.ID]bool{}
	for _, c := range d.Causes {
		for _, id := range c.Explains {
			told[id] = true
		}
	}
	shown := len(d.Causes) > 0
	d.Forecast = nil
	for _, c := range forecast {
		if shown && !slices.ContainsFunc(c.Explains, func(id symptom.ID) bool { return !told[id] }) {
			d.Forecast = add(d.Forecast, c)
			continue
		}
		d.Causes = add(d.Causes, c)
	}
}

func (d *Diagnosis) without(causes []Cause, list []Ignore) []Cause {
	var kept []Cause
	for _, c := range causes {
		if i, ok := ignored(c, list); ok {
			d.Ignored = append(d.Ignored, Ignored{c, i})
			continue
		}
		kept = add(kept, c)
	}
	return kept
}

func ignored(c Cause, list []Ignore) (Ignore, bool) {
	for _, i := range list {
		if i.matches(c) {
			return i, true
		}
	}
	return Ignore{}, false
}
