package diagnose

import (
	"slices"
	"strings"
	"time"
)

// An Event is that a cause or a symptom appeared or went, between one
// diagnosis and the next.
type Event struct {
	At      time.Time
	Kind    string // cause, forecast, symptom
	ID      string // of the fault or symptom
	Node    string
	Subject string // of a cause
	Text    string // its summary or title
	Gone    bool
	After   time.Duration // of what went: for how long it was seen
}

func (e Event) key() string { return e.Kind + "\x00" + e.ID + "\x00" + e.Node + "\x00" + e.Subject }

// A Tracker tells what changes from one diagnosis to the next.
type Tracker struct {
	open []Event // what shows, as it appeared, oldest first
}

// Update takes the next diagnosis and returns what appeared and what went,
// what went first. What could not be looked at this time is kept, be it a node
// or the evidence of one rule or symptom: unknown is not gone.
func (t *Tracker) Update(d *Diagnosis) []Event {
	now := shown(d)
	var events, open []Event
	for _, e := range t.open {
		if slices.ContainsFunc(now, func(x Event) bool { return x.key() == e.key() }) || !looked(d, e) {
			open = append(open, e)
			continue
		}
		e.Gone, e.After, e.At = true, d.At.Sub(e.At), d.At
		events = append(events, e)
	}
	for _, e := range now {
		if !slices.ContainsFunc(open, func(x Event) bool { return x.key() == e.key() }) {
			open, events = append(open, e), append(events, e)
		}
	}
	t.open = open
	return events
}

// looked reports whether the diagnosis could have told of what e tells.
func looked(d *Diagnosis, e Event) bool {
	if e.Kind == "symptom" {
		return slices.ContainsFunc(d.Absent, func(s Step) bool { return string(s.ID) == e.ID && s.Node == e.Node })
	}
	skipped := func(s Skipped) bool {
		return s.Fault == e.ID && s.Node == e.Node && !strings.HasSuffix(s.Reason, NotHere)
	}
	return slices.Contains(d.Nodes, e.Node) && !slices.ContainsFunc(d.Skipped, skipped)
}

// shown is all that a diagnosis tells of.
func shown(d *Diagnosis) []Event {
	var out []Event
	for _, c := range d.Causes {
		out = append(out, causeEvent("cause", d.At, c))
	}
	for _, c := range d.Forecast {
		out = append(out, causeEvent("forecast", d.At, c))
	}
	for _, s := range d.Symptoms {
		out = append(out, Event{At: d.At, Kind: "symptom", ID: string(s.ID), Node: s.Node, Text: s.Title})
	}
	return out
}

func causeEvent(kind string, at time.Time, c Cause) Event {
	return Event{At: at, Kind: kind, ID: c.Fault.ID, Node: c.Finding.Node, Subject: c.Finding.Subject.String(), Text: c.Finding.Summary}
}
