// Package site is what a site tells klustered of itself, in .klustered.yaml:
// which causes it knows of and does not want to be told again, why, and until
// when.
//
//	apiVersion: klustered.dev/v1
//	kind: Site
//	ignore:
//	- fault: kubelet/swap     # an ID, an area or a layer
//	  node: worker-*          # optional, a pattern
//	  subject: /var/lib/*/*   # optional, a pattern
//	  reason: the node is drained until its memory is changed
//	  until: 2027-03-31       # it is told again from the next day on
package site

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/klustered/klustered/internal/diagnose"
)

// Name is the file that is looked for.
const Name = ".klustered.yaml"

// most is the size of a file from which it is none of ours.
const most = 1 << 20

// A Site is one file.
type Site struct {
	Path    string
	Ignores []diagnose.Ignore
}

type document struct {
	APIVersion string  `yaml:"apiVersion"`
	Kind       string  `yaml:"kind"`
	Ignore     []entry `yaml:"ignore"`
}

type entry struct {
	Fault, Node, Subject, Reason, Until string
	line                                int
}

// UnmarshalYAML reads an entry and remembers its line.
func (e *entry) UnmarshalYAML(n *yaml.Node) error {
	fields := map[string]*string{"fault": &e.Fault, "node": &e.Node, "subject": &e.Subject, "reason": &e.Reason, "until": &e.Until}
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: an ignore has fields", n.Line)
	}
	e.line = n.Line
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		to, ok := fields[key.Value]
		if !ok || value.Kind != yaml.ScalarNode {
			return fmt.Errorf("line %d: an ignore has no field %q of this kind", key.Line, key.Value)
		}
		*to = value.Value
	}
	return nil
}

// Find returns the first of the files that is there, or "".
func Find(files ...string) string {
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && info.Mode().IsRegular() {
			return f
		}
	}
	return ""
}

// Load reads a file. known says whether a fault, area or layer has that name.
func Load(file string, known func(string) bool) (*Site, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot read %s: it does not exist", file)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if len(data) > most {
		return nil, fmt.Errorf("cannot read %s: it is over %d bytes", file, most)
	}
	return Parse(file, data, known)
}

// Parse reads the content of a file. Every ignore has a reason and an end, and
// names something that exists: one that is misspelt would keep nothing quiet.
func Parse(file string, data []byte, known func(string) bool) (*Site, error) {
	var doc document
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("cannot read %s: %w", file, err)
	}
	if doc.APIVersion != "klustered.dev/v1" || doc.Kind != "Site" {
		return nil, fmt.Errorf("cannot read %s: it is not of apiVersion klustered.dev/v1 and kind Site", file)
	}
	s := &Site{Path: file}
	for _, e := range doc.Ignore {
		i, err := e.ignore(known)
		if err != nil {
			return nil, fmt.Errorf("cannot read %s: line %d: %w", file, e.line, err)
		}
		i.Source, i.Line = file, e.line
		s.Ignores = append(s.Ignores, i)
	}
	return s, nil
}

func (e entry) ignore(known func(string) bool) (diagnose.Ignore, error) {
	i := diagnose.Ignore{Fault: e.Fault, Node: e.Node, Subject: e.Subject, Reason: e.Reason}
	switch {
	case !known(e.Fault):
		return i, fmt.Errorf("no fault, area or layer is called %q", e.Fault)
	case e.Reason == "":
		return i, errors.New("an ignore needs a reason")
	case e.Until == "":
		return i, errors.New("an ignore needs a day until which it holds")
	}
	for _, pattern := range []string{e.Node, e.Subject} {
		if _, err := path.Match(pattern, ""); err != nil {
			return i, fmt.Errorf("%q is no pattern: %w", pattern, err)
		}
	}
	day, err := time.Parse(time.DateOnly, e.Until)
	if err != nil {
		return i, fmt.Errorf("until %q is no day such as 2027-03-31", e.Until)
	}
	i.Until = day.AddDate(0, 0, 1).Add(-time.Second)
	return i, nil
}
