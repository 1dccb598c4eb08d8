package trust

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// leading are the flags of kubectl by which a command goes to another
// cluster, as somebody else, or believes any server.
var leading = []string{"server", "kubeconfig", "token", "as", "as-group", "as-uid", "tls-server-name", "certificate-authority",
	"client-certificate", "client-key", "username", "password"}

// Preset are the defaults of kubectl's flags in users' kuberc files by which a
// command that is typed does another thing than it says: it goes elsewhere, or
// changes nothing. Aliases are typed by their own names, and are nobody's trap.
// It reads section kubeconfigs.
func Preset(s *snapshot.Snapshot) []Doubt {
	if s.Kubeconfigs == nil {
		return nil
	}
	var out []Doubt
	for _, k := range s.Kubeconfigs.Kubercs {
		var facts []finding.Fact
		var does []string
		for _, d := range k.Defaults {
			for _, o := range d.Options {
				if effect := misleads(s, o); effect != "" {
					facts = append(facts, finding.Fact{Source: k.Path, Line: d.Line, Got: d.Command + ": --" + o, Want: "no such default"})
					does = append(does, fmt.Sprintf("kubectl %s %s", d.Command, effect))
				}
			}
		}
		if len(facts) > 0 {
			out = append(out, Doubt{
				Subject:  finding.Subject{Kind: "file", Name: k.Path},
				Summary:  fmt.Sprintf("%s sets flags that nobody types: %s", k.Path, strings.Join(slices.Compact(does), ", ")),
				Facts:    facts,
				Commands: []string{"cat " + k.Path, "kubectl --kuberc=/dev/null get nodes"},
			})
		}
	}
	return out
}

// misleads says what a flag NAME=VALUE has a command do, or "".
func misleads(s *snapshot.Snapshot, option string) string {
	name, value, _ := strings.Cut(option, "=")
	switch {
	case name == "dry-run" && value != "none" && value != "false" && value != "":
		return "changes nothing"
	case name == "insecure-skip-tls-verify" && isTrue(value):
		return "believes any server"
	case slices.Contains(leading, name) && value != "":
		return "goes elsewhere, or as somebody else (--" + name + ")"
	case (name == "context" || name == "cluster" || name == "user") && value != "" && !entered(s, name, value):
		return fmt.Sprintf("asks for the %s %q, which no kubeconfig has", name, value)
	case name == "namespace" && lacks(s, value):
		return fmt.Sprintf("looks into the namespace %q, which is not there", value)
	}
	return ""
}

// isTrue reads a value as flags of kubectl do.
func isTrue(value string) bool {
	b, err := strconv.ParseBool(value)
	return err == nil && b
}

// entered reports whether a kubeconfig has an entry of that name.
func entered(s *snapshot.Snapshot, kind, name string) bool {
	return slices.ContainsFunc(slices.Concat(s.Kubeconfigs.Files, s.Kubeconfigs.Others), func(k snapshot.Kubeconfig) bool {
		switch kind {
		case "cluster":
			return slices.ContainsFunc(k.Clusters, func(c snapshot.KubeconfigCluster) bool { return c.Name == name })
		case "user":
			return slices.ContainsFunc(k.Users, func(u snapshot.KubeconfigUser) bool { return u.Name == name })
		}
		return slices.ContainsFunc(k.Contexts, func(c snapshot.KubeconfigContext) bool { return c.Name == name })
	})
}

// lacks reports whether the cluster is known not to have the namespace.
func lacks(s *snapshot.Snapshot, name string) bool {
	return name != "" && s.Cluster != nil && len(s.Cluster.Namespaces) > 0 &&
		!slices.ContainsFunc(s.Cluster.Namespaces, func(n snapshot.Namespace) bool { return n.Name == name })
}
