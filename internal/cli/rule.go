package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/internal/bundle"
	"github.com/klustered/klustered/internal/site"
	"github.com/klustered/klustered/snapshot"
)

func (a *App) rule() *cobra.Command {
	c := &cobra.Command{
		Use: "rule", Short: "Rules of a site's own", Args: a.unknownCommand,
		Long: `A site may know faults of its own. A rule is a YAML file with expressions in CEL
over the evidence, with the fields that a bundle has in JSON. The sections that
it needs are those that its expressions read. A field that is missing reads as
empty, 0, false or the year 1: ask with has() where that would mean something.

  apiVersion: klustered.dev/v1
  kind: Rule
  id: site/backupfailed
  title: The nightly backup failed
  layer: systemd
  each: snapshot.systemd.units.filter(u, u.active == "failed")
  when: it.name.startsWith("backup")
  subject: {kind: unit, name: it.name}
  summary: '"the unit " + it.name + " failed"'
  facts:
  - {source: it.path, got: '"ActiveState=" + it.active', want: '"ActiveState=inactive"'}
  explains:
  - {symptom: io-pressure, strength: sometimes}
  commands: [systemctl list-units --failed]
  repair: Ask the storage team.
  tests:
  - {bundle: failed.bundle, finds: [backup-home.service]}`,
		Example: "  klustered rule test ./rules\n  klustered triage --rules ./rules",
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.ruleTest())
	return c
}

func (a *App) ruleTest() *cobra.Command {
	return &cobra.Command{
		Use: "test DIR", Short: "Check every rule of a folder, and run its tests", Args: atMost(1),
		Long: `Test reads every *.yaml of the folder, checks the types of all expressions, and
evaluates each rule on the bundles of its tests: the names of the subjects that
it finds have to be those that the test says. A rule without a test is told of.
It exits with 2 when a test fails.`,
		Example: "  klustered rule test ./rules",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return hint(errors.New("cannot test rules: no folder was named"), "klustered rule test ./rules")
			}
			return a.testRules(args[0])
		},
	}
}

func (a *App) testRules(dir string) error {
	rules, err := site.LoadRules(dir)
	if err != nil {
		return hint(err, "klustered rule --help shows a whole one")
	}
	failed := false
	for _, r := range rules {
		fmt.Fprintf(a.Out, "%s  %s: needs %s\n", r.Fault.ID, r.Path, sectionWords(r.Fault))
		if len(r.Tests) == 0 {
			fmt.Fprintln(a.Out, "  none  it has no test")
		}
		for _, t := range r.Tests {
			got, err := found(r, filepath.Join(filepath.Dir(r.Path), t.Bundle))
			if err != nil {
				return err
			}
			want := slices.Sorted(slices.Values(t.Finds))
			if slices.Equal(got, want) {
				fmt.Fprintf(a.Out, "  pass  %s\n", t.Bundle)
				continue
			}
			failed = true
			fmt.Fprintf(a.Out, "  FAIL  %s: finds [%s], want [%s]\n", t.Bundle, strings.Join(got, " "), strings.Join(want, " "))
		}
	}
	if failed {
		return exitCode(2)
	}
	return nil
}

func sectionWords(f *fault.Fault) string {
	var out []string
	for _, x := range f.Needs {
		out = append(out, string(x))
	}
	for _, x := range f.Uses {
		out = append(out, "perhaps "+string(x))
	}
	return strings.Join(out, ", ")
}

// found are the names of the subjects that the rule finds in a bundle, sorted.
func found(r site.Rule, file string) (names []string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := bundle.Open(f)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", file, err)
	}
	defer func() {
		if x := recover(); x != nil {
			names, err = nil, fmt.Errorf("cannot evaluate %s on %s: %v", r.Fault.ID, file, x)
		}
	}()
	evaluated := false
	for _, s := range b.Snapshots() {
		if slices.ContainsFunc(r.Fault.Needs, func(x snapshot.Section) bool { return !s.Has(x) }) {
			continue
		}
		evaluated = true
		for _, x := range r.Fault.Detect(s.Only(slices.Concat(r.Fault.Needs, r.Fault.Uses)...)) {
			names = append(names, x.Subject.Name)
		}
	}
	if !evaluated {
		return nil, fmt.Errorf("cannot evaluate %s on %s: it lacks what the rule needs: %s", r.Fault.ID, file, sectionWords(r.Fault))
	}
	slices.Sort(names)
	return names, nil
}

// withRules are the faults that are known, and those of the site's folders.
func (a *App) withRules(dirs []string) ([]*fault.Fault, error) {
	all := slices.Clone(a.Faults)
	for _, dir := range dirs {
		rules, err := site.LoadRules(dir)
		if err != nil {
			return nil, hint(err, "klustered rule test %s checks them", dir)
		}
		for _, r := range rules {
			all = append(all, r.Fault)
		}
	}
	return all, nil
}
