package execcredential

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// describe documents what runs, from where, with what, for whom, and what the
// credentials that it gives may do.
func describe(s *snapshot.Snapshot, f snapshot.Kubeconfig, u snapshot.KubeconfigUser) []finding.Fact {
	x := u.Exec
	facts := []finding.Fact{
		{Source: f.Path, Line: x.Line, Got: "command: " + x.Command, Want: "a client certificate, as kubeadm writes it"},
		{Source: x.Binary.Path, Got: program(x) + "; " + suspicion(s, f, u)},
	}
	if len(x.Args) > 0 || len(x.Env) > 0 {
		got := strings.TrimSpace("arguments: " + strings.Join(x.Args, " "))
		if len(x.Env) > 0 {
			got += "; environment: " + strings.Join(x.Env, " ")
		}
		facts = append(facts, finding.Fact{Source: f.Path, Line: x.Line, Got: got})
	}
	for _, c := range contexts(s, f, u.Name) {
		got := fmt.Sprintf("context %q reaches cluster %q through it", c.Name, c.Cluster)
		if c.Name == f.Current {
			got += " and is the current one"
		}
		facts = append(facts, finding.Fact{Source: f.Path, Got: got})
	}
	for _, i := range x.Identities {
		got := fmt.Sprintf("a %s for user %q", i.Kind, i.User)
		if standing(s, i) {
			got = "which it acts with itself: " + got
		}
		if len(i.Groups) > 0 {
			got += " in groups " + strings.Join(i.Groups, ", ")
		}
		facts = append(facts, finding.Fact{Source: i.Source, Line: i.Line, Got: got})
		for _, g := range grants(s, i) {
			if g.Bootstrap && g.Role != "ClusterRole/cluster-admin" {
				continue // what everybody may
			}
			facts = append(facts, finding.Fact{Source: g.name(), Got: fmt.Sprintf("%s for %s", g.Role, strings.Join(g.matched, ", "))})
		}
	}
	return facts
}

// standing reports whether a credential is that of a kubeconfig of this node,
// which the program uses, and not one that it brought.
func standing(s *snapshot.Snapshot, i snapshot.Identity) bool {
	return slices.ContainsFunc(s.Kubeconfigs.Files, func(f snapshot.Kubeconfig) bool { return f.Path == i.Source })
}

// program says what the file is that runs.
func program(x *snapshot.ExecPlugin) string {
	b := x.Binary
	if b.SHA256 == "" {
		return "the program is not there"
	}
	kind := "a program"
	if b.Script != "" {
		kind = "a script for " + b.Script
	}
	owner := "no package owns it"
	if b.Package != "" {
		owner = "of package " + b.Package
		if b.PackageSum == "differs" {
			owner += ", but not its bytes"
		}
	}
	return fmt.Sprintf("%s, %s, mode %04o, uid %d, sha256 %.16s", kind, owner, b.Mode, b.UID, b.SHA256)
}

// A grant is a binding that gives an identity its rights.
type grant struct {
	snapshot.Binding
	matched []string // subjects that are the identity
	taken   []string // those of them that may be taken out
}

func (g grant) name() string {
	if g.Namespace == "" {
		return "ClusterRoleBinding/" + g.Name
	}
	return "RoleBinding/" + g.Namespace + "/" + g.Name
}

// path is the REST path of the binding.
func (g grant) path() string {
	if g.Namespace == "" {
		return "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/" + g.Name
	}
	return "/apis/rbac.authorization.k8s.io/v1/namespaces/" + g.Namespace + "/rolebindings/" + g.Name
}

// grants are the bindings of an identity. Subjects that the cluster itself
// lives on stay: its own groups, the admin that the repair makes, and the
// accounts of running workloads.
func grants(s *snapshot.Snapshot, i snapshot.Identity) []grant {
	if s.Cluster == nil {
		return nil
	}
	var out []grant
	for _, b := range s.Cluster.Bindings {
		g := grant{Binding: b}
		for _, subject := range b.Subjects {
			kind, name, _ := strings.Cut(subject, ":")
			account := "system:serviceaccount:" + strings.Replace(name, "/", ":", 1)
			switch {
			case kind == "User" && name == i.User, kind == "Group" && slices.Contains(i.Groups, name), kind == "ServiceAccount" && account == i.User:
			default:
				continue
			}
			g.matched = append(g.matched, subject)
			if !b.Bootstrap && !kept(s, kind, name) {
				g.taken = append(g.taken, subject)
			}
		}
		if len(g.matched) > 0 {
			out = append(out, g)
		}
	}
	return out
}

func kept(s *snapshot.Snapshot, kind, name string) bool {
	if kind != "ServiceAccount" {
		return strings.HasPrefix(name, "system:") && !strings.HasPrefix(name, "system:serviceaccount:") ||
			strings.HasPrefix(name, "kubeadm:") || name == "kubernetes-admin" || name == "kubernetes-super-admin"
	}
	ns, account := path.Split(name)
	ns = strings.TrimSuffix(ns, "/")
	return slices.ContainsFunc(s.Cluster.Pods, func(p snapshot.Pod) bool { return p.Namespace == ns && p.ServiceAccount == account }) ||
		slices.ContainsFunc(s.Cluster.Workloads, func(w snapshot.Workload) bool { return w.Namespace == ns && w.ServiceAccount == account })
}
