package access

import (
	"encoding/base64"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// A ref is a file of PEM that something names, or what is embedded instead.
type ref struct {
	path string // on the node; FILE#WHERE of what is embedded
	from string // FILE:LINE that names it
	data []byte // of what is embedded
}

// A component is a program of a static pod, with its flags.
type component struct {
	manifest snapshot.Manifest
	snapshot.ManifestContainer
	mounts map[string]string // folder in the container to folder of the node
	found  bool
}

// componentOf finds the static pod that runs the program of that name.
func componentOf(s *snapshot.Static, name string) component {
	if s == nil {
		return component{}
	}
	m, c, ok := s.Component(name)
	return component{m, c, ParseMounts([]byte(m.Content), c.Name), ok}
}

// value is the flag's value, or "".
func (c component) value(flag string) string {
	f, _ := c.Flag(flag)
	return f.Value
}

// file is the file that the flag names, as a path of the node.
func (c component) file(flag string) ref {
	f, ok := c.Flag(flag)
	if !ok || f.Value == "" {
		return ref{}
	}
	return ref{path: c.host(f.Value), from: c.manifest.Path + ":" + itoa(f.Line)}
}

// files are the files of a flag that may be given several times.
func (c component) files(flag string) []ref {
	var out []ref
	for _, f := range c.Flags {
		for name := range strings.SplitSeq(f.Value, ",") {
			if f.Name == flag && name != "" {
				out = append(out, ref{path: c.host(name), from: c.manifest.Path + ":" + itoa(f.Line)})
			}
		}
	}
	return out
}

// host is where a path of the container lies on the node.
func (c component) host(name string) string {
	name = path.Clean(name)
	for at := name; at != "/" && at != "."; at = path.Dir(at) {
		if dir, ok := c.mounts[at]; ok {
			return path.Join(dir, strings.TrimPrefix(name, at))
		}
	}
	return name
}

// ParseMounts reads which folders of the node the container of a pod sees, by
// where it sees them.
func ParseMounts(manifest []byte, container string) map[string]string {
	var pod struct {
		Spec struct {
			Volumes []struct {
				Name     string `yaml:"name"`
				HostPath struct {
					Path string `yaml:"path"`
				} `yaml:"hostPath"`
			} `yaml:"volumes"`
			Containers []struct {
				Name   string `yaml:"name"`
				Mounts []struct {
					Name    string `yaml:"name"`
					Path    string `yaml:"mountPath"`
					SubPath string `yaml:"subPath"`
				} `yaml:"volumeMounts"`
			} `yaml:"containers"`
		} `yaml:"spec"`
	}
	if yaml.Unmarshal(manifest, &pod) != nil {
		return nil
	}
	out := map[string]string{}
	for _, c := range pod.Spec.Containers {
		if c.Name != container {
			continue
		}
		for _, m := range c.Mounts {
			for _, v := range pod.Spec.Volumes {
				if v.Name == m.Name && v.HostPath.Path != "" && m.Path != "" {
					out[path.Clean(m.Path)] = path.Join(v.HostPath.Path, m.SubPath)
				}
			}
		}
	}
	return out
}

// A wiring checks edges. It reads each file once.
type wiring struct {
	e     *source.Env
	at    time.Time
	known map[string][]byte
	fail  map[string]string
	used  map[string][]string // by path, who names it
	keys  map[string][][]byte // public halves, by the bytes that hold them
	edges []snapshot.Edge
}

// read returns the bytes behind r, or nil.
func (w *wiring) read(r ref) []byte {
	if r.path == "" || r.data != nil {
		return r.data
	}
	if !slices.Contains(w.used[r.path], r.from) {
		w.used[r.path] = append(w.used[r.path], r.from)
	}
	if _, done := w.known[r.path]; !done {
		data, err := w.e.ReadFile(r.path)
		if err != nil {
			w.fail[r.path] = err.Error()
		}
		w.known[r.path] = data
	}
	return w.known[r.path]
}

// add checks one edge. One of which neither side is known is none.
func (w *wiring) add(x snapshot.Edge, cert, key, ca ref) {
	if cert.path == "" && (x.Checks != snapshot.EdgeSigning || key.path == "" || ca.path == "") {
		return
	}
	p := presented{cert: w.read(cert), key: w.read(key), ca: w.read(ca), public: w.public}
	x.Cert, x.CertFrom, x.Key, x.CA, x.CAFrom = cert.path, cert.from, key.path, ca.path, ca.from
	if x.Checks == snapshot.EdgeSigning {
		x.CertFrom = key.from
	}
	for _, r := range []ref{cert, key, ca} {
		if x.Error == "" {
			x.Error = w.fail[r.path]
		}
	}
	CheckEdge(&x, p, w.at)
	w.edges = append(w.edges, x)
}

// public is [publicKeys], once for each file.
func (w *wiring) public(data []byte) [][]byte {
	keys, done := w.keys[string(data)]
	if !done {
		keys = publicKeys(data)
		w.keys[string(data)] = keys
	}
	return keys
}

// A login is what the current context of a kubeconfig leads to.
type login struct {
	cert, key, ca ref
	host          string // that the server's certificate is checked against
	insecure      bool
	server        string
}

// readLogin reads the current context of a kubeconfig; ok is false when there
// is none to follow.
func (w *wiring) readLogin(name string) (l login, ok bool) {
	data, err := w.e.ReadFile(name)
	if err != nil {
		return l, false
	}
	l, ok = parseLogin(name, data)
	return l, ok
}

func parseLogin(name string, data []byte) (l login, ok bool) {
	var d document
	var root yaml.Node
	if yaml.Unmarshal(data, &root) != nil || root.Decode(&d) != nil {
		return l, false
	}
	lines := lines(&root)
	for _, c := range d.Contexts {
		if c.Name != d.Current {
			continue
		}
		for _, x := range d.Clusters {
			if x.Name == c.Context.Cluster {
				from := name + ":" + itoa(lines["clusters/"+x.Name])
				l.ca = embeddedOr(name, "#clusters/"+x.Name, from, x.Cluster.CAData, x.Cluster.CAFile)
				l.server, l.insecure = x.Cluster.Server, x.Cluster.Insecure
				l.host = x.Cluster.ServerName
				if l.host == "" {
					l.host = hostOf(x.Cluster.Server)
				}
				ok = true
			}
		}
		for _, x := range d.Users {
			if x.Name == c.Context.User {
				from := name + ":" + itoa(lines["users/"+x.Name])
				l.cert = embeddedOr(name, "#users/"+x.Name, from, x.User.CertData, x.User.CertFile)
				l.key = embeddedOr(name, "#users/"+x.Name, from, x.User.KeyData, x.User.KeyFile)
			}
		}
	}
	return l, ok
}

// embeddedOr is the base64 data of a kubeconfig, which wins, or its file.
func embeddedOr(name, where, from, data, file string) ref {
	switch {
	case data != "":
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(data))
		if err != nil || raw == nil {
			raw = []byte{}
		}
		return ref{path: name + where, from: from, data: raw}
	case file != "":
		return ref{path: beside(name, file), from: from}
	}
	return ref{}
}

func itoa(n int) string { return strconv.Itoa(n) }
