package snapshot

import "time"

// A Baseline is what was captured of this node when it was known to be good,
// as far as the node differs from it now.
type Baseline struct {
	Path   string   `json:"path"` // of the Git repository
	Commit Commit   `json:"commit"`
	Files  int      `json:"files" diff:"-"` // that were compared
	Drifts []Drift  `json:"drifts,omitempty"`
	Unread []string `json:"unread,omitempty"` // kept files that could not be compared: their section has a gap
}

// A Commit is one version in a Git repository.
type Commit struct {
	Hash    string    `json:"hash"`
	Author  string    `json:"author"`
	At      time.Time `json:"at"`
	Subject string    `json:"subject"`
}

// What has become of something kept in a baseline.
const (
	DriftChanged = "changed"
	DriftGone    = "gone"
	DriftAdded   = "added"
)

// A Drift is one difference between a node and its baseline.
type Drift struct {
	Kind  string `json:"kind"`  // file, certificate, key, webhook, policy
	Name  string `json:"name"`  // the path, or Kind/name of an object
	State string `json:"state"` // DriftChanged, DriftGone, DriftAdded
	// Was and Is are of a file; nil where there is none. Old and New are of
	// everything else: a fingerprint with what it is of, or JSON.
	Was *Text  `json:"was,omitempty"`
	Is  *Text  `json:"is,omitempty"`
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
	// Since is the commit that gave it the content it was captured with; of
	// what was added it is the newest one, which does not have it.
	Since Commit `json:"since"`
	// By and At are of an object's last change, as its managedFields tell.
	By string    `json:"by,omitempty"`
	At time.Time `json:"at,omitzero"`
}
