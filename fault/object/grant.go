package object

import (
	"slices"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// groupsOf are the groups that a subject of a binding is in by what it is.
func groupsOf(subject string) []string {
	kind, name, _ := strings.Cut(subject, ":")
	out := []string{subject, "Group:system:authenticated"}
	switch {
	case kind == "ServiceAccount":
		namespace, account, _ := strings.Cut(name, "/")
		out = append(out, "Group:system:serviceaccounts", "Group:system:serviceaccounts:"+namespace, "User:system:serviceaccount:"+namespace+":"+account)
	case strings.HasPrefix(name, "system:node:"):
		out = append(out, "Group:system:nodes")
	}
	return out
}

// harmless are roles of which it is known that they give no more than to look
// at the API itself, or at volumes.
var harmless = []string{"system:discovery", "system:basic-user", "system:public-info-viewer", "system:service-account-issuer-discovery", "system:cluster-trust-bundle-discovery", "system:volume-scheduler"}

// Granted reports whether a subject may do something everywhere, and whether
// that is known: a role whose rules were not read may grant anything.
func Granted(c *snapshot.Cluster, subject, verb, group, resource string) (granted, known bool) {
	who := groupsOf(subject)
	known = len(c.Bindings) > 0
	for _, b := range c.Bindings {
		if b.Namespace != "" || !slices.ContainsFunc(b.Subjects, func(s string) bool { return slices.Contains(who, s) }) {
			continue
		}
		_, name, _ := strings.Cut(b.Role, "/")
		if slices.Contains(harmless, name) {
			continue
		}
		if name == "cluster-admin" {
			return true, true
		}
		rules, ok := rulesOf(c, name)
		if !ok {
			known = known && roleGone(c, name)
			continue
		}
		for _, r := range rules {
			verbs, rest, _ := strings.Cut(r, " on ")
			groups, resources, slash := strings.Cut(rest, "/")
			if slash && !strings.Contains(resources, " named ") && has(verbs, verb) && has(groups, group) && has(resources, resource) {
				return true, true
			}
		}
	}
	return false, known
}

// rulesOf are the rules of a cluster role.
func rulesOf(c *snapshot.Cluster, name string) ([]string, bool) {
	for _, list := range [][]snapshot.Role{c.Roles, c.SystemRoles} {
		for _, r := range list {
			if r.Namespace == "" && r.Name == name {
				return r.Rules, true
			}
		}
	}
	return nil, false
}

// roleGone reports whether a role is one that would have been read, were it
// there.
func roleGone(c *snapshot.Cluster, name string) bool {
	return len(c.SystemRoles) > 0 && slices.ContainsFunc([]string{"system:kube-", "system:node", "system:coredns", "kubeadm:"}, func(p string) bool { return strings.HasPrefix(name, p) })
}
