package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/internal/baseline"
	"github.com/klustered/klustered/internal/baseline/git"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/internal/report"
)

// baselineFlags are what the commands of a baseline have in common.
type baselineFlags struct {
	reach
	repo string
	rev  string
	like string // the node whose files are wanted
}

func (a *App) baseline() *cobra.Command {
	c := &cobra.Command{
		Use: "baseline", Short: "Keep how nodes are when all is well, in Git, and say what differs",
		Long: `A baseline is a bare Git repository with the files that a node's components are
started from (static pods, kubelet, runtime, pod network, units), the
fingerprints of its certificates and keys, and the cluster's webhooks, policies
and RBAC. Private keys, tokens and Secrets never enter.

A node that keeps one in ` + baseline.Dir + ` is compared with it by every
triage (host/drift). Whoever has taken over the node can change that one too:
keep another elsewhere (--repo), or push it. Git reads it as any other
repository: git --git-dir DIR log -p.`,
		Example: `  klustered baseline capture -m "all is well"
  klustered baseline diff
  klustered baseline restore --all --apply`,
		Args: a.unknownCommand,
	}
	c.AddCommand(a.baselineCapture(), a.baselineDiff(), a.baselineRestore())
	return c
}

func (f *baselineFlags) add(c *cobra.Command) {
	f.reach.flags(c.Flags())
	c.Flags().StringVar(&f.repo, "repo", baseline.Dir, "the bare Git repository")
}

func (f *baselineFlags) addRev(c *cobra.Command) {
	c.Flags().StringVar(&f.rev, "at", "HEAD", "the version: HEAD~N, or the first digits of a commit")
}

func (a *App) baselineCapture() *cobra.Command {
	f, message, anyway := &baselineFlags{}, "", false
	c := &cobra.Command{
		Use: "capture", Short: "Keep how the nodes are now",
		Long: `capture adds a commit with how the nodes and the cluster are now; of nodes that it
does not read, what was captured before stays. Where nothing has changed, nothing
is added. What is captured later passes for good: where triage finds a root cause,
nothing is captured unless --anyway is given. A note on standard error says what
could not be read. A bundle from before, which has no webhooks and no RBAC, is
captured with the time at which it was made.`,
		Example: `  klustered baseline capture -m "after the upgrade"
  klustered baseline capture --lab klustered --repo ./baseline
  klustered baseline capture --bundle yesterday.bundle --repo ./baseline`,
		Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.capture(c.Context(), f, message, anyway) },
	}
	f.add(c)
	f.offlineFlags(c.Flags())
	c.Flags().StringVarP(&message, "message", "m", "", "why, for the log")
	c.Flags().BoolVar(&anyway, "anyway", false, "capture nodes on which a root cause is found")
	return c
}

// driftID is the fault of what differs from a baseline: a capture takes it in.
const driftID = "host/drift"

// capture records the nodes and the cluster.
func (a *App) capture(ctx context.Context, f *baselineFlags, message string, anyway bool) error {
	places, err := a.gather(ctx, &f.reach)
	if err != nil {
		return err
	}
	for _, c := range diagnose.Run(snapshots(places), a.Faults).Causes {
		if c.Fault.ID != driftID && !anyway {
			return hint(fmt.Errorf("cannot capture what is not well: %s is found on %s", c.Fault.ID, report.Clean(c.Finding.Node)), "klustered triage says more; --anyway captures it all the same")
		}
	}
	files, nodes := map[string][]byte{}, []string{}
	for _, p := range places {
		if p.unread != nil {
			return fmt.Errorf("cannot capture %s: %w", report.Clean(p.spec), p.unread)
		}
		of, err := baseline.Node(p.Snapshot)
		if err != nil {
			return hint(err, "klustered triage%s says what could not be read", specFlag(p.spec))
		}
		for _, g := range p.Snapshot.Gaps {
			if slices.Contains(baseline.Sections(), g.Section) {
				fmt.Fprintf(a.Err, "klustered: note: on %s, %s was not read: %s\n", report.Clean(p.Snapshot.Node), report.Clean(g.Source), report.Clean(oneLine(g.Reason)))
			}
		}
		maps.Copy(files, of)
		nodes = append(nodes, p.Snapshot.Node)
	}
	at, objects := places[0].Snapshot.At, []baseline.Object(nil)
	if f.bundle == "" && f.root == "/" {
		at = time.Now()
		var left []string
		objects, left, _, err = a.keptObjects(ctx, f, places)
		for _, l := range left {
			fmt.Fprintf(a.Err, "klustered: not captured: %s\n", oneLine(l))
		}
	}
	if err != nil {
		fmt.Fprintf(a.Err, "klustered: the cluster's objects were not captured: %s\n", oneLine(err.Error()))
	}
	for _, o := range objects {
		if files[o.Place], err = o.YAML(); err != nil {
			return err
		}
	}
	before, err := a.before(f, nodes, len(objects) > 0, files)
	if err != nil {
		return err
	}
	v, made, err := git.Record(f.repo, files, a.person(), at, cmp.Or(message, "Capture "+strings.Join(nodes, ", ")))
	if err != nil {
		return hint(err, "if no other capture runs, remove the file *.lock below %s", f.repo)
	}
	if !made {
		fmt.Fprintf(a.Out, "Nothing has changed since commit %s.\n", v.Hash.Short())
		return nil
	}
	if before != nil {
		a.tellChanged(before, files)
	}
	fmt.Fprintf(a.Out, "Captured %s as commit %s: %d files.\n", report.Clean(strings.Join(nodes, ", ")), v.Hash.Short(), len(files))
	return nil
}

// before is what the newest version has, and takes what is not captured anew
// into files. A repository that is not there is made.
func (a *App) before(f *baselineFlags, nodes []string, cluster bool, files map[string][]byte) (map[string][]byte, error) {
	base, err := baseline.Read(git.Disk{}, f.repo, "")
	if errors.Is(err, git.ErrNone) {
		return nil, git.Init(f.repo)
	}
	if errors.Is(err, git.ErrLost) {
		if err := git.Init(f.repo); err != nil { // it has no HEAD either
			return nil, err
		}
		fmt.Fprintf(a.Err, "klustered: %s: a new history is begun; git --git-dir %s fsck --lost-found finds the old one\n", oneLine(err.Error()), filepath.Clean(f.repo))
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	keep, err := base.Keep(nodes, cluster)
	if err != nil {
		return nil, err
	}
	maps.Copy(files, keep)
	return base.Keep(nil, false)
}

// tellChanged says what is new in a commit.
func (a *App) tellChanged(before, files map[string][]byte) {
	all := maps.Clone(before)
	maps.Copy(all, files)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		was, had := before[name]
		is, has := files[name]
		switch {
		case !had:
			fmt.Fprintf(a.Out, "  new      %s\n", report.Clean(name))
		case !has:
			fmt.Fprintf(a.Out, "  gone     %s\n", report.Clean(name))
		case !bytes.Equal(was, is):
			fmt.Fprintf(a.Out, "  changed  %s\n", report.Clean(name))
		}
	}
}

// person is who captures: as Git's own variables say, else the user who called
// sudo, else the one that klustered runs as.
func (a *App) person() git.Person {
	host, _ := os.Hostname()
	name := a.Getenv("SUDO_USER")
	if u, err := user.Current(); name == "" && err == nil {
		name = u.Username
	}
	return git.Person{Name: cmp.Or(a.Getenv("GIT_AUTHOR_NAME"), name), Email: cmp.Or(a.Getenv("GIT_AUTHOR_EMAIL"), name+"@"+host)}
}

// keptObjects reads the cluster's objects from the first of the places that has
// a member of etcd, and says which that is and what cannot be kept of them.
func (a *App) keptObjects(ctx context.Context, f *baselineFlags, places []place) (all []baseline.Object, left []string, from int, err error) {
	err = errNoMember
	for i, p := range places {
		if p.Snapshot.Etcd == nil {
			continue
		}
		var out, errs bytes.Buffer
		get := *a // as klustered get would say it
		get.Out, get.Err = &out, &errs
		asked := &getFlags{reach: reach{nodes: []string{p.spec}, root: "/", timeout: f.timeout}, all: true, output: "json", source: "auto", managed: true}
		err = get.runGet(ctx, asked, []string{baseline.Kinds}, []string{"--all-namespaces", "--output=json", "--show-managed-fields"})
		if err == nil {
			all, left, err = baseline.Objects(out.Bytes())
			for line := range strings.Lines(errs.String()) {
				if what, ok := strings.CutPrefix(line, "klustered: left out "); ok {
					left = append(left, strings.TrimSpace(what))
				}
			}
			return all, left, i, err
		}
	}
	return nil, nil, -1, err
}

// read opens the version that is asked for.
func (f *baselineFlags) read() (*baseline.Base, error) {
	b, err := baseline.Read(git.Disk{}, f.repo, f.rev)
	if errors.Is(err, git.ErrNone) {
		return nil, hint(err, "klustered baseline capture makes one; --repo names another folder")
	}
	if err != nil {
		return nil, hint(err, "git --git-dir %s log shows its versions", filepath.Clean(f.repo))
	}
	return b, nil
}
