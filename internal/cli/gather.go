package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/klustered/klustered/internal/bundle"
	"github.com/klustered/klustered/internal/collect"
	"github.com/klustered/klustered/internal/collect/raw"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/transport"
	"github.com/klustered/klustered/snapshot"
)

// A reach says which nodes a command is about.
type reach struct {
	nodes   []string
	lab     string
	bundle  string
	root    string
	timeout time.Duration

	identities []string // files of age identities that open the bundle
	raw        bool     // raw evidence is wanted
}

func (r *reach) flags(f *pflag.FlagSet) {
	f.StringArrayVar(&r.nodes, "node", nil, "a node: local, docker://NAME or podman://NAME (repeatable)")
	f.StringVar(&r.lab, "lab", "", "all nodes of the lab of that name")
	f.DurationVar(&r.timeout, "timeout", collect.DefaultBudget, "time for reading a node")
}

func (r *reach) offlineFlags(f *pflag.FlagSet) {
	f.StringVar(&r.bundle, "bundle", "", "read this bundle instead of a node")
	identityFlag(f, &r.identities)
	f.StringVar(&r.root, "root", "/", "read this node's files below another folder")
}

// specs are the addresses of the nodes.
func (a *App) specs(ctx context.Context, r *reach) ([]string, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if r.lab != "" {
		if a.Lab == nil {
			return nil, errors.New("cannot use --lab: this klustered was built without the lab")
		}
		return a.Lab(ctx, r.lab)
	}
	if len(r.nodes) == 0 {
		return []string{"local"}, nil
	}
	return r.nodes, nil
}

// check refuses flags that contradict each other, before anything is done.
func (r *reach) check() error {
	ways := 0
	for _, used := range []bool{len(r.nodes) > 0, r.lab != "", r.bundle != "", r.root != "" && r.root != "/"} {
		if used {
			ways++
		}
	}
	if ways > 1 {
		return hint(errors.New("cannot use more than one of --node, --lab, --bundle and --root"), "name the nodes in one way")
	}
	if r.timeout <= 0 {
		return fmt.Errorf("cannot use --timeout %s: it is not a time to wait", r.timeout)
	}
	seen := map[string]bool{}
	for _, n := range r.nodes {
		if err := transport.Check(n); err != nil {
			return hint(err, "for example --node docker://klustered-cp1")
		}
		if seen[n] {
			return fmt.Errorf("cannot use --node %s twice", n)
		}
		seen[n] = true
	}
	return nil
}

// target is how the same nodes are reached again.
func (r *reach) target() string {
	var b strings.Builder
	for _, n := range r.nodes {
		b.WriteString(" --node " + transport.Quote([]string{n}))
	}
	if r.lab != "" {
		b.WriteString(" --lab " + transport.Quote([]string{r.lab}))
	}
	return b.String()
}

// A place is a node that was read: where it is, and what was read.
type place struct {
	spec string
	bundle.Part
	unread error // why the node could not be read; the snapshot says so in a gap
}

// gather reads all nodes at once.
func (a *App) gather(ctx context.Context, r *reach) ([]place, error) {
	if r.bundle != "" {
		if err := r.check(); err != nil {
			return nil, err
		}
		return a.openBundle(r)
	}
	specs, err := a.specs(ctx, r)
	if err != nil {
		return nil, err
	}
	p := a.progress()
	places, errs := make([]place, len(specs)), make([]error, len(specs))
	var wg sync.WaitGroup
	for i, spec := range specs {
		wg.Go(func() {
			defer p.begin("reading " + spec)()
			places[i].spec = spec
			places[i].Part, errs[i] = a.read(ctx, spec, r)
		})
	}
	wg.Wait()
	return missed(places, errs)
}

// missed fails when no node could be read, and else keeps those that could
// not as gaps.
func missed(places []place, errs []error) ([]place, error) {
	good := 0
	for i, err := range errs {
		if err == nil {
			good++
			continue
		}
		places[i].unread = err
		places[i].Snapshot = &snapshot.Snapshot{Version: snapshot.Version, Node: places[i].spec,
			Gaps: []snapshot.Gap{{Section: snapshot.SectionHost, Source: places[i].spec, Reason: err.Error()}}}
	}
	if good == 0 && len(errs) > 0 {
		return nil, errs[0]
	}
	return places, nil
}

func snapshots(places []place) []*snapshot.Snapshot {
	out := make([]*snapshot.Snapshot, len(places))
	for i, p := range places {
		out[i] = p.Snapshot
	}
	return out
}

func parts(places []place) []bundle.Part {
	out := make([]bundle.Part, len(places))
	for i, p := range places {
		out[i] = p.Part
	}
	return out
}

// read reads one node.
func (a *App) read(ctx context.Context, spec string, r *reach) (bundle.Part, error) {
	if spec == "local" {
		return a.readHere(ctx, r.root, r.timeout, r.raw)
	}
	node, err := transport.Open(ctx, spec, "")
	if err != nil {
		return bundle.Part{}, unreached(err)
	}
	// the node has its own deadline; ours is for one that does not answer
	limit := r.timeout + 10*time.Second
	args := []string{"agent", "collect", "--timeout", r.timeout.String()}
	if r.raw {
		limit += rawTimeout
		args = append(args, "--raw")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %s", limit))
	defer cancel()
	var out bytes.Buffer
	start := time.Now()
	if err := node.Run(ctx, transport.Streams{Out: &out}, args...); err != nil {
		return bundle.Part{}, err
	}
	b, err := bundle.Key{Raw: true}.Open(&out)
	if err != nil || len(b.Parts) != 1 {
		return bundle.Part{}, fmt.Errorf("cannot read the evidence of %s: %w", spec, cmp.Or(err, errors.New("it is not of one node")))
	}
	p := b.Parts[0]
	p.Clock = clock(p.Snapshot, start, time.Now())
	return p, nil
}

// clock compares the node's clock with this machine's: its collection began at
// some moment after it was asked to, and ended before the answer was here.
func clock(s *snapshot.Snapshot, asked, answered time.Time) *bundle.Clock {
	var longest float64 // ms of the longest collector
	for _, t := range s.Timing {
		longest = max(longest, t.Ms)
	}
	room := max(0, answered.Sub(asked)-time.Duration(longest*float64(time.Millisecond))) / 2
	ms := func(d time.Duration) float64 { return float64(d.Round(time.Millisecond).Milliseconds()) }
	return &bundle.Clock{OffsetMs: ms(s.At.Sub(asked.Add(room))), ErrorMs: ms(room)}
}

// unreached adds what to try to the error of a node that cannot be reached.
func unreached(err error) error {
	if errors.Is(err, transport.ErrNoEngine) {
		return hint(err, "klustered lab prepare installs one; on the node itself klustered triage needs none")
	}
	return hint(err, "docker ps, or klustered lab status, lists what runs")
}

// needRoot is an error when klustered does not run as root.
func (a *App) needRoot(to string) error {
	if a.UID == 0 {
		return nil
	}
	err := fmt.Errorf("cannot %s: only root may", to)
	if strings.HasPrefix(to, "read") {
		return hint(err, "run it as root, or read a bundle: klustered triage --bundle FILE")
	}
	return hint(err, "run it as root")
}

// rawTimeout is the time for raw evidence, after the collection.
const rawTimeout = 20 * time.Second

// readHere reads this machine, or the node whose files lie below root.
func (a *App) readHere(ctx context.Context, root string, timeout time.Duration, keepRaw bool) (bundle.Part, error) {
	live := root == "" || root == "/"
	if err := a.needRoot("read this node"); live && err != nil {
		return bundle.Part{}, err
	}
	if !live {
		if st, err := os.Stat(root); err != nil || !st.IsDir() {
			return bundle.Part{}, fmt.Errorf("cannot read the node below %q: it is not a folder", root)
		}
	}
	e := source.New(root, live)
	p := bundle.Part{Snapshot: collect.Run(ctx, e, collect.Options{Tool: Version(), Budget: timeout})}
	if keepRaw {
		ctx, cancel := context.WithTimeout(ctx, rawTimeout)
		defer cancel()
		p.Raw = raw.Gather(ctx, e, p.Snapshot)
	}
	return p, nil
}

// openBundle reads the nodes of a bundle.
func (a *App) openBundle(r *reach) ([]place, error) {
	b, err := a.readBundle(r.bundle, r.identities, r.raw)
	if err != nil {
		return nil, err
	}
	var out []place
	for _, p := range b.Parts {
		out = append(out, place{spec: "bundle", Part: p})
	}
	return out, nil
}
