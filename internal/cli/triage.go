package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/internal/bundle"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/internal/report"
)

// A triage is the flags of the command.
type triage struct {
	reach
	outputs    []string
	only, skip []string
	save       string
	redact     string
	note       string
	site       string
	rules      []string
	watch      bool
	interval   time.Duration
}

func (a *App) triage() *cobra.Command {
	var t triage
	c := &cobra.Command{
		Use: "triage", Short: "Say what is wrong with a node, and why", Args: atMost(0),
		Long: `Triage reads the evidence of one or more nodes, names the root causes with the
lines that show them, and says what could not be seen. Nothing is changed, and
no program of the node is run.

Exit codes: 0 healthy, 1 klustered failed, 2 root causes were found, 3 nothing
was found but not everything could be seen or explained.`,
		Example: `  klustered triage
  klustered triage --node docker://klustered-cp1 --node docker://klustered-worker1
  klustered triage --save incident.bundle -o text -o json=incident.json
  klustered triage --bundle incident.bundle --only cni
  klustered triage --watch --interval 10s`,
		RunE: func(c *cobra.Command, _ []string) error { return a.runTriage(c, &t) },
	}
	f := c.Flags()
	t.flags(f)
	t.offlineFlags(f)
	f.StringArrayVarP(&t.outputs, "output", "o", []string{"text"}, "text, json or md; FORMAT=FILE writes to a file (repeatable)")
	f.StringSliceVar(&t.only, "only", nil, "only these faults, areas or layers")
	f.StringSliceVar(&t.skip, "skip", nil, "not these faults, areas or layers")
	f.StringVar(&t.save, "save", "", "write the evidence to this bundle")
	f.StringVar(&t.redact, "redact", string(bundle.Secrets), "what the bundle leaves out: none, secrets, addresses or names")
	siteFlag(f, &t.site)
	f.StringArrayVar(&t.rules, "rules", nil, "a folder of this site's own rules, see klustered rule (repeatable)")
	f.BoolVar(&t.watch, "watch", false, "look again and again, and say what appears and what goes, and after how long")
	f.DurationVar(&t.interval, "interval", 5*time.Second, "how long to wait between looks of --watch")
	f.StringVar(&t.note, "note", "", "what the bundle is of, kept in it")
	return c
}

func (a *App) runTriage(c *cobra.Command, t *triage) error {
	faults, err := a.withRules(t.rules)
	if err != nil {
		return err
	}
	if faults, err = pick(faults, t.only, t.skip); err != nil {
		return err
	}
	outs, err := a.outputs(t.outputs)
	if err != nil {
		return err
	}
	if !slices.Contains(bundle.Levels(), bundle.Level(t.redact)) {
		return fmt.Errorf("cannot redact to level %q: it is not one of none, secrets, addresses, names", t.redact)
	}
	ignores, err := a.ignores(t.site)
	if err != nil {
		return err
	}
	if t.watch {
		return a.watch(c.Context(), t, faults, ignores)
	}
	start := time.Now()
	places, err := a.gather(c.Context(), &t.reach)
	if err != nil {
		return err
	}
	d := diagnose.Run(snapshots(places), faults, ignores...)
	if t.save != "" {
		if err := save(t, parts(places), start); err != nil {
			return err
		}
	}
	o := report.Options{Target: t.target(), Offline: t.bundle != "" || t.root != "/"}
	if t.bundle == "" {
		o.TotalMs = float64(time.Since(start).Microseconds()) / 1000
	}
	if err := a.show(c, outs, d, o); err != nil {
		return err
	}
	if code := d.Exit(); code != diagnose.ExitHealthy {
		return exitCode(code)
	}
	return nil
}

// pick returns the faults that only and skip leave.
func pick(faults []*fault.Fault, only, skip []string) ([]*fault.Fault, error) {
	for _, x := range slices.Concat(only, skip) {
		if !slices.ContainsFunc(faults, func(f *fault.Fault) bool { return f.Named(x) }) {
			err := fmt.Errorf("cannot pick %q: no fault, area or layer has that name", x)
			if near := nearest(x, faultIDs(faults)); near != "" {
				return nil, hint(err, "did you mean %s?", near)
			}
			return nil, hint(err, "klustered faults lists them")
		}
	}
	var out []*fault.Fault
	for _, f := range faults {
		is := func(x string) bool { return f.Named(x) }
		if (len(only) == 0 || slices.ContainsFunc(only, is)) && !slices.ContainsFunc(skip, is) {
			out = append(out, f)
		}
	}
	return out, nil
}

func (a *App) faultIDs() []string { return faultIDs(a.Faults) }

func faultIDs(faults []*fault.Fault) []string {
	out := make([]string, len(faults))
	for i, f := range faults {
		out[i] = f.ID
	}
	return out
}

// An output is a format and where it goes; "" is standard output.
type output struct{ format, file string }

func (a *App) outputs(list []string) ([]output, error) {
	var out []output
	plain := 0
	for _, x := range list {
		o := output{format: x}
		o.format, o.file, _ = strings.Cut(x, "=")
		if !slices.Contains(report.Formats(), o.format) {
			return nil, fmt.Errorf("cannot write format %q: it is not one of %s", o.format, strings.Join(report.Formats(), ", "))
		}
		if o.file == "" {
			plain++
		}
		out = append(out, o)
	}
	if plain > 1 {
		return nil, hint(fmt.Errorf("cannot write %d formats to standard output", plain), "write all but one to a file: -o json=FILE")
	}
	return out, nil
}

func (a *App) show(c *cobra.Command, outs []output, d *diagnose.Diagnosis, o report.Options) error {
	color, err := a.color(c)
	if err != nil {
		return err
	}
	for _, x := range outs {
		if x.file == "" {
			o.Color = color && x.format == "text"
			if err := report.Write(a.Out, x.format, d, o); err != nil {
				return err
			}
			continue
		}
		o.Color = false
		if err := toFile(x.file, func(w io.Writer) error { return report.Write(w, x.format, d, o) }); err != nil {
			return err
		}
	}
	return nil
}

// color reads --color.
func (a *App) color(c *cobra.Command) (bool, error) {
	mode, _ := c.Flags().GetString("color")
	if !slices.Contains([]string{"auto", "always", "never"}, mode) {
		return false, fmt.Errorf("cannot use --color %q: it is not one of auto, always, never", mode)
	}
	return report.ColorWanted(mode, a.OutTerminal, a.Getenv), nil
}

func save(t *triage, parts []bundle.Part, at time.Time) error {
	return toFile(t.save, func(w io.Writer) error {
		return bundle.Write(w, parts, bundle.Options{Created: at, Tool: Version(), Note: t.note, Level: bundle.Level(t.redact)})
	})
}

// toFile writes a file whole or not at all.
func toFile(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".klustered-*")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	defer os.Remove(f.Name())
	if err := write(f); err != nil {
		f.Close()
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	return nil
}
