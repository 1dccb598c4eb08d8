package snapshot

import "time"

// A KubeconfigOddity is something in a kubeconfig that kubectl takes without a
// word and that does not do what it seems to.
type KubeconfigOddity struct {
	What string `json:"what"` // a clause, such as "the current context is in no list"
	Line int    `json:"line,omitempty"`
}

// A MergedKubeconfig is what kubectl makes of a KUBECONFIG that names several
// files: of entries with one name the first one holds.
type MergedKubeconfig struct {
	From    string        `json:"from"`  // who sets it: PID NAME, or FILE:LINE
	Files   []string      `json:"files"` // in their order
	Missing []string      `json:"missing,omitempty"`
	Current string        `json:"current,omitempty"`
	In      string        `json:"in,omitempty"` // file that sets the current context
	Entries []MergedEntry `json:"entries,omitempty"`
}

// A MergedEntry is a cluster, context or user of a merged kubeconfig.
type MergedEntry struct {
	Kind   string   `json:"kind"` // cluster, context, user
	Name   string   `json:"name"`
	Path   string   `json:"path"` // file that it is of
	Hidden []string `json:"hidden,omitempty"`
}

// A KubercAlias is a command of kubectl that a kuberc adds.
type KubercAlias struct {
	Name    string   `json:"name"`
	Line    int      `json:"line,omitempty"`
	Command string   `json:"command"`
	Prepend []string `json:"prepend,omitempty"`
	Append  []string `json:"append,omitempty"`
	Options []string `json:"options,omitempty"` // NAME=VALUE
}

// A KubercDefault changes the defaults of a command's flags.
type KubercDefault struct {
	Command string   `json:"command"`
	Line    int      `json:"line,omitempty"`
	Options []string `json:"options,omitempty"` // NAME=VALUE
}

// A KubectlPlugin is a program that kubectl runs for a command that it does
// not have, for a kind under create, or when the TAB key is pressed.
type KubectlPlugin struct {
	Command string  `json:"command"` // as it is typed, such as "kubectl ns"
	Kind    string  `json:"kind"`    // plugin, create, completion
	Binary  *Binary `json:"binary"`
	Behind  string  `json:"behind,omitempty"` // program of the same name that comes before it on the path
	Krew    bool    `json:"krew,omitempty"`   // lies in krew's folder
}

// A KubeCache is the folder where kubectl keeps what servers said of
// themselves.
type KubeCache struct {
	Dir    string    `json:"dir"`
	Hosts  []string  `json:"hosts,omitempty"` // folders of its discovery part
	Files  int       `json:"files"`
	Bytes  int64     `json:"bytes"`
	Newest time.Time `json:"newest,omitzero"`
}
