// Package certificate is the fault of a kubelet whose own client certificate does
// not let it in.
package certificate

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/kubelet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "kubelet/certificate",
	Layer:  fault.Kubelet,
	Needs:  []snapshot.Section{snapshot.SectionKubelet, snapshot.SectionKubeconfigs},
	Uses:   []snapshot.Section{snapshot.SectionLogs, snapshot.SectionPKI, snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletRejected, Strength: symptom.Usually},
		{Symptom: symptom.KubeletCrashing, Strength: symptom.Sometimes},
		{Symptom: symptom.KubeletDown, Strength: symptom.Sometimes},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
	},
	Follows: []symptom.ID{symptom.CertRefused, symptom.FolderHidden},
	Remedy:  remedy,
}

// identity is the kubelet's kubeconfig and the user that it goes by.
func identity(s *snapshot.Snapshot) (conf snapshot.Kubeconfig, u snapshot.KubeconfigUser, ok bool) {
	for _, f := range s.Kubeconfigs.Files {
		if f.Path != s.Kubelet.Kubeconfig {
			continue
		}
		for _, x := range f.Contexts {
			for _, u := range f.Users {
				if x.Name == f.Current && x.User == u.Name {
					return f, u, true
				}
			}
		}
	}
	return conf, u, false
}

// wrong says what is wrong with the certificate, or "".
func wrong(s *snapshot.Snapshot, u snapshot.KubeconfigUser) string {
	const form = "2006-01-02 15:04:05 MST"
	c := u.Cert
	switch {
	case c == nil:
		return ""
	case c.Error != "":
		return "cannot be read: " + c.Error
	case gone(s, u.CertFile):
		return "is not there"
	case u.KeyFile != "" && gone(s, u.KeyFile):
		return "has no key: " + u.KeyFile + " is not there"
	case !c.NotAfter.IsZero() && s.At.After(c.NotAfter):
		return "expired at " + c.NotAfter.UTC().Format(form)
	case !c.NotBefore.IsZero() && s.At.Before(c.NotBefore):
		return "is not valid before " + c.NotBefore.UTC().Format(form)
	case u.Pair == snapshot.No:
		return "does not belong to its key"
	case c.Subject != "" && !node(c) && len(refused(s)) > 0:
		return "is for " + c.Subject + ", which is no node"
	}
	return ""
}

// node reports whether the API server takes the certificate for a node's.
func node(c *snapshot.Certificate) bool {
	return strings.HasPrefix(c.CN, "system:node:") && slices.Contains(c.Orgs, "system:nodes")
}

// gone reports whether a file was looked for and is not there.
func gone(s *snapshot.Snapshot, name string) bool {
	if s.PKI == nil || name == "" {
		return false
	}
	for _, f := range s.PKI.Files {
		if f.Path == name {
			return f.Error != "" && f.Certificates+f.Keys == 0
		}
	}
	return false
}

func refused(s *snapshot.Snapshot) []finding.Fact {
	return kubelet.Logged(s, 2*time.Minute, []string{"unauthorized", "kubelet-lease-failed", "kubelet-register-failed", "cert-expired"}, "nauthorized", "forbidden", "expired")
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	conf, u, ok := identity(s)
	if !ok {
		return nil
	}
	why := wrong(s, u)
	if why == "" {
		return nil
	}
	name := u.Cert.Path
	if name == "" {
		name = conf.Path
	}
	name, _, _ = strings.Cut(name, "#")
	f := finding.Finding{
		Subject:  finding.Subject{Kind: "file", Name: name},
		Summary:  fmt.Sprintf("the client certificate of the kubelet, %s, %s", name, why),
		Facts:    []finding.Fact{{Source: name, Got: said(u.Cert, why), Want: "a certificate in its time for system:node:" + s.Node + " of system:nodes, with its key"}},
		Commands: kubelet.Commands("openssl x509 -noout -subject -dates -in "+name, "ls -l "+path.Dir(name)),
	}
	if u.CertFile != "" {
		_, n := conf.Find("client-certificate:")
		f.Facts = append(f.Facts, finding.Fact{Source: conf.Path, Line: n, Got: "client-certificate: " + u.CertFile})
	}
	if link := s.Kubelet.ClientLink; link != "" && path.Base(name) == current {
		f.Facts = append(f.Facts, finding.Fact{Source: name, Got: "leads to " + link})
	}
	f.Facts = append(f.Facts, kubelet.Exits(s, "bootstrap", "certificate")...)
	f.Facts = append(f.Facts, refused(s)...)
	return []finding.Finding{f}
}

func said(c *snapshot.Certificate, why string) string {
	if c.Subject == "" {
		return "it " + why
	}
	return c.Subject + " " + why
}

// current is the link to the certificate that the kubelet rotates.
const current = "kubelet-client-current.pem"
