// Package auth is the fault of an etcd that asks the API server for a user it
// does not have.
package auth

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. Authentication is switched off by
// etcd's user root alone, as whom a person has to come.
var Fault = &fault.Fault{
	ID:     "etcd/auth",
	Layer:  fault.Etcd,
	Needs:  []snapshot.Section{snapshot.SectionEtcd},
	Uses:   []snapshot.Section{snapshot.SectionPKI},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.APIDown, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.EtcdDown, Strength: symptom.Usually},
		{Symptom: symptom.APIWritesFail, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes},
	},
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	e := s.Etcd
	asked := e.Failure == snapshot.EtcdAuth
	stored := e.Store != nil && e.Store.AuthEnabled
	if !asked && !stored {
		return nil
	}
	cert, name := client(s)
	if stored && name != "" && slices.Contains(e.Store.Users, name) {
		return nil // whoever switched it on gave the API server a user
	}
	x := finding.Finding{
		Subject:  finding.Subject{Kind: "member", Name: "etcd"},
		Summary:  "etcd asks for a user, and the API server is none that it knows",
		Commands: []string{"etcdctl auth status", "etcdctl user list"},
	}
	if asked {
		x.Facts = append(x.Facts, finding.Fact{Source: e.Endpoint, Got: e.Error, Want: "an answer without a user"})
	}
	if stored {
		x.Facts = append(x.Facts, finding.Fact{Source: e.DBPath, Got: fmt.Sprintf("authentication is on; users: %s; roles: %s", list(e.Store.Users), list(e.Store.Roles)), Want: "authentication off, as Kubernetes expects"})
	}
	if name != "" {
		x.Facts = append(x.Facts, finding.Fact{Source: cert, Got: "the API server shows itself as " + name})
	}
	return []finding.Finding{x}
}

func list(x []string) string {
	if len(x) == 0 {
		return "none"
	}
	return strings.Join(x, ", ")
}

// client is the certificate that the API server shows to etcd, and its name:
// etcd takes that for the user.
func client(s *snapshot.Snapshot) (cert, name string) {
	if s.PKI == nil {
		return "", ""
	}
	for _, e := range s.PKI.Edges {
		if e.Client != "kube-apiserver" || e.Server != "etcd" || e.Checks != snapshot.EdgeClient {
			continue
		}
		for _, c := range s.PKI.Certificates {
			if c.Path == e.Cert && c.CN != "" {
				return e.Cert, c.CN
			}
		}
	}
	return "", ""
}
