package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/internal/demo"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/internal/report"
	"github.com/klustered/klustered/snapshot"
)

func (a *App) demo() *cobra.Command {
	var list bool
	c := &cobra.Command{
		Use: "demo [NAME]", Short: "Triage incidents recorded from real broken clusters", Args: atMost(1),
		Long: `Demo diagnoses incidents that were recorded from real broken lab clusters and
are kept in the program. It needs no cluster, no network and no rights.`,
		Example: "  klustered demo\n  klustered demo --list",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return demo.Names(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			if list {
				return a.demoList()
			}
			return a.runDemo(c, args)
		},
	}
	c.Flags().BoolVar(&list, "list", false, "list the incidents")
	return c
}

func (a *App) demoList() error {
	for _, name := range demo.Names() {
		i, err := demo.Load(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.Out, "%-24s %s\n", name, firstLine(i.Story()))
	}
	return nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func (a *App) runDemo(c *cobra.Command, args []string) error {
	all := demo.Names()
	if len(args) == 1 {
		if near := nearest(args[0], all); !has(all, args[0]) {
			err := fmt.Errorf("cannot show incident %q: none of that name is recorded", args[0])
			if near != "" {
				return hint(err, "did you mean klustered demo %s?", near)
			}
			return hint(err, "klustered demo --list lists them")
		}
		all = args
	}
	if len(all) == 0 {
		fmt.Fprintln(a.Out, "No incident is recorded in this klustered.")
		return nil
	}
	color, err := a.color(c)
	if err != nil {
		return err
	}
	for i, name := range all {
		if i > 0 {
			fmt.Fprintln(a.Out)
		}
		if err := a.tell(name, i+1, len(all), color); err != nil {
			return err
		}
	}
	return nil
}

func has(list []string, x string) bool {
	for _, y := range list {
		if x == y {
			return true
		}
	}
	return false
}

// tell narrates one incident: what had happened, then what triage makes of it.
func (a *App) tell(name string, n, of int, color bool) error {
	i, err := demo.Load(name)
	if err != nil {
		return err
	}
	rule := strings.Repeat("=", 78)
	fmt.Fprintf(a.Out, "%s\nIncident %d of %d: %s\n", rule, n, of, name)
	for line := range strings.Lines(i.Story()) {
		fmt.Fprintf(a.Out, "  %s\n", strings.TrimRight(line, "\n"))
	}
	fmt.Fprintf(a.Out, "  recorded %s from %s\n%s\n", i.Bundle.Manifest.Created.Format("2006-01-02 15:04 MST"), nodeNames(i.Bundle.Snapshots()), rule)
	d := diagnose.Run(i.Bundle.Snapshots(), a.Faults)
	return report.Text(a.Out, d, report.Options{Color: color, Offline: true})
}

func nodeNames(snaps []*snapshot.Snapshot) string {
	var out []string
	for _, s := range snaps {
		out = append(out, s.Node)
	}
	return strings.Join(out, ", ")
}
