package certs

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// RestoreAuthority plans that an authority's file that is gone or damaged is
// written from a copy that a kubeconfig embeds. The copy has to be the one that
// was there: a certificate that is shown was signed with its key, all that are
// shown to those who go by the file name it as their issuer, and the key beside
// the file, where there is one, is its own.
func RestoreAuthority(s *snapshot.Snapshot, name, why string) (op.Plan, error) {
	file, pin, err := target(s, name)
	if err != nil {
		return nil, err
	}
	f, _ := File(s, name)
	if f.Certificates > 0 {
		return nil, fmt.Errorf("cannot restore %s: it holds other certificates beside the one that is damaged", name)
	}
	copied, err := kept(s, name)
	if err != nil {
		return nil, err
	}
	from, _ := Split(copied.Path)
	plan := op.Plan{op.WriteFile{
		Path: file, Pin: pin, Data: []byte(copied.PEM), Mode: cmp.Or(fs.FileMode(f.Mode), 0o644), UID: int(f.UID), GID: int(f.GID),
		Why: why + ", and " + from + " has it",
	}}
	return append(plan, readers(s, f)...), nil
}

// kept is the one copy of the authority that its certificates bear out.
func kept(s *snapshot.Snapshot, name string) (snapshot.Certificate, error) {
	var found snapshot.Certificate
	for _, c := range s.PKI.Certificates {
		if c.PEM == "" || !c.CA || !proven(s, c) || !fits(s, c, name) {
			continue
		}
		if found.PEM != "" && found.SHA256 != c.SHA256 {
			return found, fmt.Errorf("cannot restore %s: %s and %s embed different authorities that both fit", name, found.Path, c.Path)
		}
		found = c
	}
	if found.PEM == "" {
		return found, fmt.Errorf("cannot restore %s: no kubeconfig of this node embeds an authority that signed what is in use and belongs to its key; put it back from another control-plane node or a copy", name)
	}
	return found, nil
}

// proven reports whether a certificate that is shown was signed with the key of
// the copy.
func proven(s *snapshot.Snapshot, c snapshot.Certificate) bool {
	return slices.ContainsFunc(s.PKI.Edges, func(e snapshot.Edge) bool {
		return e.CA == c.Path && e.CASHA256 == c.SHA256 && e.Signed == snapshot.Yes && !strings.HasPrefix(e.Client, "signed by ")
	})
}

// fits reports whether all that is shown to those who go by the file was
// issued by the copy, going by its name and key, and the file's key is its own.
func fits(s *snapshot.Snapshot, c snapshot.Certificate, name string) bool {
	for _, k := range s.PKI.Keys {
		if k.Path == strings.TrimSuffix(name, ".crt")+".key" && k.Error == "" && k.SPKI != c.SPKI {
			return false
		}
	}
	shown := 0
	for _, u := range InUse(s) {
		if !slices.ContainsFunc(u.Edges, func(e snapshot.Edge) bool { return e.CA == name }) || u.Cert == name {
			continue
		}
		leaf, ok := Leaf(s, u.Cert)
		if !ok || leaf.Issuer != c.Subject || leaf.IssuerID != "" && c.SubjectID != "" && leaf.IssuerID != c.SubjectID {
			return false
		}
		shown++
	}
	return shown > 0
}

// readers plans that those who name the file start anew, in the order in which
// they need one another.
func readers(s *snapshot.Snapshot, f snapshot.PEMFile) op.Plan {
	named := func(file string) bool {
		return file != "" && slices.ContainsFunc(f.UsedBy, func(from string) bool { at, _ := Place(from); return at == file })
	}
	var plan op.Plan
	for _, component := range order {
		if s.Static == nil {
			break
		}
		if m, _, ok := s.Static.Component(component); ok && named(m.Path) {
			plan = append(plan, RestartStatic(s, component)...)
		}
	}
	if s.Kubelet != nil && named(s.Kubelet.ConfigPath) {
		plan = append(plan, op.Unit{Verb: "restart", Name: "kubelet.service"})
	}
	return plan
}

// rebuild plans that a kubeconfig whose authority cannot be read is made anew,
// where it is of kubeadm's form: one cluster, one user, one context.
func rebuild(s *snapshot.Snapshot, name string) (op.Plan, error) {
	file, _ := Split(name)
	k, ok := kubeconfig(s, file)
	if !ok || len(k.Clusters) != 1 || len(k.Users) != 1 || len(k.Contexts) != 1 || k.Link != "" || k.Clusters[0].Server == "" {
		return nil, fmt.Errorf("cannot make %s anew: it has more than one cluster, user or context; put the authority's certificate, in base64, where the damaged one stands", file)
	}
	for _, u := range InUse(s) {
		if at, entry := Split(u.Cert); at != file || entry == "" {
			continue
		}
		x, known := u.Identity(s)
		ca, err := u.Authority(s)
		if err != nil || !known {
			return nil, fmt.Errorf("cannot make %s anew: the key of the cluster's authority is not on this node, or it is not known whose file it is; put the authority's certificate, in base64, where the damaged one stands", file)
		}
		o := op.IssueKubeconfig{Path: file, Pin: k.SHA256, Cluster: k.Clusters[0].Name, Server: k.Clusters[0].Server, CACert: ca.Cert, CAKey: ca.Key, User: x.Name, Groups: x.Groups, Days: 365}
		return append(op.Plan{o}, u.Restart(s)...), nil
	}
	return nil, fmt.Errorf("cannot make %s anew: it is not known whose it is", file)
}
