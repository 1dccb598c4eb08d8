package kubelet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/klustered/klustered/component"
	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// maxManifests bounds how many files of the folder are read.
const maxManifests = 200

// collectStatic reads the folder of static pods as the kubelet does: every
// file whose name does not begin with a dot, whatever it ends in.
func collectStatic(_ context.Context, e *source.Env, s *snapshot.Snapshot) error {
	dir, version := kubeadmStatic, ""
	x := &snapshot.Static{}
	if k := s.Kubelet; k != nil {
		version = k.Version
		x.URL = k.Effective["staticPodURL"].Value
		x.Elsewhere = elsewhere(e, k)
		if dir = k.StaticPodPath; dir == "" {
			s.Static = x // the kubelet runs none of a folder
			return nil
		}
	}
	i, err := e.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) && s.Kubelet == nil {
		return nil
	}
	x.Dir, x.Place = dir, place(e, dir)
	if err == nil && i.IsRegular() { // the kubelet takes a single file too
		x.Manifests = append(x.Manifests, manifest(e, dir, version))
		s.Static = x
		return nil
	}
	list, err := e.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		x.Beside = beside(e, dir, version)
		s.Static = x
		return nil
	}
	if err != nil {
		return err
	}
	for _, f := range list {
		name := path.Join(dir, f.Name())
		if why := passed(e, name); why != "" {
			if len(x.Passed) < maxManifests {
				x.Passed = append(x.Passed, snapshot.Passed{Path: name, Why: why})
			}
			continue
		}
		if len(x.Manifests) == maxManifests {
			e.Gap(snapshot.SectionStatic, dir, fmt.Errorf("more than %d files", maxManifests))
			break
		}
		x.Manifests = append(x.Manifests, manifest(e, name, version))
	}
	x.Beside, x.Named = beside(e, dir, version), named(e, x.Manifests, version)
	x.Admission = admission(e, x)
	s.Static = x
	return nil
}

// elsewhere reads the manifests of pods in folders that the kubelet would look
// at by kubeadm's custom or a weaker setting, and does not.
func elsewhere(e *source.Env, k *snapshot.Kubelet) []snapshot.Manifest {
	dirs := []string{kubeadmStatic}
	for _, o := range k.Effective["staticPodPath"].Overrides {
		dirs = append(dirs, o.Value)
	}
	var out []snapshot.Manifest
	seen := map[string]bool{"": true, ".": true, e.Resolve(k.StaticPodPath): true}
	for _, dir := range dirs {
		if at := e.Resolve(path.Clean(dir)); seen[at] || !path.IsAbs(at) {
			continue
		} else {
			seen[at] = true
		}
		list, _ := e.ReadDir(dir)
		for _, f := range list {
			name := path.Join(dir, f.Name())
			if passed(e, name) != "" || len(out) == maxManifests {
				continue
			}
			if m := manifest(e, name, k.Version); m.Kind == "Pod" {
				out = append(out, m)
			}
		}
	}
	return out
}

// passed says why the kubelet leaves out what lies in its folder, or "".
func passed(e *source.Env, name string) string {
	i, err := e.Stat(name)
	switch {
	case strings.HasPrefix(path.Base(name), "."):
		return "dot file"
	case err == nil && i.IsDir():
		return "directory"
	}
	return ""
}

// place says what a folder is and how it is reached.
func place(e *source.Env, name string) *snapshot.Place {
	p := &snapshot.Place{Path: name}
	i, err := e.Stat(name)
	if err != nil {
		p.Missing = errors.Is(err, fs.ErrNotExist)
		return p
	}
	p.Mode, p.UID = i.Mode, i.UID
	if real := e.Resolve(name); real != name {
		p.Target = real
	}
	if data, err := e.ReadFile("/proc/self/mountinfo"); e.Live && err == nil && mountedAt(string(data), e.Resolve(name)) {
		p.Mount = name
	}
	return p
}

// mountedAt reports whether /proc/self/mountinfo has a mount at exactly that
// path: it hides what the folder below it holds.
func mountedAt(mounts, name string) bool {
	for line := range strings.Lines(mounts) {
		if f := strings.Fields(line); len(f) > 4 && f[4] == name {
			return true
		}
	}
	return false
}

func manifest(e *source.Env, name, version string) snapshot.Manifest {
	t, err := e.Text(name, source.MaxParsed)
	if err != nil {
		return snapshot.Manifest{Text: t, Error: err.Error()}
	}
	if t.Truncated {
		e.Gap(snapshot.SectionStatic, name, source.ErrLarge)
		t.Content = ""
		return snapshot.Manifest{Text: t}
	}
	m := ParseManifest([]byte(t.Content), version)
	for i, v := range m.Volumes {
		m.Volumes[i].Is = what(e, v.Path)
	}
	t.Content = secret.YAML(t.Content)
	m.Fields = manifestFields(t.Content)
	m.Text = source.Clip(t, 0)
	return m
}

// manifestFields are the values of a manifest whose secrets were replaced.
func manifestFields(text string) []snapshot.Field {
	doc, err := parse([]byte(text))
	if err != nil || doc == nil {
		return nil
	}
	return fields(doc)
}

// what says what a path is.
func what(e *source.Env, name string) string {
	i, err := e.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "missing"
	case err != nil:
		return ""
	case i.IsDir():
		return "directory"
	case i.IsRegular():
		return "file"
	}
	return "other"
}

// ParseManifest reads a pod in YAML or JSON with the lines of its flags, as the
// kubelet of that version does; "" is the newest one known. Text is the
// caller's to set.
func ParseManifest(data []byte, version string) snapshot.Manifest {
	var m snapshot.Manifest
	pod, err := parse(data)
	if err != nil {
		m.Error, m.ErrorLine = err.Error(), errorLine(err)
		return m
	}
	if pod == nil || pod.Kind != yaml.MappingNode {
		m.Error, m.ErrorLine = "is not an object", 1
		return m
	}
	m.Documents = documents(data)
	m.Kind, m.APIVersion = text(pod, "kind"), text(pod, "apiVersion")
	if m.Kind != "Pod" {
		m.Error, m.ErrorLine = "kind is not Pod", line(at(pod, "kind"), pod)
		return m
	}
	podFields(&m, pod)
	for _, list := range []string{"initContainers", "containers"} {
		for _, c := range items(at(pod, "spec", list)) {
			x := container(alias(c), version)
			x.Init = list == "initContainers"
			m.Containers = append(m.Containers, x)
		}
	}
	if len(items(at(pod, "spec", "containers"))) == 0 && m.Error == "" {
		m.Error, m.ErrorLine = "has no spec.containers", line(at(pod, "spec"), pod)
	}
	m.Problems = check(component.SchemaOf(version), pod, "Pod", "")
	return m
}

// podFields reads what stands outside the containers.
func podFields(m *snapshot.Manifest, pod *yaml.Node) {
	m.Name, m.Namespace = text(pod, "metadata", "name"), text(pod, "metadata", "namespace")
	if m.Name == "" {
		m.Error, m.ErrorLine = "has no metadata.name", line(at(pod, "metadata"), pod)
	}
	m.HostNet = text(pod, "spec", "hostNetwork") == "true"
	m.PriorityClass = text(pod, "spec", "priorityClassName")
	for _, v := range items(at(pod, "spec", "volumes")) {
		if p := text(v, "hostPath", "path"); p != "" {
			m.HostPaths = append(m.HostPaths, p)
			m.Volumes = append(m.Volumes, snapshot.ManifestVolume{Name: text(v, "name"), Path: p, Type: text(v, "hostPath", "type"),
				Line: line(at(v, "hostPath", "path"), v)})
		}
	}
}

// documents counts the documents of a file; the kubelet reads the first alone.
func documents(data []byte) int {
	d := yaml.NewDecoder(bytes.NewReader(data))
	for n := 0; n < maxManifests; n++ {
		var doc yaml.Node
		if err := d.Decode(&doc); err != nil {
			if errors.Is(err, io.EOF) {
				return n
			}
			return n + 1
		}
	}
	return maxManifests
}

func container(c *yaml.Node, version string) snapshot.ManifestContainer {
	x := snapshot.ManifestContainer{Name: text(c, "name"), Image: text(c, "image"), Line: c.Line, Probes: probes(c)}
	words := items(at(c, "command"))
	if len(words) > 0 {
		x.Program, x.Command = words[0].Value, path.Base(words[0].Value)
		words = words[1:]
	}
	words = append(words[:len(words):len(words)], items(at(c, "args"))...)
	for i := 0; i < len(words); i++ {
		name, value, ok := strings.Cut(words[i].Value, "=")
		bare := strings.TrimLeft(name, "-")
		if bare == name || bare == "" {
			continue
		}
		f := snapshot.Flag{Name: bare, Value: value, Line: words[i].Line}
		if !ok && i+1 < len(words) && !strings.HasPrefix(words[i+1].Value, "-") {
			i++
			f.Value = words[i].Value
		}
		if hidden(f.Name, f.Value) {
			f.Value = secret.Mark(f.Value)
		}
		x.Flags = append(x.Flags, f)
	}
	typed(&x, words, version)
	return x
}

// at follows keys down mappings; nil when one is missing.
func at(n *yaml.Node, keys ...string) *yaml.Node {
	for _, key := range keys {
		n = alias(n)
		if n == nil || n.Kind != yaml.MappingNode {
			return nil
		}
		var next *yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				next = n.Content[i+1]
			}
		}
		n = next
	}
	return alias(n)
}

func alias(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func text(n *yaml.Node, keys ...string) string {
	if n = at(n, keys...); n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

func items(n *yaml.Node) []*yaml.Node {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

func line(n, or *yaml.Node) int {
	if n == nil {
		n = or
	}
	return n.Line
}

func number(n *yaml.Node, keys ...string) int { return atoi(text(n, keys...)) }

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

// errorLine takes the line out of a YAML error; 0 when it names none.
func errorLine(err error) int {
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		n, _ := strconv.Atoi(m[1])
		return n
	}
	return 0
}
