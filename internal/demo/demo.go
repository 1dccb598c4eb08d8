// Package demo holds incidents that were recorded from real broken clusters,
// embedded in the binary, so that anybody can see a diagnosis with no cluster
// at hand.
package demo

import (
	"bytes"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/klustered/klustered/internal/bundle"
	"github.com/klustered/klustered/internal/packed"
)

// archive holds what is in the bundles of the folder bundles, by their names
// without an ending.
//
//go:embed bundles.zst
var archive []byte

var recorded = sync.OnceValue(func() packed.Files {
	all, _ := packed.Unpack(archive) // a test reads it
	return all
})

// An Incident is a recorded one.
type Incident struct {
	Name   string
	Bundle *bundle.Bundle
}

// Story is what had happened, for a person.
func (i Incident) Story() string { return i.Bundle.Manifest.Note }

// Names are the names of the recorded incidents, sorted. There may be none.
func Names() []string { return slices.Sorted(maps.Keys(recorded())) }

// Load opens a recorded incident.
func Load(name string) (Incident, error) { return load(recorded(), name) }

func load(from packed.Files, name string) (Incident, error) {
	data, ok := from[name]
	if !ok {
		return Incident{}, fmt.Errorf("cannot find the recorded incident %q", name)
	}
	b, err := bundle.OpenBare(bytes.NewReader(data))
	if err != nil {
		return Incident{}, fmt.Errorf("cannot open the recorded incident %q: %w", name, err)
	}
	return Incident{Name: name, Bundle: b}, nil
}
