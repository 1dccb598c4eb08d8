package eval

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/lab/drill"
	"github.com/klustered/klustered/lab/node"
	"github.com/klustered/klustered/lab/oracle"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func provoke(*snapshot.Snapshot, *fault.Dice) (op.Plan, error) { return nil, nil }

var known = []*fault.Fault{
	{ID: "host/a", Layer: fault.Host, Drill: provoke},
	{ID: "cni/b", Layer: fault.CNI, Drill: provoke},
	{ID: "cni/c", Layer: fault.CNI, Drill: provoke},
	{ID: "etcd/d", Layer: fault.Etcd, Drill: provoke},
	{ID: "etcd/undrilled", Layer: fault.Etcd},
}

func TestCases(t *testing.T) {
	singles := Singles(known, 3, 2)
	if len(singles) != 8 || singles[0].Seed != 3 || singles[4].Seed != 4 || singles[4].Faults[0] != "host/a" {
		t.Errorf("singles: %v", singles)
	}
	pairs := Groups(known, 2, 4, 1)
	if len(pairs) != 4 {
		t.Fatalf("pairs: %v", pairs)
	}
	seen := map[string]bool{}
	for _, c := range pairs {
		if len(c.Layers) != 2 || c.Layers[0] == c.Layers[1] || seen[c.Name()] || c.Kind != Pair {
			t.Errorf("pair %v", c)
		}
		if height(fault.Layer(c.Layers[0])) < height(fault.Layer(c.Layers[1])) {
			t.Errorf("%s: the lower layer is broken first", c)
		}
		seen[c.Name()] = true
	}
	if triples := Groups(known, 3, 9, 1); len(triples) != 2 || triples[0].Kind != Triple {
		t.Errorf("of three layers there are two triples: %v", triples)
	}
	if a, b := Sample(singles, "x"), Sample(singles, "y"); slices.EqualFunc(a, b, func(p, q Case) bool { return p.String() == q.String() }) || len(a) != 8 {
		t.Errorf("two words draw one sample: %v", a)
	}
}

func said(ids ...string) []Claim {
	var out []Claim
	for _, id := range ids {
		out = append(out, Claim{Fault: id, Node: "n", Subject: "file /" + id, Confidence: 0.92})
	}
	return out
}

func TestJudge(t *testing.T) {
	two := Case{Kind: Pair, Faults: []string{"a", "b"}}
	things, on := [][]string{{"/a"}, {"/b"}}, []string{"n", ""}
	for name, tc := range map[string]struct {
		r    Result
		want Verdict
	}{
		"all and only":      {Result{Case: two, Touched: things, On: on, Said: said("b", "a")}, Verdict{true, true, true, 0, 1}},
		"one missed":        {Result{Case: two, Touched: things, On: on, Said: said("a")}, Verdict{false, false, false, 0, 0}},
		"one too many":      {Result{Case: two, Touched: things, On: on, Said: said("x", "a", "b")}, Verdict{true, true, false, 1, 2.0 / 3}},
		"of something else": {Result{Case: two, Touched: [][]string{{"/a"}, {"/else"}}, On: on, Said: said("a", "b")}, Verdict{true, false, true, 0, 1}},
		"on another node":   {Result{Case: two, Touched: things, On: []string{"n", "m"}, Said: said("a", "b")}, Verdict{true, false, true, 0, 1}},
		"no diagnosis":      {Result{Case: two, Touched: things, On: on, Mute: "no node answers"}, Verdict{}},
		"healthy and mute":  {Result{Case: Case{Kind: Healthy}, Mute: "no node answers"}, Verdict{}},
		"nothing":           {Result{Case: two, Touched: things}, Verdict{}},
		"healthy":           {Result{Case: Case{Kind: Healthy}}, Verdict{true, true, false, 0, 1}},
		"healthy, accused":  {Result{Case: Case{Kind: Healthy}, Said: said("a")}, Verdict{true, true, false, 1, 0}},
	} {
		if got := Judge(tc.r); got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
}

// TestControls: one that says nothing must earn nothing, and one that accuses
// everything next to nothing.
func TestControls(t *testing.T) {
	r := Result{Case: Case{Kind: Single, Faults: []string{"a"}}, Said: said("a")}
	if v := Judge(Silent(r)); v.Score != 0 {
		t.Errorf("saying nothing scores %g", v.Score)
	}
	if v := Judge(Accuser(r, []string{"a", "b", "c", "d"})); v.Score != 0.25 {
		t.Errorf("accusing all of four scores %g", v.Score)
	}
}

func TestTouched(t *testing.T) {
	body := json.RawMessage(`{"kind":"ConfigMap","metadata":{"name":"noise"}}`)
	got := touched(op.Plan{
		op.WriteFile{Path: "/etc/x", Data: []byte("y")}, op.Unit{Verb: "stop", Name: "kubelet.service"}, op.ReloadUnits{},
		op.CreateObject{Path: "/api/v1/namespaces/default/configmaps/noise", Body: body},
		op.AddQdisc{Qdisc: op.Qdisc{QdiscPlace: op.QdiscPlace{Link: "br0"}}},
	})
	for _, want := range []string{"/etc/x", "kubelet.service", "noise", "br0"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not among %q", want, got)
		}
	}
}

// What everybody says names nothing that a drill has changed.
func TestTouchedIsNotEverything(t *testing.T) {
	got := touched(op.Plan{op.WriteFile{Path: "/etc/systemd/system/x.service", Link: "/dev/null"},
		op.AddRule{At: op.FilterPlace{Family: "ip", Table: "nat", Chain: "OWN"}}})
	if slices.Contains(got, "/dev/null") || slices.Contains(got, "nat") || !slices.Contains(got, "OWN") {
		t.Errorf("%q", got)
	}
	for text, want := range map[string]bool{
		"the web of shop": true, "shop/web": true, "web": true, "a webhook": false, "my-web": false, "cobweb, and web": true, "": false,
	} {
		if mentions(text, "web") != want {
			t.Errorf("%q mentions it: %v", text, !want)
		}
	}
	if mentions("/etc/xyz", "/etc/x") || !mentions("journal:/etc/x:7", "/etc/x") {
		t.Error("a part of a path is taken for a path")
	}
}

func TestCalibrate(t *testing.T) {
	r := Result{Case: Case{Kind: Single, Faults: []string{"a"}}, Said: []Claim{{Fault: "a", Confidence: 0.99}, {Fault: "b", Confidence: 0.97}, {Fault: "a", Confidence: 0.75}}}
	failed := r
	failed.Failed = "no lab"
	bins := Calibrate([]Result{r, failed})
	if len(bins) != 2 || bins[1].Claims != 2 || bins[1].Right != 1 || bins[0].Right != 1 {
		t.Errorf("%+v", bins)
	}
}

func TestStore(t *testing.T) {
	s := &Store{Path: filepath.Join(t.TempDir(), "new", "r.jsonl")}
	if got, err := s.Load(); err != nil || len(got) != 0 {
		t.Fatalf("an empty store: %v, %v", got, err)
	}
	a := Result{Case: Case{Kind: Single, Faults: []string{"a"}, Seed: 1}, Tool: "1"}
	b := Result{Case: Case{Kind: Single, Faults: []string{"b"}, Seed: 1}, Tool: "1", Failed: "no lab"}
	for _, r := range []Result{a, b} {
		if err := s.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.OpenFile(s.Path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"case":`)
	f.Close()
	got, err := s.Load()
	if err != nil || len(got) != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	cases := []Case{a.Case, b.Case}
	if left := Todo(cases, got, "1", false); len(left) != 1 || left[0].Faults[0] != "b" {
		t.Errorf("what failed is to be made again, and nothing else: %v", left)
	}
	if left := Todo(cases, got, "2", false); len(left) != 2 {
		t.Errorf("another version has seen nothing: %v", left)
	}
	if left := Todo(cases, got, "1", true); len(left) != 2 {
		t.Errorf("none was repaired yet: %v", left)
	}
}

func TestWrite(t *testing.T) {
	one := Case{Kind: Single, Faults: []string{"host/a"}, Layers: []string{"host"}, Seed: 1}
	list := []Result{
		{Case: one, Said: said("etcd/d")}, // another one follows
		{Case: one, Touched: [][]string{{"/host/a"}}, On: []string{"n"}, Said: said("host/a"), Seconds: 1.5, Mended: &Mending{Repaired: true, Undone: true, Again: true, Why: "after a restart of n there is still x"}},
		{Case: Case{Kind: Single, Faults: []string{"etcd/d"}, Layers: []string{"etcd"}, Seed: 1}, Unexplained: []string{"etcd-slow"}},
		{Case: Case{Kind: Healthy, Variant: "under load"}},
		{Case: Case{Kind: Pair, Faults: []string{"x", "y"}, Layers: []string{"host", "cni"}}, Failed: "the ground has moved"},
	}
	var b bytes.Buffer
	if err := Write(&b, list, []string{"host/a", "etcd/d"}, "v1", time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"1 January 1970, version v1", "| host | 1 | 1 | 1 | 1 | 1 | 0 | 1.000 | 1.50 | 1.50 |", "| **all** | 2 | 2 | 1 |",
		"| host | 1 | 1 | 1 | 1 | 1 | 0 | 0 |\n| **all** | 1 | 1", "- host/a, seed 1: after a restart of n there is still x",
		"| under load | 0 | none |", "says nothing scores 0.000", "accuses everything 0.500",
		"- single etcd/d, seed 1: said nothing; unexplained: etcd-slow", "x + y, seed 0: could not be made: the ground has moved",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("lacks %q:\n%s", want, b.String())
		}
	}
}

// A diagnosis that fails on a broken lab has not found what broke it; one that
// was interrupted says nothing of either.
func TestDiagnosisThatFails(t *testing.T) {
	b := &Bench{Look: func(context.Context, Case) (*diagnose.Diagnosis, error) { return nil, errors.New("no node answers") }}
	r := Result{Case: Case{Kind: Single, Faults: []string{"a"}}}
	if err := b.ask(t.Context(), r.Case, &r); err != nil || r.Mute == "" {
		t.Fatalf("%+v, %v", r, err)
	}
	if s := Sum([]Result{r}); s.Cases != 1 || s.Score != 0 || s.Found != 0 {
		t.Errorf("%+v", s)
	}
	over, cancel := context.WithCancel(t.Context())
	b.Look = func(context.Context, Case) (*diagnose.Diagnosis, error) { cancel(); return nil, over.Err() }
	r = Result{Case: r.Case}
	if err := b.ask(over, r.Case, &r); !errors.Is(err, context.Canceled) || r.Mute != "" {
		t.Errorf("interrupted: %+v, %v", r, err)
	}
}

// An undoer is a hand that only takes back.
type undoer struct {
	drill.Hand
	undone int
}

func (u *undoer) Undo(ctx context.Context, _ *node.Node, _ []byte) error {
	u.undone++
	return ctx.Err()
}

// A maker is a hand that notes what it does, and fails at some of it.
type maker struct {
	drill.Hand
	did  []string
	fail map[string]bool // what is done, once
}

func (m *maker) note(what string) error {
	m.did = append(m.did, what)
	if m.fail[what] {
		delete(m.fail, what)
		return errors.New(what)
	}
	return nil
}

func (m *maker) Collect(_ context.Context, n *node.Node) (*snapshot.Snapshot, error) {
	return &snapshot.Snapshot{Node: n.Name}, m.note("look " + n.Name)
}

func (m *maker) Apply(_ context.Context, n *node.Node, p op.Plan) ([]byte, error) {
	return nil, m.note("break " + p[0].String() + " of " + n.Name)
}

// Several breaks are planned on the whole lab and made one after the other; one
// that cannot be made as it was planned is planned anew.
func TestProvoke(t *testing.T) {
	drilled := func(id string) *fault.Fault {
		return &fault.Fault{ID: id, Drill: func(s *snapshot.Snapshot, _ *fault.Dice) (op.Plan, error) {
			return op.Plan{op.Sysctl{Name: id}}, nil
		}}
	}
	line := func(id string) string { return "break " + op.Sysctl{Name: id}.String() + " of " }
	for name, tt := range map[string]struct{ fail, want []string }{
		"as planned": {nil, []string{"look n", "look n", line("a") + "n", line("b") + "n"}},
		"moved":      {[]string{line("b") + "n"}, []string{"look n", "look n", line("a") + "n", line("b") + "n", "look n", line("b") + "n"}},
		"unseen":     {[]string{"look n"}, []string{"look n", "look n", "look n", line("a") + "n", line("b") + "n"}},
	} {
		m := &maker{fail: map[string]bool{}}
		for _, f := range tt.fail {
			m.fail[f] = true
		}
		b := &Bench{Hand: m, Nodes: oracle.Cluster{{Name: "n"}}, Faults: []*fault.Fault{drilled("a"), drilled("b")}}
		done, err := b.provoke(t.Context(), Case{Faults: []string{"a", "b"}, Seed: 1})
		if err != nil || len(done) != 2 || !slices.Equal(m.did, tt.want) {
			t.Errorf("%s: %v, %d made, did %q", name, err, len(done), m.did)
		}
	}
}

// An interrupted run leaves no lab broken.
func TestRestoreWhenInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	u := &undoer{}
	b := &Bench{Hand: u}
	err := b.restore(ctx, Case{Faults: []string{"a", "b"}}, make([]broken, 2))
	if u.undone != 2 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d breaks taken back, %v", u.undone, err)
	}
}

func TestNoSuchVariant(t *testing.T) {
	if _, err := (&Bench{}).vary(context.Background(), Case{Kind: Healthy, Variant: "unheard of"}); err == nil {
		t.Error("an unknown variant is made")
	}
	for _, c := range Variants("two workers") {
		if c.Kind != Healthy || !strings.HasSuffix(c.Name(), ", two workers") {
			t.Errorf("%+v", c)
		}
	}
}

// An object is every node's, whichever one wrote it.
func TestWhereABreakLies(t *testing.T) {
	n := &node.Node{Name: "cp1"}
	for _, o := range []op.Op{op.CreateObject{}, op.PatchObject{}, op.DeleteObject{}, op.SetField{}} {
		if at := (broken{node: n, plan: op.Plan{o}}).on(); at != "" {
			t.Errorf("%T lies on %q", o, at)
		}
	}
	if at := (broken{node: n, plan: op.Plan{op.SetField{}, op.Unit{}}}).on(); at != "cp1" {
		t.Errorf("a unit lies on %q", at)
	}
}

// What was kept of a case is another version's to hear, and the last that asked
// a lab gathered it.
func TestAgain(t *testing.T) {
	c := Case{Kind: Single, Faults: []string{"kubelet/stopped"}, Layers: []string{"kubelet"}, Seed: 1}
	list := []Result{
		{Case: c, Tool: "one", Said: []Claim{{Fault: "x"}}}, {Case: c, Tool: "two", Mended: &Mending{Held: true}},
		{Case: c, Tool: "three", Failed: "no lab"}, {Case: c, Tool: "four", Mute: "dead"}, {Case: c, Tool: "five", Kept: "one"},
		{Case: Case{Kind: Single, Faults: c.Faults, Seed: 2}, Tool: "six"},
	}
	r, ok := Again(c, list, "seven")
	if !ok || r.Kept != "two" || r.Tool != "seven" || r.Mended == nil || r.Mended.By != "two" {
		t.Errorf("%+v, %v", r, ok)
	}
	for _, m := range []Mending{{Why: "it did not last"}, {None: "no repair is known"}, {Held: true, Harm: []string{"/etc/x"}}} {
		list[1].Mended = &m
		if r, _ := Again(c, list, "seven"); r.Mended != nil {
			t.Errorf("a repair that went wrong counts: %+v", r.Mended)
		}
	}
	if r, ok := Again(c, list[:1], "one"); ok {
		t.Errorf("a version hears again what it asked itself: %+v", r)
	}
	if _, ok := Again(Case{Kind: Pair, Faults: c.Faults, Seed: 1}, list, "seven"); ok {
		t.Error("another case is known")
	}
	var b strings.Builder
	if err := Write(&b, []Result{r}, nil, "seven", time.Now()); err != nil || !strings.Contains(b.String(), "of 1 cases the evidence was gathered by two") || !strings.Contains(b.String(), "tried by this version: 1 by two") {
		t.Errorf("%v:\n%s", err, b.String())
	}
	b.Reset()
	if err := Write(&b, list[:1], nil, "one", time.Now()); err != nil || strings.Contains(b.String(), "gathered") {
		t.Errorf("what a version asked itself is said to be kept: %v", err)
	}
}

// Files of evidence have names that any file system takes, one for each case.
func TestEvidence(t *testing.T) {
	s, seen := &Store{Path: "/x/results.jsonl"}, map[string]bool{}
	if a, b := s.Evidence(Case{Kind: Healthy}, "v1.2"), s.Evidence(Case{Kind: Healthy}, "v1.3"); a == b {
		t.Errorf("two versions share %s", a)
	}
	for _, c := range []Case{
		{Kind: Single, Faults: []string{"a/b"}, Seed: 1}, {Kind: Single, Faults: []string{"a/b"}, Seed: 2},
		{Kind: Pair, Faults: []string{"a/b", "c/d"}, Seed: 1}, {Kind: Healthy, Variant: "fresh, 0 workers"},
	} {
		at := s.Evidence(c, "v1/x")
		if seen[at] || filepath.Dir(at) != "/x/results.evidence/v1-x" || strings.ContainsAny(filepath.Base(at), " /,+") {
			t.Errorf("%s: %s", c, at)
		}
		seen[at] = true
	}
}

// A break is waited for until its signs show, and no longer when nobody waits.
func TestSettle(t *testing.T) {
	asked := 0
	sign := func(shows bool) []oracle.Check {
		return []oracle.Check{{Name: "a sign", Ask: func(context.Context, oracle.Cluster) error {
			if asked++; shows {
				return nil
			}
			return errors.New("not yet")
		}}}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx   context.Context
		signs []oracle.Check
		want  int
	}{{t.Context(), nil, 0}, {t.Context(), sign(true), 1}, {over, sign(false), 0}} {
		asked = 0
		if (&Bench{}).settle(c.ctx, c.signs); asked != c.want {
			t.Errorf("asked %d times, want %d", asked, c.want)
		}
	}
}
