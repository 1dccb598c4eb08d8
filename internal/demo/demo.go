// Package demo holds incidents that were recorded from real broken clusters,
// embedded in the binary, so that anybody can see a diagnosis with no cluster
// at hand.
package demo

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/klustered/klustered/internal/bundle"
)

// recorded holds the bundles and a README that says how one is made.
//
//go:embed bundles
var recorded embed.FS

const ending = ".bundle"

// An Incident is a recorded one.
type Incident struct {
	Name   string
	Bundle *bundle.Bundle
}

// Story is what had happened, for a person.
func (i Incident) Story() string { return i.Bundle.Manifest.Note }

// Names are the names of the recorded incidents, sorted. There may be none.
func Names() []string { return names(recorded) }

func names(from fs.FS) []string {
	var out []string
	list, _ := fs.ReadDir(from, "bundles") // sorted by name
	for _, e := range list {
		if name, ok := strings.CutSuffix(e.Name(), ending); ok && !e.IsDir() {
			out = append(out, name)
		}
	}
	return out
}

// Load opens a recorded incident.
func Load(name string) (Incident, error) { return load(recorded, name) }

func load(from fs.FS, name string) (Incident, error) {
	data, err := fs.ReadFile(from, path.Join("bundles", name+ending))
	if err != nil {
		return Incident{}, fmt.Errorf("cannot find the recorded incident %q", name)
	}
	b, err := bundle.Open(bytes.NewReader(data))
	if err != nil {
		return Incident{}, fmt.Errorf("cannot open the recorded incident %q: %w", name, err)
	}
	return Incident{Name: name, Bundle: b}, nil
}
