// Package authprovider is the fault of an admin kubeconfig that asks an
// auth-provider which kubectl no longer has.
package authprovider

import (
	"fmt"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/certs"
	"github.com/klustered/klustered/fault/kubeconf"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
	"github.com/klustered/klustered/trust"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "access/authprovider",
	Layer:  fault.Trust,
	Needs:  []snapshot.Section{snapshot.SectionKubeconfigs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.AdminAstray, Strength: symptom.Always},
		{Symptom: symptom.AdminLockedOut, Strength: symptom.Always},
	},
	Remedy: remedy,
	Drill:  drill,
}

const field = "auth-provider"

func detect(s *snapshot.Snapshot) []finding.Finding { return trust.Findings(trust.Provided(s)) }

// remedy takes the auth-provider out where the user has a certificate beside
// it. One with settings, which are secret, goes as the certificate is made anew.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	k, err := kubeconf.File(s, f.Subject.Name)
	if err != nil {
		return nil, err
	}
	u, ok := asks(k)
	switch {
	case !ok:
		return nil, fmt.Errorf("cannot correct %s: the snapshot shows nothing wrong with it", f.Subject.Name)
	case u.Cert == nil || u.Cert.Error != "":
		return nil, fmt.Errorf("cannot correct %s: its user has no credential beside the auth-provider; copy the file from a control plane, or let kubeadm write it (kubeadm init phase kubeconfig admin)", k.Path)
	case len(u.ProviderConfig) > 0:
		use, ok := certs.Use{}, false
		if s.PKI != nil {
			use, ok = certs.Find(s, k.Path+"#users/"+u.Name)
		}
		if !ok {
			return nil, fmt.Errorf("cannot take the auth-provider out of %s: it has settings that are secret, and the certificate beside it is not known; edit it by hand", k.Path)
		}
		return use.Reissue(s, "it asks an auth-provider")
	}
	from := trust.FieldLine(k, u.Line, field)
	to := from
	for to > 0 && to < len(k.Lines()) && indent(k.LineAt(to+1)) > indent(k.LineAt(from)) {
		to++
	}
	if from == 0 || strings.TrimSpace(k.LineAt(from)) != field+":" || k.SHA256 == "" || k.Truncated {
		return nil, fmt.Errorf("cannot change %s: its lines were not found; edit it by hand", k.Path)
	}
	return op.Plan{op.EditLine{Path: k.Path, Pin: k.SHA256, Line: from, Old: k.Lines()[from-1 : to], Why: "the certificate beside it is what lets the user in"}}, nil
}

// asks is the user that kubectl has by itself, where it has such a provider.
func asks(k snapshot.Kubeconfig) (snapshot.KubeconfigUser, bool) {
	for _, c := range k.Contexts {
		for _, u := range k.Users {
			if c.Name == k.Current && c.User == u.Name && u.AuthProvider != "" && !trust.KnownProvider(u.AuthProvider) {
				return u, true
			}
		}
	}
	return snapshot.KubeconfigUser{}, false
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// drill lets an administrator's kubeconfig ask an auth-provider of a cloud.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	k, err := kubeconf.Pick(s, d)
	if err != nil {
		return nil, err
	}
	at := trust.FieldLine(k, k.Users[0].Line, "client-certificate-data")
	if at == 0 || k.SHA256 == "" || k.Truncated {
		return nil, fmt.Errorf("cannot change %s: its user embeds no certificate", k.Path)
	}
	deep := strings.Repeat(" ", indent(k.LineAt(at)))
	lines := []string{deep + field + ":", deep + "  name: " + fault.Pick(d, []string{"gcp", "azure", "openstack"})}
	if d.Int(0, 2) == 0 {
		lines = append(lines, deep+"  config:", deep+"    expiry-key: '{."+d.Name()+"}'")
	}
	return op.Plan{op.EditLine{Path: k.Path, Pin: k.SHA256, Line: at, New: lines}}, nil
}
