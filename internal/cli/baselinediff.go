package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"

	"github.com/klustered/klustered/fault/drift"
	"github.com/klustered/klustered/internal/baseline"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/internal/report"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func (a *App) baselineDiff() *cobra.Command {
	f := &baselineFlags{}
	c := &cobra.Command{
		Use: "diff [PATH|KIND/NAME...]", Short: "Say what differs from the baseline, since when, and who may have done it",
		Long: `diff compares nodes and cluster with a version of the baseline. Of each difference
it says which commit gave what is wanted, when the file was last written and what
the node's records tell of who wrote it, or who last changed the object. Where
something differs the exit code is 2, and 3 where not all could be compared. A name
that is in neither is an error.`,
		Example: `  klustered baseline diff
  klustered baseline diff /etc/kubernetes/manifests --at HEAD~2
  klustered baseline diff --lab klustered --repo ./baseline`,
		RunE: func(c *cobra.Command, names []string) error { return a.runBaselineDiff(c.Context(), f, names) },
	}
	f.add(c)
	f.addRev(c)
	return c
}

// differences are what differs between places and a version.
type differences struct {
	places  []place
	base    *baseline.Base
	nodes   []*snapshot.Baseline // by place; nil where the version does not keep it
	objects []baseline.ObjectDrift
	from    int      // the place that the objects were read from; -1 where they were not
	missed  []string // what could not be compared, and why
	paths   []string // that the version has of the places, or that are new
	kinds   []string // and objects, by kind and name
}

// compare reads the places and the version.
func (a *App) compare(ctx context.Context, f *baselineFlags) (*differences, error) {
	base, err := f.read()
	if err != nil {
		return nil, err
	}
	places, err := a.gather(ctx, &f.reach)
	if err != nil {
		return nil, err
	}
	return a.differ(ctx, f, base, places)
}

// differ compares places with a version.
func (a *App) differ(ctx context.Context, f *baselineFlags, base *baseline.Base, places []place) (*differences, error) {
	d := &differences{places: places, base: base, from: -1}
	for _, p := range places {
		if p.unread != nil {
			d.nodes = append(d.nodes, nil)
			d.missed = append(d.missed, fmt.Sprintf("%s: %v", p.spec, p.unread))
			continue
		}
		got, err := base.Compare(p.Snapshot, a.absent(ctx, p.spec))
		if f.like != "" {
			got, err = base.CompareLike(p.Snapshot, f.like, a.absent(ctx, p.spec))
		}
		if err != nil {
			return nil, err
		}
		if got == nil {
			d.missed = append(d.missed, fmt.Sprintf("%s: the baseline does not keep %s; it has %s", p.Snapshot.Node, orElse(f.like, "this node"), strings.Join(base.Nodes(), ", ")))
		} else {
			for _, name := range got.Unread {
				d.missed = append(d.missed, p.Snapshot.Node+": "+name+" was not read")
			}
		}
		d.nodes = append(d.nodes, got)
		if err := d.know(got, cmp.Or(f.like, p.Snapshot.Node)); err != nil {
			return nil, err
		}
	}
	was, err := base.Objects()
	if err != nil || len(was) == 0 {
		return d, err
	}
	is, left, from, err := a.keptObjects(ctx, f, places)
	if err != nil {
		d.missed = append(d.missed, "the cluster's objects: "+err.Error())
	} else {
		d.objects, d.from, d.missed = baseline.CompareObjects(was, is), from, append(d.missed, left...)
	}
	for _, o := range slices.Concat(was, is) {
		d.kinds = append(d.kinds, o.Kind+"/"+o.Name)
	}
	return d, nil
}

// absent says of a path whether the node at that address has nothing there: the
// evidence does not have every file.
func (a *App) absent(ctx context.Context, spec string) func(path string) bool {
	return func(path string) bool {
		w, err := a.worker(ctx, spec)
		if err != nil {
			return false
		}
		list, err := w.look(ctx, op.Plan{op.WriteFile{Path: path}}) // which must not exist
		return err == nil && len(list) == 1 && list[0].Error == ""
	}
}

// know remembers which files and certificates of a node can be asked for.
func (d *differences) know(got *snapshot.Baseline, node string) error {
	names, err := d.base.Names(node)
	d.paths = append(d.paths, names...)
	if got != nil {
		for _, x := range got.Drifts {
			d.paths = append(d.paths, x.Name)
		}
	}
	return err
}

// check makes sure that each of the names is one of something. Where not all
// could be read it may be one of that.
func (d *differences) check(names []string) error {
	for _, n := range names {
		switch {
		case slices.ContainsFunc(d.paths, func(p string) bool { return meansPath(n, p) }):
		case slices.ContainsFunc(d.kinds, func(k string) bool { return meansObject(n, k) }):
		case len(d.missed) > 0:
			d.missed = append(d.missed, fmt.Sprintf("%q: it is not in the baseline, nor in what was read", n))
		default:
			return hint(fmt.Errorf("cannot find %q: neither the baseline's commit %s nor what was read has it", n, d.base.Version.Hash.Short()),
				"a whole path, a folder, or KIND/NAME with the namespace before the name is wanted, such as /etc/kubernetes/manifests or Role/kube-system/x")
		}
	}
	return nil
}

// meansPath reports whether n is the path, a folder that it lies in, or the file
// that a certificate with a number is in.
func meansPath(n, path string) bool {
	if i := strings.LastIndex(path, "#"); i >= 0 && n == path[:i] && strings.Trim(path[i+1:], "0123456789") == "" {
		return true
	}
	return n == path || n != "" && strings.HasPrefix(path, strings.TrimSuffix(n, "/")+"/")
}

// meansObject reports whether n is the object, by kind and name, its kind, or its
// kind and namespace. Case matters in names alone.
func meansObject(n, object string) bool {
	kind, name, _ := strings.Cut(object, "/")
	k, of, _ := strings.Cut(strings.TrimSuffix(n, "/"), "/")
	return strings.EqualFold(k, kind) && (of == "" || of == name || strings.HasPrefix(name, of+"/"))
}

// asked reports whether one of names, or nothing in particular, means what.
func asked(names []string, what string, means func(n, what string) bool) bool {
	return len(names) == 0 || slices.ContainsFunc(names, func(n string) bool { return means(n, what) })
}

// missing says what could not be compared.
func (a *App) missing(d *differences) {
	for _, m := range d.missed {
		fmt.Fprintf(a.Err, "klustered: not compared: %s\n", report.Clean(oneLine(m)))
	}
}

func (a *App) runBaselineDiff(ctx context.Context, f *baselineFlags, names []string) error {
	d, err := a.compare(ctx, f)
	if err != nil {
		return err
	}
	return a.tellAll(d, names)
}

// tellAll shows what differs of what is asked for.
func (a *App) tellAll(d *differences, names []string) error {
	if err := d.check(names); err != nil {
		return err
	}
	found := 0
	for i, n := range d.nodes {
		if n == nil {
			continue
		}
		for _, x := range n.Drifts {
			if asked(names, x.Name, meansPath) && x.Kind != "webhook" && x.Kind != "policy" { // told as objects
				a.tellDrift(d, d.places[i].Snapshot, x)
				found++
			}
		}
	}
	for _, o := range d.objects {
		if x := o.Object(); asked(names, x.Kind+"/"+x.Name, meansObject) {
			if err := a.tellObject(d, o); err != nil {
				return err
			}
			found++
		}
	}
	a.missing(d)
	switch {
	case found > 0:
		fmt.Fprintf(a.Out, "\n%s from commit %s. klustered baseline restore puts back; klustered baseline capture keeps what is now.\n", differing(found), d.base.Version.Hash.Short())
		return exitCode(diagnose.ExitCauses)
	case len(d.missed) > 0:
		return exitCode(diagnose.ExitIncomplete)
	}
	what := "All"
	if len(names) > 0 {
		what = "What was asked for"
	}
	fmt.Fprintf(a.Out, "%s is as in commit %s, captured %s by %s.\n", what, d.base.Version.Hash.Short(), d.base.Version.At.Format(time.DateTime), report.Clean(d.base.Version.Author.String()))
	return nil
}

// tellDrift shows a difference of a node.
func (a *App) tellDrift(d *differences, s *snapshot.Snapshot, x snapshot.Drift) {
	fmt.Fprintf(a.Out, "%s: %s %s %s\n", report.Clean(s.Node), x.Kind, report.Clean(x.Name), x.State)
	fmt.Fprintf(a.Out, "  baseline: %s\n", report.Clean(drift.Origin(x.Since)))
	if x.Kind == "file" && x.Is != nil && !x.Is.Modified.IsZero() {
		fmt.Fprintf(a.Out, "  written: %s, mode %04o, owner %d:%d\n", x.Is.Modified.UTC().Format(time.DateTime), x.Is.Mode, x.Is.UID, x.Is.GID)
	}
	for _, h := range drift.Hands(s, x, d.base.Version.At) {
		fmt.Fprintf(a.Out, "  %s: %s (%s)\n", h.At.UTC().Format(time.DateTime), report.Clean(h.Got), report.Clean(h.Source))
	}
	if x.Kind != "file" {
		fmt.Fprintf(a.Out, "    - %s\n    + %s\n", report.Clean(orElse(x.Old, "not there")), report.Clean(orElse(x.New, "not there")))
		return
	}
	var was, is string
	if x.Was != nil {
		was = x.Was.Content
	}
	if x.Is != nil {
		is = x.Is.Content
	}
	if x.Was != nil && x.Is != nil && was == is {
		fmt.Fprintf(a.Out, "    - mode %04o, owner %d:%d, SHA-256 %.12s %s\n    + mode %04o, owner %d:%d, SHA-256 %.12s %s\n",
			x.Was.Mode, x.Was.UID, x.Was.GID, x.Was.SHA256, report.Clean(x.Was.Link), x.Is.Mode, x.Is.UID, x.Is.GID, x.Is.SHA256, report.Clean(x.Is.Link))
		return
	}
	a.indented(udiff.Unified("baseline", "now", was, is))
}

func (a *App) indented(text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintf(a.Out, "    %s\n", report.Clean(strings.TrimSuffix(line, "\n")))
	}
}

// tellObject shows a difference of an object.
func (a *App) tellObject(d *differences, o baseline.ObjectDrift) error {
	x, state := o.Object(), snapshot.DriftChanged
	switch {
	case o.Was == nil:
		state = snapshot.DriftAdded
	case o.Is == nil:
		state = snapshot.DriftGone
	}
	since, err := d.base.Since(x.Place)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "cluster: %s %s %s\n  baseline: %s\n", x.Kind, report.Clean(x.Name), state, report.Clean(drift.Origin(since)))
	if o.Is != nil && o.Is.By != "" {
		fmt.Fprintf(a.Out, "  last changed: %s by %s\n", o.Is.At.UTC().Format(time.DateTime), report.Clean(o.Is.By))
	}
	text, err := o.Diff()
	a.indented(text)
	return err
}

func differing(n int) string {
	if n == 1 {
		return "One thing differs"
	}
	return fmt.Sprintf("%d things differ", n)
}
