package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/internal/bundle"
	"github.com/klustered/klustered/internal/report"
	"github.com/klustered/klustered/snapshot"
)

// A nodeDiff is what differs of one node.
type nodeDiff struct {
	Node    string          `json:"node"`
	Only    string          `json:"only,omitempty"` // "first" or "second" when one bundle alone has it
	Changes []bundle.Change `json:"changes"`
}

func (a *App) bundleDiff() *cobra.Command {
	var identities, sections []string
	var all bool
	var format string
	c := &cobra.Command{
		Use: "diff FIRST SECOND", Short: "Say what differs between two bundles", Args: cobra.MaximumNArgs(2),
		Long: `Diff compares the nodes of two bundles by their names: what appeared, went and
changed, and the difference of each file. Counters and times that change by
themselves are left out unless --all says otherwise. The exit code is 0 when
nothing differs and 2 when something does.`,
		Example: `  klustered bundle diff before.bundle after.bundle
  klustered bundle diff before.bundle after.bundle --section static --section pki`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return hint(errors.New("cannot compare: it takes two bundles"), "klustered bundle diff FIRST SECOND")
			}
			if err := knownSections(sections); err != nil {
				return err
			}
			var both [2]*bundle.Bundle
			for i, name := range args {
				var err error
				if both[i], err = a.readBundle(name, identities, false); err != nil {
					return err
				}
			}
			return a.showDiff(nodeDiffs(both[0], both[1], sections, all), format)
		},
	}
	f := c.Flags()
	identityFlag(f, &identities)
	f.StringArrayVar(&sections, "section", nil, "only this section of the evidence (repeatable)")
	f.BoolVar(&all, "all", false, "also what changes by itself: counters, times, loads")
	f.StringVarP(&format, "output", "o", "text", "text or json")
	return c
}

func knownSections(names []string) error {
	known := map[string]bool{}
	var list []string
	for _, x := range snapshot.Sections() {
		known[string(x)] = true
		list = append(list, string(x))
	}
	for _, n := range names {
		if !known[n] {
			return hint(fmt.Errorf("cannot compare section %q: there is none of that name", n), "the sections are %s", strings.Join(list, ", "))
		}
	}
	return nil
}

func nodeDiffs(first, second *bundle.Bundle, sections []string, all bool) []nodeDiff {
	var out []nodeDiff
	for _, a := range first.Snapshots() {
		b := nodeOf(second, a.Node)
		if b == nil {
			out = append(out, nodeDiff{Node: a.Node, Only: "first"})
			continue
		}
		d := nodeDiff{Node: a.Node, Changes: []bundle.Change{}}
		for _, c := range bundle.Diff(a, b, all) {
			if len(sections) == 0 || has(sections, string(c.Section)) {
				d.Changes = append(d.Changes, c)
			}
		}
		out = append(out, d)
	}
	for _, b := range second.Snapshots() {
		if nodeOf(first, b.Node) == nil {
			out = append(out, nodeDiff{Node: b.Node, Only: "second"})
		}
	}
	return out
}

func nodeOf(b *bundle.Bundle, name string) *snapshot.Snapshot {
	for _, s := range b.Snapshots() {
		if s.Node == name {
			return s
		}
	}
	return nil
}

func (a *App) showDiff(list []nodeDiff, format string) error {
	differs := false
	for _, d := range list {
		differs = differs || d.Only != "" || len(d.Changes) > 0
	}
	switch format {
	case "json":
		e := json.NewEncoder(a.Out)
		e.SetIndent("", "  ")
		if err := e.Encode(list); err != nil {
			return err
		}
	case "text":
		for _, d := range list {
			a.diffText(d)
		}
	default:
		return fmt.Errorf("cannot write format %q: it is not one of text, json", format)
	}
	if differs {
		return exitCode(2)
	}
	return nil
}

func (a *App) diffText(d nodeDiff) {
	switch {
	case d.Only != "":
		fmt.Fprintf(a.Out, "NODE %s: only in the %s bundle\n", report.Clean(d.Node), d.Only)
	case len(d.Changes) == 0:
		fmt.Fprintf(a.Out, "NODE %s: no difference\n", report.Clean(d.Node))
	default:
		fmt.Fprintf(a.Out, "NODE %s\n", report.Clean(d.Node))
	}
	for _, c := range d.Changes {
		place := report.Clean(string(c.Section) + "." + c.Path)
		switch {
		case c.Old == "":
			fmt.Fprintf(a.Out, "  + %s: %s\n", place, short(c.New))
		case c.New == "":
			fmt.Fprintf(a.Out, "  - %s: %s\n", place, short(c.Old))
		case c.Text != "":
			fmt.Fprintf(a.Out, "  ~ %s\n", place)
			for line := range strings.Lines(c.Text) {
				fmt.Fprintf(a.Out, "      %s\n", report.Clean(strings.TrimRight(line, "\n")))
			}
		default:
			fmt.Fprintf(a.Out, "  ~ %s: %s -> %s\n", place, short(c.Old), short(c.New))
		}
	}
}

// short is a value as a line of text holds it.
func short(value string) string {
	const most = 160
	if r := []rune(report.Clean(value)); len(r) > most {
		return string(r[:most]) + "..."
	}
	return report.Clean(value)
}
