package snapshot

import (
	"strconv"
	"strings"
)

// A FieldProblem is what a reader of a configuration file or manifest does not
// take, or leaves out without a word.
type FieldProblem struct {
	// Kind is unknown-field, duplicate-key, wrong-type, bad-value, unknown-gate.
	Kind    string `json:"kind"`
	Path    string `json:"path"` // spec.containers[0].image
	Source  string `json:"source,omitempty"`
	Line    int    `json:"line"`
	Column  int    `json:"column,omitempty"`
	Detail  string `json:"detail,omitempty"`  // got and want
	Nearest string `json:"nearest,omitempty"` // of an unknown name, the one that may be meant
}

// A Field is one value of a manifest, with where it stands. Secrets are
// replaced.
type Field struct {
	Path  string `json:"path"` // spec.containers[0].image
	Value string `json:"value"`
	Line  int    `json:"line"`
}

// Get returns the value at a path of a manifest, and whether it is there.
func (m Manifest) Get(path string) (Field, bool) {
	for _, f := range m.Fields {
		if f.Path == path {
			return f, true
		}
	}
	return Field{}, false
}

// Below returns the values below a path of a manifest, in their order.
func (m Manifest) Below(path string) []Field {
	var out []Field
	for _, f := range m.Fields {
		if rest, ok := strings.CutPrefix(f.Path, path); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			out = append(out, f)
		}
	}
	return out
}

// A ManifestVolume is a volume of a static pod that is a path of the node.
type ManifestVolume struct {
	Name string `json:"name"`
	Path string `json:"path"`
	Type string `json:"type,omitempty"` // as asked for: Directory, File, DirectoryOrCreate, ...
	Is   string `json:"is,omitempty"`   // what is there: directory, file, socket, other, missing; "" when it could not be looked at
	Line int    `json:"line"`
}

// A ManifestProbe is a probe of a static pod's container.
type ManifestProbe struct {
	Kind    string `json:"kind"` // liveness, readiness, startup
	How     string `json:"how"`  // httpGet, tcpSocket, grpc, exec
	Scheme  string `json:"scheme,omitempty"`
	Host    string `json:"host,omitempty"`
	Port    string `json:"port,omitempty"` // as written; may name a port
	Number  int    `json:"number,omitempty"`
	Path    string `json:"path,omitempty"`
	Delay   int    `json:"delay,omitempty"` // seconds, as are the next two; 0 when not set
	Period  int    `json:"period,omitempty"`
	Timeout int    `json:"timeout,omitempty"`
	Failure int    `json:"failure,omitempty"`
	Success int    `json:"success,omitempty"`
	Line    int    `json:"line"`
}

// A FlagTable is which table of component a program was read by.
type FlagTable struct {
	Name    string `json:"name"`
	Version string `json:"version"`         // of the program, as found
	From    string `json:"from"`            // where the version was found
	Table   string `json:"table"`           // minor release of the table
	Exact   bool   `json:"exact,omitempty"` // the table is of that release
}

// A NamedFile is a path that a flag of a static pod's component names, and what
// is there.
type NamedFile struct {
	Manifest  string `json:"manifest"` // path of it
	Component string `json:"component"`
	Flag      string `json:"flag"`
	Line      int    `json:"line"`
	Path      string `json:"path"`           // as the container sees it
	Host      string `json:"host,omitempty"` // the same on the node; "" where no volume shows it
	Is        string `json:"is,omitempty"`   // what is there, as in ManifestVolume
	// Text is the file where it is configuration, secrets replaced, with its
	// values and what is wrong with it.
	Text     *Text          `json:"text,omitempty"`
	Fields   []Field        `json:"fields,omitempty"`
	Error    string         `json:"error,omitempty"` // why it does not parse
	Problems []FieldProblem `json:"problems,omitempty"`
}

// OnNode is where on the node a path of the manifest's container lies, the
// containers counted without those that only begin. ok is false where no volume
// of the node shows it.
func (m Manifest) OnNode(container int, path string) (host string, ok bool) {
	at, volume, sub := "", "", ""
	prefix := "spec.containers[" + strconv.Itoa(container) + "].volumeMounts["
	for _, f := range m.Fields {
		rest, mine := strings.CutPrefix(f.Path, prefix)
		i, key, _ := strings.Cut(rest, "].")
		if !mine || key != "mountPath" || len(f.Value) < len(at) || path != f.Value && !strings.HasPrefix(path, strings.TrimSuffix(f.Value, "/")+"/") {
			continue
		}
		name, _ := m.Get(prefix + i + "].name")
		inner, _ := m.Get(prefix + i + "].subPath")
		at, volume, sub = f.Value, name.Value, inner.Value
	}
	for _, v := range m.Volumes {
		if volume != "" && v.Name == volume {
			return join(v.Path, sub, strings.TrimPrefix(path, strings.TrimSuffix(at, "/"))), true
		}
	}
	return "", false
}

// join puts parts of a path together.
func join(parts ...string) string {
	out := ""
	for _, p := range parts {
		if p = strings.Trim(p, "/"); p != "" {
			out += "/" + p
		}
	}
	return out
}

// A Passed is a file of the static pod folder that the kubelet does not load.
type Passed struct {
	Path string `json:"path"`
	Why  string `json:"why"` // dot file, directory, other
}

// Place is what a path is and how it is reached.
type Place struct {
	Path    string `json:"path"`
	Mode    uint32 `json:"mode,omitempty"`
	UID     uint32 `json:"uid"`
	Target  string `json:"target,omitempty"` // where links lead
	Mount   string `json:"mount,omitempty"`  // mount point at the path itself: it hides what lies below
	Missing bool   `json:"missing,omitempty"`
}

// Duplicates returns the components that several manifests run, with the
// paths of those.
func (s *Static) Duplicates() map[string][]string {
	all, out := map[string][]string{}, map[string][]string{}
	for _, m := range s.Manifests {
		for _, c := range m.Containers {
			if c.FlagTable != nil {
				all[c.Command] = append(all[c.Command], m.Path)
			}
		}
	}
	for name, paths := range all {
		if len(paths) > 1 {
			out[name] = paths
		}
	}
	return out
}
