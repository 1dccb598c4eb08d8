// Package bundle keeps snapshots in one file that can be carried away and
// diagnosed anywhere, and takes out of it what should not be carried away.
//
// A bundle is a tar archive compressed with zstd, and encrypted with age where
// recipients are named. Its first entry is manifest.json; each snapshot is
// nodes/NNN/snapshot.json, and the files and logs that it quotes lie in
// nodes/NNN/raw. docs/bundle.md is the format's contract.
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

	"github.com/klustered/klustered/internal/collect/raw"
	"github.com/klustered/klustered/snapshot"
)

// The version of the format. Major changes when an older tool could no longer
// understand a bundle rightly.
const (
	Major = 1
	Minor = 1 // 1: raw evidence, clocks
)

const manifestName = "manifest.json"

// A Bundle is an open bundle.
type Bundle struct {
	Manifest  Manifest
	Encrypted bool
	Parts     []Part // in the order of the manifest
}

// A Part is what a bundle holds of one node.
type Part struct {
	Snapshot *snapshot.Snapshot
	Raw      []raw.File
	Clock    *Clock // nil where nobody else's clock was at hand
}

// A Clock compares the node's clock with that of the machine that asked.
type Clock struct {
	OffsetMs float64 `json:"offsetMs"` // the node's time minus the asker's
	ErrorMs  float64 `json:"errorMs"`  // by how much OffsetMs may be wrong, either way
}

// Snapshots are those of all parts.
func (b *Bundle) Snapshots() []*snapshot.Snapshot {
	out := make([]*snapshot.Snapshot, len(b.Parts))
	for i, p := range b.Parts {
		out[i] = p.Snapshot
	}
	return out
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

// An Entry is a node of the bundle.
type Entry struct {
	Node    string            `json:"node"`
	Path    string            `json:"path"` // of the snapshot
	Size    int64             `json:"size"` // bytes
	SHA256  string            `json:"sha256"`
	At      time.Time         `json:"at"`
	Timings []snapshot.Timing `json:"timings,omitempty"`
	Clock   *Clock            `json:"clock,omitempty"`
	Raw     []RawEntry        `json:"raw,omitempty"`
}

// A RawEntry is a file of raw evidence.
type RawEntry struct {
	Source string `json:"source"`
	Path   string `json:"path"`
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
	Cut    bool   `json:"cut,omitempty"`
	Error  string `json:"error,omitempty"` // why there is nothing, or not more
}

const format = "klustered-bundle"
