package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/klustered/klustered/internal/collect/etcd"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/inventory"
	"github.com/klustered/klustered/internal/transport"
)

// getFlags are what get was asked for.
type getFlags struct {
	reach
	namespace string
	all       bool
	output    string
	selector  string
	source    string
	db        string
	secrets   bool
	managed   bool
	labels    bool
}

// get shows stored objects.
func (a *App) get() *cobra.Command {
	f := &getFlags{}
	c := &cobra.Command{
		Use:   "get [KIND [NAME...]]",
		Short: "Show the cluster's objects as etcd has them, with no API server",
		Long: `get reads objects from the etcd member of a node while it answers, and else from
its files: the data file, and on top of it the log of what is not in it yet. The
file may also be a copy or a snapshot, anywhere (--db). Nothing is changed, and no
lock is taken.

KIND is named as for kubectl: pods, po, Pod, deploy.apps, crd, or the name of a
custom resource. Several are joined by commas. Without one the kinds that are
there are listed with their numbers. What Secrets hold is hidden.`,
		Example: `  klustered get                          which kinds are there, and how many
  klustered get pods -A -o wide          all pods, API server or not
  klustered get lease -n kube-node-lease nodes that still report
  klustered get deploy coredns -n kube-system -o yaml
  klustered get ev -A --db /root/etcd-snapshot.db
  klustered get pods -A --root /mnt      of a node whose disk is mounted there`,
		RunE: func(c *cobra.Command, args []string) error { return a.runGet(c.Context(), f, args, given(c.Flags())) },
	}
	fs := c.Flags()
	f.reach.flags(fs)
	fs.StringVar(&f.root, "root", "/", "read this node's files below another folder")
	fs.StringVarP(&f.namespace, "namespace", "n", "default", "of objects that are in one")
	fs.BoolVarP(&f.all, "all-namespaces", "A", false, "of every namespace")
	fs.StringVarP(&f.output, "output", "o", "", "wide, yaml, json or name")
	fs.StringVarP(&f.selector, "selector", "l", "", "labels that are wanted, such as app=web,tier!=db")
	fs.StringVar(&f.source, "source", "auto", "auto, etcd or file")
	fs.StringVar(&f.db, "db", "", "an etcd data file, snapshot or data folder to read")
	fs.BoolVar(&f.secrets, "show-secrets", false, "show what Secrets hold")
	fs.BoolVar(&f.managed, "show-managed-fields", false, "show who set which field")
	fs.BoolVar(&f.labels, "show-labels", false, "show labels as the last column")
	return c
}

// given are the flags that were set, as arguments, without those that say
// which node is meant.
func given(fs *pflag.FlagSet) []string {
	var out []string
	fs.Visit(func(f *pflag.Flag) {
		if f.Name != "node" && f.Name != "lab" && f.Name != "color" {
			out = append(out, "--"+f.Name+"="+f.Value.String())
		}
	})
	return out
}

func (f *getFlags) check() (inventory.Selector, error) {
	if !slices.Contains([]string{"", "wide", "yaml", "json", "name"}, f.output) {
		return nil, hint(fmt.Errorf("cannot write format %q", f.output), "-o wide, yaml, json or name")
	}
	if !slices.Contains([]string{"auto", "etcd", "file"}, f.source) {
		return nil, hint(fmt.Errorf("cannot read from source %q", f.source), "--source auto, etcd or file")
	}
	if f.db != "" && (f.source == "etcd" || f.root != "/") {
		return nil, errors.New("cannot use --db with --source etcd or --root")
	}
	s, err := inventory.ParseSelector(f.selector)
	return s, hint(err, "for example -l 'app=web,tier in (a,b)'")
}

func (a *App) runGet(ctx context.Context, f *getFlags, args, flags []string) error {
	selector, err := f.check()
	if err != nil {
		return err
	}
	specs, err := a.specs(ctx, &f.reach)
	if err != nil {
		return err
	}
	if !slices.Equal(specs, []string{"local"}) {
		return a.getThere(ctx, specs, append(flags, args...))
	}
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	src, err := a.open(ctx, f)
	if err != nil {
		return err
	}
	defer src.Close()
	if len(args) == 0 {
		return a.present(ctx, src)
	}
	return a.showObjects(ctx, f, src, selector, args)
}

// getThere asks the nodes one after another until one has a member of etcd.
func (a *App) getThere(ctx context.Context, specs, args []string) error {
	var first error
	for _, spec := range specs {
		node, err := transport.Open(ctx, spec, "")
		if err != nil {
			return unreached(err)
		}
		var out, errs bytes.Buffer
		err = node.Run(ctx, transport.Streams{Out: &out, Err: &errs}, append([]string{"agent", "get"}, args...)...)
		if err == nil {
			if _, err := io.Copy(a.Err, &errs); err != nil {
				return err
			}
			_, err = io.Copy(a.Out, &out)
			return err
		}
		if out.Len() > 0 { // some of what was asked for is there
			_, werr := io.Copy(a.Out, &out)
			return errors.Join(said(&errs, err), werr)
		}
		if first == nil {
			first = said(&errs, err)
		}
	}
	return first
}

// said is the error that a node wrote, with its hint.
func said(errs *bytes.Buffer, err error) error {
	return hint(errors.New(after(errs.String(), "klustered: error: ", err.Error())), "%s",
		after(errs.String(), "klustered: hint: ", "objects are read on a node that has a member of etcd, or its files"))
}

// after is the rest of the line of text that begins with prefix, else other.
func after(text, prefix, other string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			return strings.TrimSpace(rest)
		}
	}
	return other
}

// errNoMember means that there is nothing to read.
var errNoMember = errors.New("cannot find etcd's data: this node has no member")

// open opens what objects are read from.
func (a *App) open(ctx context.Context, f *getFlags) (inventory.Source, error) {
	if f.db != "" {
		name, err := filepath.Abs(f.db)
		if err == nil {
			_, err = os.Stat(name)
		}
		if err != nil {
			return nil, fmt.Errorf("cannot open the data of etcd: %w", err)
		}
		return inventory.Stored(source.New("/", false), name), nil
	}
	alive := f.root == "/"
	if err := a.needRoot("read etcd"); alive && err != nil {
		return nil, hint(err, "run it as root, or read a copy: klustered get --db FILE")
	}
	e := source.New(f.root, alive)
	cfg, ok := etcd.Find(ctx, e)
	if !ok {
		return nil, hint(errNoMember, "klustered get --db FILE reads a copy of etcd's data file")
	}
	if alive && f.source != "file" {
		src, err := inventory.Live(ctx, e, cfg)
		if err == nil || f.source == "etcd" {
			return src, hint(err, "--source file reads its data file")
		}
		fmt.Fprintf(a.Err, "klustered: etcd does not answer: %s\n", oneLine(err.Error()))
	} else if f.source == "etcd" {
		return nil, errors.New("cannot ask etcd of a node whose files lie below --root")
	}
	return inventory.Stored(e, cfg.DB()), nil
}

// tellSource says on standard error where it was read from.
func (a *App) tellSource(src inventory.Source) {
	for _, line := range src.About() {
		fmt.Fprintf(a.Err, "klustered: %s\n", oneLine(line))
	}
}

// present lists the kinds that are there.
func (a *App) present(ctx context.Context, src inventory.Source) error {
	counts, err := inventory.Present(ctx, src)
	if err != nil {
		return err
	}
	a.tellSource(src)
	fmt.Fprintf(a.Out, "%-52s %-34s %7s\n", "KIND", "STORED AS", "OBJECTS")
	for _, c := range counts {
		name := c.Kind.Name()
		if c.Kind.Kind == "" {
			name = "-"
		}
		fmt.Fprintf(a.Out, "%-52s %-34s %7d\n", name, strings.TrimPrefix(c.Kind.Prefix, inventory.Root), c.Keys)
	}
	return nil
}

// wanted splits the arguments into kinds and names: KIND[,KIND] NAME... or
// KIND/NAME...
func wanted(args []string) (kinds []string, names map[string][]string) {
	names = map[string][]string{}
	if !strings.Contains(args[0], "/") {
		kinds = strings.Split(args[0], ",")
		for _, k := range kinds {
			names[k] = args[1:]
		}
		return kinds, names
	}
	for _, x := range args {
		kind, name, _ := strings.Cut(x, "/")
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
		names[kind] = append(names[kind], name)
	}
	return kinds, names
}

// showObjects writes the objects that are wanted.
func (a *App) showObjects(ctx context.Context, f *getFlags, src inventory.Source, selector inventory.Selector, args []string) error {
	kinds, names := wanted(args)
	groups := make([][]inventory.Item, len(kinds))
	queries := make([]inventory.Query, len(kinds))
	var missing error
	for i, name := range kinds {
		k, err := inventory.Resolve(ctx, src, name)
		if err != nil {
			return hint(err, "klustered get lists those that are there")
		}
		q := inventory.Query{Kind: k, Names: names[name], Namespace: f.namespace, Selector: selector, Secrets: f.secrets, Managed: f.managed}
		if f.all {
			q.Namespace = ""
		}
		queries[i] = q
		groups[i], err = inventory.Get(ctx, src, q)
		var none *inventory.MissingError
		if err != nil && !errors.As(err, &none) {
			return err
		}
		missing = errors.Join(missing, err)
	}
	a.tellSource(src)
	if err := a.print(f, queries, groups); err != nil {
		return err
	}
	return hint(missing, "klustered get %s -A lists those that are there", kinds[0])
}

func (a *App) print(f *getFlags, queries []inventory.Query, groups [][]inventory.Item) error {
	all := slices.Concat(groups...)
	if slices.ContainsFunc(queries, func(q inventory.Query) bool { return q.Kind.Kind == "Secret" }) && !f.secrets && len(all) > 0 {
		fmt.Fprintln(a.Err, "klustered: what Secrets hold is hidden; --show-secrets shows it")
	}
	one := len(queries) == 1 && len(queries[0].Names) == 1
	switch f.output {
	case "json", "yaml":
		for _, x := range all {
			if x.Err != nil {
				fmt.Fprintf(a.Err, "klustered: left out %s %s/%s: %s\n", strings.ToLower(x.Kind.Kind), x.Namespace, x.Name, oneLine(x.Err.Error()))
			}
		}
		if f.output == "json" {
			return inventory.WriteJSON(a.Out, all, one)
		}
		return inventory.WriteYAML(a.Out, all, one)
	case "name":
		return inventory.WriteNames(a.Out, all)
	}
	t := inventory.Table{Wide: f.output == "wide", Namespaces: f.all, Labels: f.labels, Now: time.Now()}
	shown := false
	for i, q := range queries {
		if len(groups[i]) == 0 {
			if len(q.Names) == 0 {
				fmt.Fprintf(a.Err, "klustered: no %s found\n", q.Kind.Name())
			}
			continue
		}
		if shown {
			fmt.Fprintln(a.Out)
		}
		shown = true
		if err := t.Write(a.Out, q.Kind, groups[i]); err != nil {
			return err
		}
	}
	return nil
}
