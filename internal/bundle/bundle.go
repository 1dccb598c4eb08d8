// Package bundle keeps snapshots in one file that can be carried away and
// diagnosed anywhere, and takes out of it what should not be carried away.
//
// A bundle is a tar archive compressed with zstd. Its first entry is
// manifest.json; each snapshot is nodes/NAME/snapshot.json.
//
// # Invariants
//
//   - A bundle of an older version is read by a newer tool. One of a newer
//     minor version is read too, without what is not known; one of a newer
//     major version is refused.
//   - Every entry is checked against the manifest's SHA-256.
//   - Reading is bounded, whatever the file claims, and writes nothing.
package bundle

import (
	"time"

	"github.com/klustered/klustered/snapshot"
)

// The version of the format. Major changes when an older tool could no longer
// understand a bundle rightly.
const (
	Major = 1
	Minor = 0
)

const manifestName = "manifest.json"

// A Bundle is an open bundle.
type Bundle struct {
	Manifest  Manifest
	Snapshots []*snapshot.Snapshot // in the order of the manifest
}

// A Manifest says what is in a bundle.
type Manifest struct {
	Format   string    `json:"format"` // klustered-bundle
	Major    int       `json:"major"`
	Minor    int       `json:"minor"`
	Created  time.Time `json:"created"`
	Tool     string    `json:"tool"`
	Redacted Level     `json:"redacted"`
	Note     string    `json:"note,omitempty"` // what the bundle is of, for a person
	Nodes    []Entry   `json:"nodes"`
}

// An Entry is a snapshot of the bundle.
type Entry struct {
	Node    string            `json:"node"`
	Path    string            `json:"path"`
	Size    int64             `json:"size"` // bytes
	SHA256  string            `json:"sha256"`
	At      time.Time         `json:"at"`
	Timings []snapshot.Timing `json:"timings,omitempty"`
}

const format = "klustered-bundle"
