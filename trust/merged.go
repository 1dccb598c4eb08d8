package trust

import (
	"fmt"
	"slices"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Merged are the lists of kubeconfigs (KUBECONFIG with several files) by which
// the context of an administrator's file is completed from a file that stands
// before it: kubectl takes each entry from the first file that has one of its
// name, so that the context leads to another cluster, or goes as another user,
// than in the file that it is of. It reads section kubeconfigs.
func Merged(s *snapshot.Snapshot) []Doubt {
	if s.Kubeconfigs == nil {
		return nil
	}
	var out []Doubt
	for _, m := range s.Kubeconfigs.Merged {
		own, ok := entryFile(s, m, "context", m.Current)
		if !ok || !Admin(own.Path) {
			continue
		}
		own.Current = m.Current
		context, user, cluster, ok := current(own)
		if !ok || !ours(own, cluster, Endpoints(s, own.Path)) {
			continue
		}
		var facts []finding.Fact
		if f, ok := entryFile(s, m, "cluster", context.Cluster); ok && f.Path != own.Path {
			i := slices.IndexFunc(f.Clusters, func(c snapshot.KubeconfigCluster) bool { return c.Name == context.Cluster })
			if i >= 0 && (f.Clusters[i].Server != cluster.Server || f.Clusters[i].Insecure) {
				c := f.Clusters[i]
				facts = append(facts,
					finding.Fact{Source: f.Path, Line: max(FieldLine(f, c.Line, "server"), c.Line), Got: fmt.Sprintf("cluster %q is %s", c.Name, c.Server), Want: cluster.Server},
					finding.Fact{Source: own.Path, Line: max(FieldLine(own, cluster.Line, "server"), cluster.Line), Got: fmt.Sprintf("cluster %q is %s, and hidden by it", cluster.Name, cluster.Server)})
			}
		}
		if f, ok := entryFile(s, m, "user", context.User); ok && f.Path != own.Path {
			i := slices.IndexFunc(f.Users, func(u snapshot.KubeconfigUser) bool { return u.Name == context.User })
			if i >= 0 && identity(f.Users[i]) != identity(user) {
				facts = append(facts, finding.Fact{Source: f.Path, Line: f.Users[i].Line, Got: fmt.Sprintf("user %q has another credential", context.User), Want: "that of " + own.Path})
			}
		}
		if len(facts) > 0 {
			out = append(out, Doubt{
				Subject: finding.Subject{Kind: "file", Name: facts[0].Source},
				Summary: fmt.Sprintf("%s sets a KUBECONFIG by which context %q of %s is completed from %s, which stands before it", m.From, m.Current, own.Path, facts[0].Source),
				Facts:   facts,
				Commands: []string{"echo $KUBECONFIG", "kubectl config view --minify",
					"kubectl --kubeconfig " + own.Path + " config view --minify"},
			})
		}
	}
	return out
}

// entryFile is the file from which an entry of a merged kubeconfig is taken.
func entryFile(s *snapshot.Snapshot, m snapshot.MergedKubeconfig, kind, name string) (snapshot.Kubeconfig, bool) {
	for _, e := range m.Entries {
		if e.Kind != kind || e.Name != name {
			continue
		}
		for _, k := range slices.Concat(s.Kubeconfigs.Files, s.Kubeconfigs.Others) {
			if k.Path == e.Path && k.Error == "" {
				return k, true
			}
		}
	}
	return snapshot.Kubeconfig{}, false
}

// identity is what a user's credential is, to compare it.
func identity(u snapshot.KubeconfigUser) string {
	id := u.Token + " " + u.TokenFile + " " + u.CertFile + " " + u.AuthProvider + " " + u.Basic
	if u.Cert != nil {
		id += " " + u.Cert.SHA256
	}
	if u.Exec != nil {
		id += " " + u.Exec.Command
	}
	return id
}
