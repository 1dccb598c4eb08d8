package certificate

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/kubelet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// The authority of kubeadm's clusters.
const (
	authority    = "/etc/kubernetes/pki/ca.crt"
	authorityKey = "/etc/kubernetes/pki/ca.key"
	folder       = "/var/lib/kubelet/pki"
)

// remedy leads the link to a certificate that is still good, or to a new one
// that the cluster's authority, where its key is on this node, signs.
func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	conf, u, ok := identity(s)
	if !ok || s.PKI == nil {
		return nil, errors.New("cannot renew the kubelet's certificate: its kubeconfig or the node's certificates were not read")
	}
	if u.CertFile == "" {
		return nil, fmt.Errorf("cannot renew the certificate in %s: write the file again with `kubeadm kubeconfig user`, or join the node again", conf.Path)
	}
	var plan op.Plan
	link := path.Join(folder, current)
	if u.CertFile != link || u.KeyFile != link {
		edit, err := rename(conf, u, link)
		if err != nil {
			return nil, err
		}
		plan = append(plan, edit)
		if c := at(s, link); c != nil && good(s, *c) {
			return append(plan, kubelet.Restart()...), nil
		}
	}
	to := newest(s)
	if to == "" {
		to = path.Join(folder, "kubelet-client-"+s.At.UTC().Format("2006-01-02-15-04-05")+".pem")
		if !key(s, authorityKey) || at(s, authority) == nil {
			return nil, errors.New("cannot renew the kubelet's certificate: the key of the cluster's authority is not on this node; join it again with a new token")
		}
		plan = append(plan, op.IssueCertificate{Cert: to, Key: to, CACert: authority, CAKey: authorityKey, Client: true,
			Name: "system:node:" + cmp.Or(s.Kubelet.NodeName, s.Node), Groups: []string{"system:nodes"}, Why: "for the kubelet"})
	}
	w := op.WriteFile{Path: link, Link: to, Mode: 0o777, Why: "a certificate that is good"}
	if old := s.Kubelet.ClientLink; old != "" {
		w.Pin = op.File{Link: old}.Sum()
	}
	return append(append(plan, w), kubelet.Restart()...), nil
}

// rename lets the kubeconfig name the link.
func rename(conf snapshot.Kubeconfig, u snapshot.KubeconfigUser, link string) (op.WriteFile, error) {
	text := conf.Content
	for _, name := range []string{"client-certificate: ", "client-key: "} {
		for _, old := range []string{u.CertFile, u.KeyFile} {
			text = strings.Replace(text, name+old, name+link, 1)
		}
	}
	return fault.Rewrite(conf.Text, text, "the certificate that the kubelet rotates")
}

// newest is the latest of the kubelet's certificates that is good, or "".
func newest(s *snapshot.Snapshot) string {
	var out []string
	for _, c := range s.PKI.Certificates {
		base := path.Base(c.Path)
		if path.Dir(c.Path) == folder && strings.HasPrefix(base, "kubelet-client-") && base != current && good(s, c) && key(s, c.Path) {
			out = append(out, c.Path)
		}
	}
	slices.Sort(out)
	if len(out) == 0 {
		return ""
	}
	return out[len(out)-1]
}

// good reports whether a certificate of this node is in its time and signed by
// an authority of the node, where there is one.
func good(s *snapshot.Snapshot, c snapshot.Certificate) bool {
	name := s.Node
	if s.Kubelet.NodeName != "" {
		name = s.Kubelet.NodeName
	}
	return c.Error == "" && node(&c) && c.CN == "system:node:"+name && s.At.After(c.NotBefore) && s.At.Before(c.NotAfter)
}

func at(s *snapshot.Snapshot, name string) *snapshot.Certificate {
	for i, c := range s.PKI.Certificates {
		if c.Path == name {
			return &s.PKI.Certificates[i]
		}
	}
	return nil
}

func key(s *snapshot.Snapshot, name string) bool {
	return slices.ContainsFunc(s.PKI.Keys, func(k snapshot.Key) bool { return k.Path == name && k.Error == "" && !k.Public })
}
