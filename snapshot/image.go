package snapshot

import "time"

// An Image is an image as the runtime lists it.
type Image struct {
	ID      string   `json:"id"`                // digest of its configuration
	Names   []string `json:"names,omitempty"`   // tags that lead to it
	Digests []string `json:"digests,omitempty"` // NAME@DIGEST by which it was pulled; none of one that was imported
	Size    uint64   `json:"size"`              // bytes
	Pinned  bool     `json:"pinned,omitempty"`  // never collected as garbage
	UID     *int64   `json:"uid,omitempty"`     // that it runs as
	User    string   `json:"user,omitempty"`    // the same by name
}

// ImageFS is what images or containers take of a file system, by the
// runtime's own account.
type ImageFS struct {
	Path   string    `json:"path"`
	Kind   string    `json:"kind"` // images, containers
	Bytes  uint64    `json:"bytes"`
	Inodes uint64    `json:"inodes"`
	At     time.Time `json:"at,omitzero" diff:"-"` // when the runtime looked
}

// A ContainerMount is a folder or file of the node that a container sees. Those
// that the kubelet makes for a pod are left out.
type ContainerMount struct {
	Path        string `json:"path"` // in the container
	Host        string `json:"host"`
	ReadOnly    bool   `json:"readOnly,omitempty"`
	Propagation string `json:"propagation,omitempty"` // host, both
}
