// Package identity is the fault of a client certificate with a name or group
// that is not its component's: it is accepted, and may do nothing.
package identity

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/certs"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "pki/identity",
	Layer:  fault.PKI,
	Needs:  []snapshot.Section{snapshot.SectionPKI},
	Uses:   []snapshot.Section{snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ControllersIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.SchedulerIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes},
		{Symptom: symptom.KubeletRejected, Strength: symptom.Sometimes},
	},
	Remedy: func(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
		return certs.Renew(s, f, "with the name of its component")
	},
	Drill: drill,
}

// masters may do everything, whatever they are called.
const masters = "system:masters"

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, u := range certs.InUse(s) {
		leaf, ok := certs.Leaf(s, u.Cert)
		e := u.Edges[0]
		if !ok || e.Checks != snapshot.EdgeClient || e.Signed == snapshot.No || leaf.CN == "" || slices.Contains(leaf.Orgs, masters) {
			continue
		}
		want := wanted(s, u, leaf)
		if want == "" || bound(s, leaf, roles[e.Client+" "+e.Server]) {
			continue
		}
		out = append(out, finding.Finding{
			Subject: u.Subject(), Summary: fmt.Sprintf("%s is %s's, who may not do what %s does", u.Role(), who(leaf), u.Owner()),
			Facts:    append([]finding.Fact{{Source: u.Cert, Line: leaf.Line, Got: leaf.Subject, Want: want}}, u.Facts(nil)...),
			Commands: append(u.Commands(), fmt.Sprintf("kubectl auth can-i --list --as=%s", leaf.CN)),
		})
	}
	return out
}

// who is the user as one would call it.
func who(c snapshot.Certificate) string {
	if len(c.Orgs) == 0 {
		return fmt.Sprintf("%q", c.CN)
	}
	return fmt.Sprintf("%q of %s", c.CN, strings.Join(c.Orgs, ", "))
}

// wanted is what the certificate of a component ought to say, where its rights
// hang on that and it does not; else "".
func wanted(s *snapshot.Snapshot, u certs.Use, c snapshot.Certificate) string {
	name, groups := u.Expected(s)
	switch e := u.Edges[0]; e.Client + " " + e.Server {
	case "kube-controller-manager kube-apiserver", "kube-scheduler kube-apiserver":
		if c.CN != name {
			return "CN=" + name
		}
	case "kube-apiserver kubelet":
		if !slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(c.Orgs, g) }) {
			return "CN=" + name + ",O=" + groups[0]
		}
	case "kubelet kube-apiserver":
		if !strings.HasPrefix(c.CN, "system:node:") || !slices.Contains(c.Orgs, "system:nodes") {
			return "CN=system:node:NAME,O=system:nodes"
		}
	}
	return ""
}

// roles are those that the API server's own bindings give to who goes each way.
var roles = map[string]string{
	"kube-controller-manager kube-apiserver": "system:kube-controller-manager", "kube-scheduler kube-apiserver": "system:kube-scheduler",
	"kube-apiserver kubelet": "system:kubelet-api-admin", "kubelet kube-apiserver": "system:node",
}

// bound reports whether a role that may be enough is given to the certificate's
// user or groups: such a cluster has names of its own. What the API server and
// kubeadm bind by themselves is for one component alone, and helps no other
// with its name. Where the bindings are not known, one may be.
func bound(s *snapshot.Snapshot, c snapshot.Certificate, role string) bool {
	if s.Cluster == nil {
		return true
	}
	for _, b := range s.Cluster.Bindings {
		_, given, _ := strings.Cut(b.Role, "/")
		if (b.Bootstrap || strings.HasPrefix(b.Name, "kubeadm:")) && given != role && given != "cluster-admin" {
			continue
		}
		for _, x := range b.Subjects {
			kind, name, _ := strings.Cut(x, ":")
			if kind == "User" && name == c.CN || kind == "Group" && slices.Contains(c.Orgs, name) {
				return true
			}
		}
	}
	return len(s.Cluster.Bindings) == 0
}

// drill gives a component the name of another, or a plain one.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	u, err := certs.Pick(s, d, func(u certs.Use) bool {
		return u.Owner() == "kube-controller-manager" || u.Owner() == "kube-scheduler"
	})
	if err != nil {
		return nil, err
	}
	plain := strings.TrimPrefix(u.Owner(), "kube-")
	other := map[string]string{"kube-scheduler": "system:kube-controller-manager", "kube-controller-manager": "system:kube-scheduler"}[u.Owner()]
	name := fault.Pick(d, []string{plain, u.Owner(), "system:" + plain, other, "system:kube-proxy", d.Name()})
	return u.Spoil(s, func(x *certs.Identity) { x.Name = name }, nil, nil)
}
