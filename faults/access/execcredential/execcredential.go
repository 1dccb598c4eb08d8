// Package execcredential is the fault of an admin kubeconfig that runs a
// program of nobody's at each use.
package execcredential

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "access/execcredential",
	Layer:  fault.Trust,
	Needs:  []snapshot.Section{snapshot.SectionKubeconfigs, snapshot.SectionPKI},
	Uses:   []snapshot.Section{snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.AdminRunsProgram, Strength: symptom.Always},
		{Symptom: symptom.AdminLockedOut, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, f := range s.Kubeconfigs.Files {
		var facts []finding.Fact
		var command string
		for _, u := range accused(s, f) {
			command = u.Exec.Command
			facts = append(facts, describe(s, f, u)...)
		}
		if len(facts) > 0 {
			out = append(out, finding.Finding{
				Subject:  finding.Subject{Kind: "file", Name: f.Path},
				Summary:  fmt.Sprintf("%s runs the program %q each time kubectl uses it", f.Path, command),
				Facts:    facts,
				Commands: []string{"grep -n -A12 'exec:' " + f.Path, "(do not run kubectl with this file: it would run the program)"},
			})
		}
	}
	return out
}

// notAdmin are kubeadm's kubeconfigs of components, which no person uses.
var notAdmin = []string{"kubelet.conf", "bootstrap-kubelet.conf", "controller-manager.conf", "scheduler.conf"}

// accused are the users of a kubeconfig that reach this node's own cluster
// through a program that does not belong there.
func accused(s *snapshot.Snapshot, f snapshot.Kubeconfig) []snapshot.KubeconfigUser {
	if path.Dir(f.Path) == "/etc/kubernetes" && slices.Contains(notAdmin, path.Base(f.Path)) || twin(s, f) {
		return nil
	}
	var out []snapshot.KubeconfigUser
	for _, u := range f.Users {
		if u.Exec != nil && len(contexts(s, f, u.Name)) > 0 && suspicion(s, f, u) != "" {
			out = append(out, u)
		}
	}
	return out
}

// twin reports whether f is a link to another file of the list.
func twin(s *snapshot.Snapshot, f snapshot.Kubeconfig) bool {
	return f.Link != "" && slices.ContainsFunc(s.Kubeconfigs.Files, func(x snapshot.Kubeconfig) bool {
		return x.Link == "" && x.SHA256 == f.SHA256
	})
}

// contexts are the contexts of f that use a user for this node's own cluster.
func contexts(s *snapshot.Snapshot, f snapshot.Kubeconfig, user string) []snapshot.KubeconfigContext {
	var out []snapshot.KubeconfigContext
	for _, c := range f.Contexts {
		if c.User == user && slices.ContainsFunc(f.Clusters, func(x snapshot.KubeconfigCluster) bool { return x.Name == c.Cluster && ours(s, x) }) {
			out = append(out, c)
		}
	}
	return out
}

// The cluster's authority, where kubeadm keeps it.
const (
	caCert = "/etc/kubernetes/pki/ca.crt"
	caKey  = "/etc/kubernetes/pki/ca.key"
)

func authority(s *snapshot.Snapshot) (snapshot.Certificate, bool) {
	for _, c := range s.PKI.Certificates {
		if c.Path == caCert && c.Error == "" {
			return c, true
		}
	}
	return snapshot.Certificate{}, false
}

// ours reports whether a cluster entry is this node's own cluster: by its CA,
// or, where it checks none, by a server that another entry reaches with it.
func ours(s *snapshot.Snapshot, x snapshot.KubeconfigCluster) bool {
	ca, ok := authority(s)
	if !ok || x.CA != "" {
		return ok && x.CA == ca.SHA256
	}
	for _, f := range s.Kubeconfigs.Files {
		for _, c := range f.Clusters {
			if c.CA == ca.SHA256 && c.Server == x.Server {
				return true
			}
		}
	}
	return false
}

// interpreters run what their arguments name, so that their own origin says
// nothing.
var interpreters = []string{"sh", "bash", "dash", "zsh", "ksh", "env", "python", "perl", "ruby", "node", "cat", "busybox", "sudo", "timeout", "nohup", "awk", "xargs"}

// suspicion says why the program of a user does not belong there, or "".
// Vendors' programs do: those of a package, Python entry points, and compiled
// ones in the folders for programs. kubeadm's own files never hold any.
func suspicion(s *snapshot.Snapshot, f snapshot.Kubeconfig, u snapshot.KubeconfigUser) string {
	x, b := u.Exec, u.Exec.Binary
	if b == nil {
		return ""
	}
	owned := b.Package != "" && b.PackageSum != "differs"
	runs := slices.Contains(interpreters, strings.TrimRight(path.Base(x.Command), "0123456789."))
	switch {
	case len(x.Identities) > 0:
		return "it hands out credentials that lie on this node"
	case path.Dir(f.Path) == "/etc/kubernetes" && (!owned || runs):
		return "kubeadm writes client certificates into this file, and never a program"
	case b.SHA256 == "" && b.Error != "":
		if c := contexts(s, f, u.Name); slices.ContainsFunc(c, func(c snapshot.KubeconfigContext) bool { return c.Name == f.Current }) {
			return "it is not there, so that this file lets nobody in"
		}
	case runs:
		return "it runs whatever its arguments name"
	case owned:
	case !b.ELF && !entryPoint(x):
		return "it is a script that no package owns"
	case b.ELF && stray(b.Path):
		return "it is a program in a folder where programs do not belong"
	}
	return ""
}

// entryPoint reports whether a script is the few lines that Python packages
// install to call their own code.
func entryPoint(x *snapshot.ExecPlugin) bool {
	if x.Body == nil || !strings.Contains(x.Binary.Script, "python") {
		return false
	}
	t := x.Body.Content
	return len(t) < 2000 && strings.Contains(t, "import ") && strings.Contains(t, "sys.exit(")
}

func stray(name string) bool {
	for _, dir := range []string{"/tmp/", "/var/tmp/", "/dev/shm/", "/run/"} {
		if strings.HasPrefix(name, dir) {
			return true
		}
	}
	return strings.Contains(name, "/.") && !strings.Contains(name, "/.krew/")
}
