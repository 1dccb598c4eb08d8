package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/internal/report"
)

// least is the shortest time between two looks: a look costs most of a second.
const leastInterval = time.Second

// watch diagnoses again and again and prints what appears and what goes, until
// it is ended. Text is for a person, JSON is an object a line.
func (a *App) watch(ctx context.Context, t *triage, faults []*fault.Fault, ignores []diagnose.Ignore) error {
	format := "text"
	if len(t.outputs) == 1 {
		format = t.outputs[0]
	}
	switch {
	case t.bundle != "" || t.root != "/":
		return errors.New("cannot watch what does not change: --watch is for running nodes")
	case t.save != "":
		return hint(errors.New("cannot save a bundle while watching"), "klustered bundle create FILE keeps one look")
	case len(t.outputs) > 1 || format != "text" && format != "json":
		return fmt.Errorf("cannot watch as %q: text and json, to standard output, are what there is", strings.Join(t.outputs, ", "))
	case t.interval < leastInterval:
		return fmt.Errorf("cannot look every %s: it takes longer", t.interval)
	}
	var tracker diagnose.Tracker
	unread := map[string]bool{}
	quiet := *a
	quiet.ErrTerminal = false
	for first := true; ; first = false {
		places, err := quiet.gather(ctx, &t.reach)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			fmt.Fprintf(a.Err, "klustered: %v\n", err)
		} else {
			unread = a.tellUnread(places, unread)
			d := diagnose.Run(snapshots(places), faults, ignores...)
			events := tracker.Update(d)
			if first && len(events) == 0 && format == "text" {
				fmt.Fprintf(a.Out, "%s  %s: %s; looking every %s\n", stamp(d.At), report.Clean(strings.Join(d.Nodes, ", ")), quietWord(d), t.interval)
			}
			if err := a.tellEvents(format, events); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(t.interval):
		}
	}
}

// quietWord says what it means that nothing shows.
func quietWord(d *diagnose.Diagnosis) string {
	if d.Incomplete() {
		return "nothing shows in what could be seen, and not everything could"
	}
	return "nothing shows"
}

// tellUnread says which nodes can no longer be read, once, and which can again.
// before are those that could not be read the last time.
func (a *App) tellUnread(places []place, before map[string]bool) map[string]bool {
	now := map[string]bool{}
	for _, p := range places {
		switch {
		case p.unread != nil:
			if now[p.spec] = true; !before[p.spec] {
				fmt.Fprintf(a.Err, "klustered: cannot read %s: %s; what showed there is kept\n", p.spec, oneLine(p.unread.Error()))
			}
		case before[p.spec]:
			fmt.Fprintf(a.Err, "klustered: %s can be read again\n", p.spec)
		}
	}
	return now
}

// An eventDoc is an event as JSON.
type eventDoc struct {
	At           time.Time `json:"at"`
	Event        string    `json:"event"` // appeared, gone
	Kind         string    `json:"kind"`  // cause, forecast, symptom
	ID           string    `json:"id"`
	Node         string    `json:"node"`
	Subject      string    `json:"subject,omitempty"`
	Text         string    `json:"text"`
	AfterSeconds float64   `json:"afterSeconds,omitempty"` // of what is gone: how long it was seen
}

func (a *App) tellEvents(format string, events []diagnose.Event) error {
	for _, e := range events {
		if format == "json" {
			doc := eventDoc{At: e.At, Event: "appeared", Kind: e.Kind, ID: e.ID, Node: e.Node, Subject: e.Subject, Text: e.Text}
			if e.Gone {
				doc.Event, doc.AfterSeconds = "gone", e.After.Seconds()
			}
			if err := json.NewEncoder(a.Out).Encode(doc); err != nil {
				return err
			}
			continue
		}
		sign, after := "+", ""
		if e.Gone {
			sign, after = "-", fmt.Sprintf("  (after %s)", e.After.Round(time.Second))
		}
		if _, err := fmt.Fprintf(a.Out, "%s  %s %-8s %s on %s: %s%s\n", stamp(e.At), sign, e.Kind, e.ID, report.Clean(e.Node), report.Clean(e.Text), after); err != nil {
			return err
		}
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format("15:04:05Z") }
