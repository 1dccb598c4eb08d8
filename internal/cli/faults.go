package cli

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/symptom"
)

// A faultRow is a fault in the list, as JSON.
type faultRow struct {
	ID       string       `json:"id"`
	Title    string       `json:"title"`
	Layer    string       `json:"layer"`
	Explains []symptom.ID `json:"explains"`
	Repaired bool         `json:"repaired"` // klustered can repair it
	Drilled  bool         `json:"drilled"`  // the lab can provoke it
}

func (a *App) faults() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "faults", Short: "List the faults that klustered knows", Args: atMost(0),
		Example: "  klustered faults\n  klustered faults -o json",
		RunE: func(*cobra.Command, []string) error {
			switch format {
			case "text":
				return a.faultTable()
			case "json":
				e := json.NewEncoder(a.Out)
				e.SetIndent("", "  ")
				return e.Encode(a.faultRows())
			}
			return fmt.Errorf("cannot write format %q: it is not one of text, json", format)
		},
	}
	c.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	return c
}

func (a *App) faultRows() []faultRow {
	rows := []faultRow{}
	for _, f := range a.Faults {
		r := faultRow{ID: f.ID, Title: f.Title(), Layer: string(f.Layer), Explains: []symptom.ID{}, Repaired: f.Remedy != nil, Drilled: f.Drill != nil}
		for _, e := range f.Explains {
			r.Explains = append(r.Explains, e.Symptom)
		}
		rows = append(rows, r)
	}
	return rows
}

func (a *App) faultTable() error {
	w := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tLAYER\tREPAIR\tDRILL\tTITLE")
	for _, r := range a.faultRows() {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.ID, r.Layer, yes(r.Repaired), yes(r.Drilled), r.Title)
	}
	return w.Flush()
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "-"
}
