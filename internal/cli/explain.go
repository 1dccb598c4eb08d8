package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/symptom"
)

func (a *App) explain() *cobra.Command {
	return &cobra.Command{
		Use: "explain ID", Short: "Print the runbook of a fault, or what a symptom may come from",
		Example: "  klustered explain etcd/nospace\n  klustered explain node-not-ready",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return hint(fmt.Errorf("cannot explain %d things: name one fault or symptom", len(args)), "klustered faults lists the faults")
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return a.explainable(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.explainOne(args[0]) },
	}
}

// explainable are all IDs that can be explained.
func (a *App) explainable() []string {
	out := a.faultIDs()
	for _, s := range symptom.All() {
		out = append(out, string(s.ID))
	}
	return out
}

func (a *App) explainOne(id string) error {
	for _, f := range a.Faults {
		if f.ID == id {
			_, err := fmt.Fprint(a.Out, runbook(f))
			return err
		}
	}
	if s, ok := symptom.Lookup(symptom.ID(id)); ok {
		return a.explainSymptom(s)
	}
	err := fmt.Errorf("cannot explain %q: no fault or symptom has that ID", id)
	if near := nearest(id, a.explainable()); near != "" {
		return hint(err, "did you mean %s?", near)
	}
	return hint(err, "klustered faults lists the faults")
}

// runbook is the fault's page without what only a drill needs.
func runbook(f *fault.Fault) string {
	text := f.Runbook
	if before, rest, ok := strings.Cut(text, "\n## Hints\n"); ok {
		text = before
		if _, after, more := strings.Cut(rest, "\n## "); more {
			text += "\n## " + after
		}
	}
	head, body, _ := strings.Cut(strings.TrimRight(text, "\n"), "\n")
	explains := make([]string, len(f.Explains))
	for i, e := range f.Explains {
		explains[i] = string(e.Symptom)
	}
	return fmt.Sprintf("%s\n\n%s, layer %s; explains %s\n%s\n", head, f.ID, f.Layer, strings.Join(explains, ", "), body)
}

// explainSymptom says what a symptom is and which faults produce it.
func (a *App) explainSymptom(s symptom.Symptom) error {
	fmt.Fprintf(a.Out, "# %s: %s\n\nFaults that produce it:\n", s.ID, s.Title)
	none := true
	for _, f := range a.Faults {
		for _, e := range f.Explains {
			if e.Symptom == s.ID {
				fmt.Fprintf(a.Out, "  %-26s %-9s %s\n", f.ID, often(e.Strength), f.Title())
				none = false
			}
		}
	}
	if none {
		fmt.Fprintln(a.Out, "  none directly")
	}
	fmt.Fprintln(a.Out, "\nOther symptoms that lead to it:")
	none = true
	for _, x := range symptom.All() {
		for _, e := range x.LeadsTo {
			if e.Symptom == s.ID {
				fmt.Fprintf(a.Out, "  %-26s %-9s %s\n", x.ID, often(e.Strength), x.Title)
				none = false
			}
		}
	}
	if none {
		fmt.Fprintln(a.Out, "  none")
	}
	return nil
}

func often(s symptom.Strength) string {
	switch {
	case s >= symptom.Always:
		return "always"
	case s >= symptom.Usually:
		return "usually"
	}
	return "sometimes"
}
