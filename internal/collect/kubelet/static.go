package kubelet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// maxManifests bounds how many files of the folder are read.
const maxManifests = 200

// collectStatic reads the folder of static pods as the kubelet does: every
// file whose name does not begin with a dot, whatever it ends in.
func collectStatic(_ context.Context, e *source.Env, s *snapshot.Snapshot) error {
	dir := kubeadmStatic
	if s.Kubelet != nil {
		if dir = s.Kubelet.StaticPodPath; dir == "" {
			s.Static = &snapshot.Static{} // the kubelet runs none
			return nil
		}
	}
	i, err := e.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) && s.Kubelet == nil {
		return nil
	}
	x := &snapshot.Static{Dir: dir}
	if err == nil && i.IsRegular() { // the kubelet takes a single file too
		x.Manifests = append(x.Manifests, manifest(e, dir))
		s.Static = x
		return nil
	}
	list, err := e.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		s.Static = x
		return nil
	}
	if err != nil {
		return err
	}
	for _, f := range list {
		name := path.Join(dir, f.Name())
		if i, err := e.Stat(name); strings.HasPrefix(f.Name(), ".") || err == nil && i.IsDir() {
			continue
		}
		if len(x.Manifests) == maxManifests {
			e.Gap(snapshot.SectionStatic, dir, fmt.Errorf("more than %d files", maxManifests))
			break
		}
		x.Manifests = append(x.Manifests, manifest(e, name))
	}
	s.Static = x
	return nil
}

func manifest(e *source.Env, name string) snapshot.Manifest {
	t, err := e.Text(name, 0)
	if err != nil {
		return snapshot.Manifest{Text: t, Error: err.Error()}
	}
	m := ParseManifest([]byte(t.Content))
	t.Content = secret.YAML(t.Content)
	m.Text = t
	return m
}

// ParseManifest reads a pod in YAML or JSON with the lines of its flags. Text
// is the caller's to set.
func ParseManifest(data []byte) snapshot.Manifest {
	var m snapshot.Manifest
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		m.Error, m.ErrorLine = err.Error(), errorLine(err)
		return m
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		m.Error, m.ErrorLine = "is not an object", 1
		return m
	}
	pod := doc.Content[0]
	if kind := at(pod, "kind"); kind == nil || kind.Value != "Pod" {
		m.Error, m.ErrorLine = "kind is not Pod", line(kind, pod)
		return m
	}
	m.Name, m.Namespace = text(pod, "metadata", "name"), text(pod, "metadata", "namespace")
	if m.Name == "" {
		m.Error, m.ErrorLine = "has no metadata.name", line(at(pod, "metadata"), pod)
	}
	m.HostNet = text(pod, "spec", "hostNetwork") == "true"
	for _, v := range items(at(pod, "spec", "volumes")) {
		if p := text(v, "hostPath", "path"); p != "" {
			m.HostPaths = append(m.HostPaths, p)
		}
	}
	for _, c := range items(at(pod, "spec", "containers")) {
		m.Containers = append(m.Containers, container(c))
	}
	if len(m.Containers) == 0 && m.Error == "" {
		m.Error, m.ErrorLine = "has no spec.containers", line(at(pod, "spec"), pod)
	}
	return m
}

func container(c *yaml.Node) snapshot.ManifestContainer {
	x := snapshot.ManifestContainer{Name: text(c, "name"), Image: text(c, "image")}
	words := items(at(c, "command"))
	if len(words) > 0 {
		x.Command = path.Base(words[0].Value)
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
		if secret.Named(f.Name) && !strings.HasPrefix(f.Value, "/") && len(f.Value) > 5 && f.Value != "false" {
			f.Value = secret.Mark(f.Value)
		}
		x.Flags = append(x.Flags, f)
	}
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

var yamlLine = regexp.MustCompile(`line (\d+)`)

// errorLine takes the line out of a YAML error; 0 when it names none.
func errorLine(err error) int {
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		n, _ := strconv.Atoi(m[1])
		return n
	}
	return 0
}
