package kubelet

import (
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/klustered/klustered/component"
	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/snapshot"
)

// typed says of each flag of a container what its program makes of it, where
// the program is known.
func typed(c *snapshot.ManifestContainer, words []*yaml.Node, cluster string) {
	version, from := imageTag(c.Image), "image"
	if component.Minor(version) == "" && c.Command != "etcd" {
		version, from = cluster, "kubelet"
	}
	known, ok := component.Of(c.Command, version)
	if !ok {
		return
	}
	if component.Minor(version) == "" {
		version, from = "", ""
	}
	c.FlagTable = &snapshot.FlagTable{Name: known.Name, Version: version, From: from, Table: known.Version, Exact: known.Exact}
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = w.Value
	}
	c.Flags = nil
	last := map[string]int{}
	args := known.Parse(texts)
	for i, a := range args {
		last[a.Name] = i
	}
	for i, a := range args {
		f := snapshot.Flag{Name: a.Name, Value: a.Value, Line: words[a.Index].Line, Type: a.Flag.Type, Problem: a.Problem, Nearest: a.Nearest,
			Again: last[a.Name] != i && !a.Plain}
		if a.Known && len(a.Name) > 1 {
			f.Name = a.Flag.Name
		}
		if a.Known && a.Problem == "" && a.Name == "feature-gates" && known.Name != "etcd" {
			_, problems := component.ReleaseOf(known.Version).SetGates(a.Value)
			f.Problem = strings.Join(problems, "; ")
		}
		if hidden(f.Name, f.Value) {
			f.Value = secret.Mark(f.Value)
		}
		c.Flags = append(c.Flags, f)
	}
}

// hidden reports whether a flag's value is a secret of its own.
func hidden(name, value string) bool {
	return secret.Named(name) && !strings.HasPrefix(value, "/") && len(value) > 5 && value != "false"
}

// imageTag is the tag of an image's name, or "".
func imageTag(image string) string {
	name, _, _ := strings.Cut(path.Base(image), "@")
	_, tag, _ := strings.Cut(name, ":")
	return tag
}

// probes reads the probes of a container.
func probes(c *yaml.Node) []snapshot.ManifestProbe {
	var out []snapshot.ManifestProbe
	for _, kind := range []string{"liveness", "readiness", "startup"} {
		n := at(c, kind+"Probe")
		if n == nil {
			continue
		}
		p := snapshot.ManifestProbe{Kind: kind, Line: n.Line, Delay: number(n, "initialDelaySeconds"), Period: number(n, "periodSeconds"),
			Timeout: number(n, "timeoutSeconds"), Failure: number(n, "failureThreshold"), Success: number(n, "successThreshold")}
		for _, how := range []string{"httpGet", "tcpSocket", "grpc", "exec"} {
			if h := at(n, how); h != nil {
				p.How, p.Line = how, h.Line
				p.Scheme, p.Host, p.Port, p.Path = text(h, "scheme"), text(h, "host"), text(h, "port"), text(h, "path")
				p.Number = portNumber(c, p.Port)
			}
		}
		out = append(out, p)
	}
	return out
}

// portNumber is the number of a port that is written as one, or named after
// one of the container's ports.
func portNumber(c *yaml.Node, port string) int {
	for _, p := range items(at(c, "ports")) {
		if port != "" && text(p, "name") == port {
			return number(p, "containerPort")
		}
	}
	return atoi(port)
}
