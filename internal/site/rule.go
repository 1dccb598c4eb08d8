package site

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/cel"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// A Rule is a fault of the site's own, in YAML with expressions in CEL over
// the snapshot, with the fields of its JSON.
//
//	apiVersion: klustered.dev/v1
//	kind: Rule
//	id: site/backupfailed
//	title: The nightly backup failed
//	layer: systemd
//	each: snapshot.systemd.units.filter(u, u.active == "failed")   # optional: a finding for each, called it
//	when: it.name.startsWith("backup")
//	subject: {kind: unit, name: it.name}
//	summary: '"the unit " + it.name + " failed"'
//	facts:
//	- {source: it.path, got: '"ActiveState=" + it.active', want: '"ActiveState=inactive"'}
//	explains:
//	- {symptom: io-pressure, strength: sometimes}
//	commands: [systemctl list-units --failed]
//	repair: Ask the storage team.
//	tests:
//	- {bundle: failed.bundle, finds: [backup-home.service]}
//
// The sections that it needs are those that its expressions read; one that an
// expression asks for with has() may be missing in it and in those after it.
type Rule struct {
	Fault *fault.Fault
	Path  string
	Tests []Test
}

// A Test is what a rule finds in a bundle: the names of the subjects.
type Test struct {
	Bundle string   `yaml:"bundle"` // beside the rule
	Finds  []string `yaml:"finds"`
}

type ruleDocument struct {
	APIVersion string            `yaml:"apiVersion"`
	Kind       string            `yaml:"kind"`
	ID         string            `yaml:"id"`
	Title      string            `yaml:"title"`
	Layer      string            `yaml:"layer"`
	Each       string            `yaml:"each"`
	When       string            `yaml:"when"`
	Subject    subjectDocument   `yaml:"subject"`
	Summary    string            `yaml:"summary"`
	Facts      []factDocument    `yaml:"facts"`
	Explains   []explainDocument `yaml:"explains"`
	Commands   []string          `yaml:"commands"`
	Repair     string            `yaml:"repair"`
	Tests      []Test            `yaml:"tests"`
}

type subjectDocument struct {
	Kind string `yaml:"kind"`
	Name string `yaml:"name"`
}

type factDocument struct {
	Source string `yaml:"source"`
	Got    string `yaml:"got"`
	Want   string `yaml:"want"`
}

type explainDocument struct {
	Symptom  string `yaml:"symptom"`
	Strength string `yaml:"strength"`
	Cluster  bool   `yaml:"cluster"`
}

// LoadRules reads every rule below the folder: files whose names end in .yaml.
func LoadRules(dir string) ([]Rule, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("cannot read rules in %s: there is no file *.yaml", dir)
	}
	var out []Rule
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		r, err := ParseRule(file, data)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(out, func(x Rule) bool { return x.Fault.ID == r.Fault.ID }) {
			return nil, fmt.Errorf("cannot read %s: another rule has the id %q too", file, r.Fault.ID)
		}
		out = append(out, r)
	}
	return out, nil
}

// ParseRule reads one rule and checks all its expressions.
func ParseRule(file string, data []byte) (Rule, error) {
	var doc ruleDocument
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return Rule{}, fmt.Errorf("cannot read %s: %w", file, err)
	}
	f, err := doc.fault()
	if err != nil {
		return Rule{}, fmt.Errorf("cannot read %s: %w", file, err)
	}
	return Rule{Fault: f, Path: file, Tests: doc.Tests}, nil
}

var idForm = regexp.MustCompile(`^site/[a-z0-9]+$`)

// Own reports whether a fault of that ID would be the site's own. Its rule need
// not have been read.
func Own(id string) bool { return idForm.MatchString(id) }

func (doc *ruleDocument) fault() (*fault.Fault, error) {
	switch {
	case doc.APIVersion != "klustered.dev/v1" || doc.Kind != "Rule":
		return nil, errors.New("it is not of apiVersion klustered.dev/v1 and kind Rule")
	case !idForm.MatchString(doc.ID):
		return nil, fmt.Errorf("the id %q is not site/ and a name in small letters", doc.ID)
	case !slices.Contains(append([]fault.Layer{fault.Trust}, fault.Layers...), fault.Layer(doc.Layer)):
		return nil, fmt.Errorf("there is no layer %q", doc.Layer)
	case doc.Title == "" || doc.When == "" || doc.Subject.Kind == "" || len(doc.Facts) == 0:
		return nil, errors.New("a rule has a title, when, a subject and facts")
	}
	f := &fault.Fault{ID: doc.ID, Layer: fault.Layer(doc.Layer), Runbook: doc.runbook()}
	for _, e := range doc.Explains {
		edge, err := e.edge()
		if err != nil {
			return nil, err
		}
		f.Explains = append(f.Explains, edge)
	}
	p, err := doc.compile()
	if err != nil {
		return nil, err
	}
	f.Needs, f.Uses = p.sections()
	if len(f.Needs) == 0 {
		return nil, errors.New("it reads no evidence")
	}
	f.Detect = p.detect
	return f, nil
}

func (e explainDocument) edge() (symptom.Edge, error) {
	if _, ok := symptom.Lookup(symptom.ID(e.Symptom)); !ok {
		return symptom.Edge{}, fmt.Errorf("there is no symptom %q", e.Symptom)
	}
	x, ok := map[string]symptom.Strength{"always": symptom.Always, "usually": symptom.Usually, "sometimes": symptom.Sometimes}[e.Strength]
	if !ok {
		return symptom.Edge{}, fmt.Errorf("the strength %q is none of always, usually, sometimes", e.Strength)
	}
	return symptom.Edge{Symptom: symptom.ID(e.Symptom), Strength: x, Cluster: e.Cluster}, nil
}

func (doc *ruleDocument) runbook() string {
	look := "See the evidence."
	if len(doc.Commands) > 0 {
		look = "    " + strings.Join(doc.Commands, "\n    ")
	}
	return fmt.Sprintf("# %s\n\n## Signs\n\nA rule of this site says so where `%s`.\n\n## Why\n\nThe site knows.\n\n## See it by hand\n\n%s\n\n## Repair by hand\n\n%s\n\n## What klustered does\n\nIt tells of it, and changes nothing.\n",
		doc.Title, strings.TrimSpace(doc.When), look, cmp.Or(doc.Repair, "No repair is written down."))
}

// A program is a rule that was compiled.
type program struct {
	doc                    *ruleDocument
	each, when, name, text *cel.Program // each and text may be nil
	facts                  [][3]*cel.Program
	all                    []*cel.Program
}

// compile checks every expression; those after each know its element as it.
func (doc *ruleDocument) compile() (*program, error) {
	p := &program{doc: doc}
	vars := map[string]reflect.Type{"snapshot": reflect.TypeFor[snapshot.Snapshot]()}
	var err error
	add := func(field, src string, want any) (out *cel.Program) {
		if err != nil || src == "" {
			return nil
		}
		if out, err = cel.Compile(src, vars, want); err != nil {
			err = fmt.Errorf("%s: %w", field, err)
			return nil
		}
		p.all = append(p.all, out)
		return out
	}
	if p.each = add("each", doc.Each, nil); p.each != nil {
		if vars["it"] = p.each.Element(); vars["it"] == nil {
			return nil, fmt.Errorf("each: it gives a %s, and a list of objects is wanted", p.each.Type())
		}
	}
	p.when = add("when", doc.When, true)
	p.name = add("subject.name", doc.Subject.Name, "")
	p.text = add("summary", doc.Summary, "")
	for i, f := range doc.Facts {
		place := fmt.Sprintf("facts[%d]", i)
		p.facts = append(p.facts, [3]*cel.Program{add(place+".source", f.Source, ""), add(place+".got", f.Got, ""), add(place+".want", f.Want, "")})
		if err == nil && (f.Source == "" || f.Got == "") {
			err = fmt.Errorf("%s: a fact has a source and what was got", place)
		}
	}
	if err == nil && p.name == nil {
		err = errors.New("the subject has no name")
	}
	return p, err
}

// sections are those that the expressions read, and those that one asks for
// with has() before any reads them: what a summary asks for, when has read.
func (p *program) sections() (needs, uses []snapshot.Section) {
	section := func(name string) (snapshot.Section, bool) {
		x := snapshot.Section(strings.TrimPrefix(name, "snapshot."))
		return x, strings.HasPrefix(name, "snapshot.") && slices.Contains(snapshot.Sections(), x)
	}
	for _, c := range p.all {
		for _, name := range c.Asks {
			if x, ok := section(name); ok && !slices.Contains(needs, x) && !slices.Contains(uses, x) {
				uses = append(uses, x)
			}
		}
		for _, name := range c.Reads {
			if x, ok := section(name); ok && !slices.Contains(needs, x) && !slices.Contains(uses, x) {
				needs = append(needs, x)
			}
		}
	}
	return needs, uses
}

// detect is the rule. One that fails on this evidence panics with why, which
// the engine tells as a rule that was not evaluated.
func (p *program) detect(s *snapshot.Snapshot) []finding.Finding {
	r := reading{vars: map[string]any{"snapshot": s}}
	list := []any{nil}
	if p.each != nil {
		list, _ = cel.Elements(r.value(p.each))
	}
	var out []finding.Finding
	for _, it := range list {
		if p.each != nil {
			r.vars["it"] = it
		}
		if r.value(p.when) != true {
			continue
		}
		f := finding.Finding{Subject: finding.Subject{Kind: p.doc.Subject.Kind, Name: r.words(p.name)}, Summary: p.doc.Title, Commands: p.doc.Commands}
		if p.text != nil {
			f.Summary = r.words(p.text)
		}
		for _, x := range p.facts {
			f.Facts = append(f.Facts, finding.Fact{Source: r.words(x[0]), Got: r.words(x[1]), Want: r.words(x[2])})
		}
		out = append(out, f)
	}
	return out
}

// A reading is one run of a rule over a snapshot. All its evaluations share a
// budget: evidence may be long.
type reading struct {
	vars   map[string]any
	budget cel.Budget
}

func (r *reading) value(p *cel.Program) any {
	v, err := p.Within(&r.budget, r.vars)
	if err != nil {
		panic(err)
	}
	return v
}

func (r *reading) words(p *cel.Program) string {
	if p == nil {
		return ""
	}
	text, err := cel.Text(r.value(p))
	if err != nil {
		panic(err)
	}
	return text
}
