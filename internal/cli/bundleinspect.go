package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/internal/bundle"
	"github.com/klustered/klustered/internal/report"
	"github.com/klustered/klustered/snapshot"
)

func (a *App) bundleInspect() *cobra.Command {
	var identities []string
	var show, format string
	var raw bool
	c := &cobra.Command{
		Use: "inspect FILE", Short: "Say what is in a bundle", Args: cobra.MaximumNArgs(1),
		Long: `Inspect checks every entry of a bundle against its manifest and says what is in
it: which nodes, when and how fast they were read, what could not be, and the
raw evidence. --show prints one file of it. - is standard input.`,
		Example: `  klustered bundle inspect incident.bundle
  klustered bundle inspect incident.bundle --raw
  klustered bundle inspect incident.bundle --show journal:kubelet.service`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return hint(errors.New("cannot inspect: no bundle is named"), "klustered bundle inspect FILE")
			}
			b, err := a.readBundle(args[0], identities, show != "")
			if err != nil {
				return err
			}
			switch {
			case show != "":
				return a.showRaw(b, show)
			case format == "json":
				e := json.NewEncoder(a.Out)
				e.SetIndent("", "  ")
				return e.Encode(b.Manifest)
			case format != "text":
				return fmt.Errorf("cannot write format %q: it is not one of text, json", format)
			}
			a.describe(b, raw)
			return nil
		},
	}
	f := c.Flags()
	identityFlag(f, &identities)
	f.StringVar(&show, "show", "", "print this file of the raw evidence, or every one of that source")
	f.BoolVar(&raw, "raw", false, "list the raw evidence")
	f.StringVarP(&format, "output", "o", "text", "text, or json for the manifest")
	return c
}

// showRaw prints the raw evidence of a source, of each node that has it.
func (a *App) showRaw(b *bundle.Bundle, source string) error {
	var names []string
	found := 0
	for i, p := range b.Parts {
		for j, f := range p.Raw {
			names = append(names, f.Source)
			if source != f.Source && source != b.Manifest.Nodes[i].Raw[j].Path {
				continue
			}
			if found++; len(b.Parts) > 1 {
				fmt.Fprintf(a.Err, "klustered: %s of %s\n", report.Clean(f.Source), report.Clean(p.Snapshot.Node))
			}
			if f.Error != "" {
				fmt.Fprintf(a.Err, "klustered: %s: %s\n", report.Clean(f.Source), report.Clean(f.Error))
			}
			if _, err := a.Out.Write(f.Data); err != nil {
				return err
			}
		}
	}
	if found > 0 {
		return nil
	}
	err := fmt.Errorf("cannot show %q: the bundle has no such raw evidence", source)
	if near := nearest(source, names); near != "" {
		return hint(err, "did you mean %s?", near)
	}
	return hint(err, "klustered bundle inspect FILE --raw lists it")
}

func (a *App) describe(b *bundle.Bundle, raw bool) {
	m := b.Manifest
	sealed := "not encrypted"
	if b.Encrypted {
		sealed = "encrypted"
	}
	fmt.Fprintf(a.Out, "klustered bundle, format %d.%d, written %s by klustered %s\n", m.Major, m.Minor, m.Created.UTC().Format("2006-01-02 15:04:05 MST"), report.Clean(m.Tool))
	fmt.Fprintf(a.Out, "redacted: %s; %s; every entry is as the manifest says\n", report.Clean(string(m.Redacted)), sealed)
	if m.Note != "" {
		fmt.Fprintf(a.Out, "note: %s\n", report.Clean(m.Note))
	}
	for i, p := range b.Parts {
		a.describeNode(m.Nodes[i], p.Snapshot, raw)
	}
}

func (a *App) describeNode(e bundle.Entry, s *snapshot.Snapshot, raw bool) {
	fmt.Fprintf(a.Out, "\nNODE %s, read %s\n", report.Clean(e.Node), e.At.UTC().Format("2006-01-02 15:04:05 MST"))
	if e.Clock != nil {
		fmt.Fprintf(a.Out, "  clock     %+.3f s against the machine that asked, give or take %.3f s\n", e.Clock.OffsetMs/1000, e.Clock.ErrorMs/1000)
	}
	seen := 0
	for _, x := range snapshot.Sections() {
		if s.Has(x) {
			seen++
		}
	}
	fmt.Fprintf(a.Out, "  sections  %d of %d, %.1f KiB\n", seen, len(snapshot.Sections()), float64(e.Size)/1024)
	a.slowest(e.Timings)
	for _, g := range s.Gaps {
		fmt.Fprintf(a.Out, "  gap       %s: %s\n", report.Clean(g.Source), report.Clean(g.Reason))
	}
	size := int64(0)
	for _, r := range e.Raw {
		size += r.Size
	}
	fmt.Fprintf(a.Out, "  raw       %d files, %.1f KiB\n", len(e.Raw), float64(size)/1024)
	for _, r := range e.Raw {
		if raw {
			a.rawLine(r)
		}
	}
}

func (a *App) rawLine(r bundle.RawEntry) {
	note := ""
	if r.Cut {
		note = ", in part"
	}
	if r.Error != "" {
		note += ", " + r.Error
	}
	fmt.Fprintf(a.Out, "    %9d  %s%s\n", r.Size, report.Clean(r.Source), report.Clean(note))
}

// slowest names the collectors that took longest.
func (a *App) slowest(list []snapshot.Timing) {
	list = slices.SortedFunc(slices.Values(list), func(x, y snapshot.Timing) int { return cmp.Compare(y.Ms, x.Ms) })
	for i, t := range list[:min(3, len(list))] {
		if i == 0 {
			fmt.Fprint(a.Out, "  slowest   ")
		} else {
			fmt.Fprint(a.Out, ", ")
		}
		fmt.Fprintf(a.Out, "%s %.0f ms", report.Clean(t.Name), t.Ms)
	}
	if len(list) > 0 {
		fmt.Fprintln(a.Out)
	}
}
