package execcredential

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// remedy forbids kubectl such programs, rebuilds the kubeconfig from the
// cluster's PKI, takes the rights of the helper's credentials, and removes the
// helper. The kubeconfig goes before the rights: it may be what the API server
// is asked with.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	at := slices.IndexFunc(s.Kubeconfigs.Files, func(x snapshot.Kubeconfig) bool { return x.Path == f.Subject.Name })
	if at < 0 {
		return nil, fmt.Errorf("cannot rebuild %s: it is not in the snapshot", f.Subject.Name)
	}
	file := s.Kubeconfigs.Files[at]
	users := accused(s, file)
	if len(users) == 0 {
		return nil, fmt.Errorf("cannot rebuild %s: it runs no program", file.Path)
	}
	plan := forbid(s, file)
	issue, err := rebuild(s, file, users[0])
	if err != nil {
		return nil, err
	}
	plan = append(plan, issue)
	rights, err := revoke(s, users)
	if err != nil {
		return nil, err
	}
	plan = append(plan, rights...)
	for _, u := range users {
		plan = append(plan, discard(u.Exec)...)
	}
	return plan, nil
}

// rebuild issues the client certificate that kubeadm would have.
func rebuild(s *snapshot.Snapshot, f snapshot.Kubeconfig, u snapshot.KubeconfigUser) (op.IssueKubeconfig, error) {
	ca, _ := authority(s)
	signs := func(k snapshot.Key) bool { return k.Path == caKey && k.SPKI == ca.SPKI && k.SPKI != "" }
	if !slices.ContainsFunc(s.PKI.Keys, signs) {
		return op.IssueKubeconfig{}, fmt.Errorf("cannot rebuild %s: the key of the cluster's CA is not on this node; copy the file from a control-plane node", f.Path)
	}
	cluster := contexts(s, f, u.Name)[0].Cluster
	x := op.IssueKubeconfig{
		Path: f.Path, Pin: pin(f.Text), Cluster: cluster, Server: server(s, f, cluster), CACert: caCert, CAKey: caKey,
		User: "kubernetes-admin", Groups: []string{"kubeadm:cluster-admins"}, Days: 365,
	}
	if path.Base(f.Path) == "super-admin.conf" {
		x.User, x.Groups = "kubernetes-super-admin", []string{"system:masters"}
	} else if s.Cluster != nil && len(s.Cluster.Bindings) > 0 && !bound(s, "Group:kubeadm:cluster-admins") {
		x.Groups = []string{"system:masters"} // kubeadm before 1.29
	}
	if len(f.Users) > 1 || len(f.Clusters) > 1 || len(f.Contexts) > 1 {
		x.Replace = u.Name
	}
	return x, nil
}

func bound(s *snapshot.Snapshot, subject string) bool {
	return slices.ContainsFunc(s.Cluster.Bindings, func(b snapshot.Binding) bool { return slices.Contains(b.Subjects, subject) })
}

// server is the address in f when another file vouches for it, else that of
// kubeadm's own files.
func server(s *snapshot.Snapshot, f snapshot.Kubeconfig, cluster string) string {
	var written, known string
	for _, c := range f.Clusters {
		if c.Name == cluster {
			written = c.Server
		}
	}
	for _, name := range []string{"/etc/kubernetes/admin.conf", "/etc/kubernetes/super-admin.conf", "/etc/kubernetes/kubelet.conf"} {
		for _, x := range s.Kubeconfigs.Files {
			for _, c := range x.Clusters {
				switch {
				case x.Path != name || x.Path == f.Path || !ours(s, c):
				case c.Server == written:
					return written
				case known == "":
					known = c.Server
				}
			}
		}
	}
	if known == "" {
		return written
	}
	return known
}

// pin is what an op on the file checks before it changes it.
func pin(t snapshot.Text) string {
	if t.Link != "" {
		return op.File{Link: t.Link}.Sum()
	}
	return t.SHA256
}

// revoke takes the helper's identities out of the bindings that grant them
// something, and deletes those that then would grant nobody anything.
func revoke(s *snapshot.Snapshot, users []snapshot.KubeconfigUser) (op.Plan, error) {
	var plan op.Plan
	done := map[string]bool{}
	for _, u := range users {
		if len(u.Exec.Identities) > 0 && s.Cluster == nil {
			return nil, fmt.Errorf("cannot take the rights of %q: the cluster's bindings could not be read", u.Exec.Identities[0].User)
		}
		for _, i := range u.Exec.Identities {
			for _, g := range grants(s, i) {
				if len(g.taken) == 0 || done[g.path()] {
					continue
				}
				done[g.path()] = true
				plan = append(plan, without(g))
			}
		}
	}
	return plan, nil
}

func without(g grant) op.Op {
	why := fmt.Sprintf("it grants %s to %s", g.Role, strings.Join(g.taken, ", "))
	if len(g.taken) == len(g.Subjects) {
		return op.DeleteObject{Path: g.path(), Why: why}
	}
	subjects := []map[string]string{}
	for _, x := range g.Subjects {
		if !slices.Contains(g.taken, x) {
			subjects = append(subjects, subject(x))
		}
	}
	patch, _ := json.Marshal(map[string]any{"subjects": subjects})
	return op.PatchObject{Path: g.path(), Patch: patch, Why: "take " + strings.Join(g.taken, ", ") + " out of " + g.name()}
}

// subject writes "Kind:name" as an object has it.
func subject(x string) map[string]string {
	kind, name, _ := strings.Cut(x, ":")
	if kind == "ServiceAccount" {
		ns, name, _ := strings.Cut(name, "/")
		return map[string]string{"kind": kind, "namespace": ns, "name": name}
	}
	return map[string]string{"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
}

// discard removes the helper, when it is nobody else's: a package's program
// stays, and of an interpreter the script goes.
func discard(x *snapshot.ExecPlugin) op.Plan {
	const why = "the program that the kubeconfig ran"
	if b := x.Binary; x.Body != nil && x.Body.Path != b.Path {
		return op.Plan{op.RemoveFile{Path: x.Body.Path, Pin: pin(*x.Body), Why: why}}
	} else if b.SHA256 != "" && b.Package == "" {
		name := b.Path
		if b.Target != "" {
			name = b.Target
		}
		return op.Plan{op.RemoveFile{Path: name, Pin: b.SHA256, Why: why}}
	}
	return nil
}

// forbid plans a kuberc that lets kubectl run no program for credentials, or
// only those that stay in use.
func forbid(s *snapshot.Snapshot, f snapshot.Kubeconfig) op.Plan {
	home := "/root"
	if path.Base(path.Dir(f.Path)) == ".kube" {
		home = path.Dir(path.Dir(f.Path))
	}
	w := op.WriteFile{Path: path.Join(home, ".kube/kuberc"), Mode: 0o600, UID: int(f.UID), GID: int(f.GID), Why: "kubectl runs no program for credentials but those listed"}
	old := ""
	for _, k := range s.Kubeconfigs.Kubercs {
		if k.Path != w.Path {
			continue
		}
		if k.Error != "" || !k.Whole() || k.Policy == "DenyAll" || k.Policy == "Allowlist" || !strings.Contains(k.Content, "kubectl.config.k8s.io/v1beta1") {
			return nil // it says so already, or is not ours to rewrite
		}
		old, w.Pin, w.Mode, w.UID, w.GID = k.Content, pin(k.Text), fs.FileMode(k.Mode&0o777), int(k.UID), int(k.GID)
	}
	w.Data = []byte(policy(old, trusted(s)))
	return op.Plan{w}
}

// trusted are the programs of kubeconfigs that are not accused.
func trusted(s *snapshot.Snapshot) []string {
	var out []string
	for _, f := range s.Kubeconfigs.Files {
		for _, u := range f.Users {
			if u.Exec != nil && u.Exec.Command != "" && suspicion(s, f, u) == "" && !slices.Contains(out, u.Exec.Command) {
				out = append(out, u.Exec.Command)
			}
		}
	}
	return out
}

// policy adds the policy to a kuberc, in the place of the one it had.
func policy(old string, allowed []string) string {
	var b strings.Builder
	if old == "" {
		old = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n"
	}
	for line := range strings.Lines(old) {
		if !strings.HasPrefix(line, "credentialPluginPolicy:") {
			b.WriteString(strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	if len(allowed) == 0 {
		return b.String() + "credentialPluginPolicy: DenyAll\n"
	}
	b.WriteString("credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist:\n")
	for _, name := range allowed {
		fmt.Fprintf(&b, "- name: %q\n", name)
	}
	return b.String()
}
