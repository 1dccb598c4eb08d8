// Package bootstrap is the fault of a kubelet that has no kubeconfig, and nothing
// to join the cluster with.
package bootstrap

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/kubelet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "kubelet/bootstrap",
	Layer:  fault.Kubelet,
	Needs:  []snapshot.Section{snapshot.SectionKubelet},
	Uses:   []snapshot.Section{snapshot.SectionLogs, snapshot.SectionKubeconfigs, snapshot.SectionPKI},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletCrashing, Strength: symptom.Always},
		{Symptom: symptom.KubeletDown, Strength: symptom.Usually},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
	},
	Follows: []symptom.ID{symptom.FolderHidden}, // it is there, beneath the mount
	Remedy:  remedy,
	Drill:   drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	k := s.Kubelet
	conf := k.Absent["--kubeconfig"]
	if conf == "" || kubelet.Up(k) {
		return nil
	}
	e, b := k.Effective["--kubeconfig"], k.Effective["--bootstrap-kubeconfig"]
	failed := kubelet.Logged(s, 2*time.Minute, []string{"kubelet-csr-failed", "unauthorized", "kubelet-bootstrap-cert-expired"})
	f := finding.Finding{
		Subject:  finding.Subject{Kind: "file", Name: conf},
		Facts:    []finding.Fact{{Source: conf, Got: "no such file or directory", Want: "the kubeconfig of this node"}, {Source: e.Source, Line: e.Line, Got: kubelet.Says("--kubeconfig", e.Origin)}},
		Commands: kubelet.Commands("ls -l " + conf + " " + b.Value),
	}
	switch {
	case b.Value == "":
		f.Summary = conf + " is not there, and the kubelet has no bootstrap kubeconfig to join the cluster with"
	case k.Absent["--bootstrap-kubeconfig"] != "":
		f.Summary = conf + " is not there, and neither is " + b.Value + ", with which the kubelet would join the cluster"
		f.Facts = append(f.Facts, finding.Fact{Source: b.Value, Got: "no such file or directory", Want: "a bootstrap token, or " + conf})
	case len(failed) > 0:
		f.Summary = "the kubelet cannot join the cluster: the token in " + b.Value + " is not taken"
	default:
		return nil // it joins just now
	}
	f.Facts = append(append(f.Facts, kubelet.Exits(s)...), failed...)
	return []finding.Finding{f}
}

const (
	authority = "/etc/kubernetes/pki/ca.crt"
	link      = "/var/lib/kubelet/pki/kubelet-client-current.pem"
)

// remedy writes the kubeconfig again, where a certificate of the node is still
// good and another kubeconfig tells the server.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	fail := func(why string) (op.Plan, error) {
		return nil, errors.New("cannot write " + f.Subject.Name + " again: " + why + "; join the node again with a new token (kubeadm token create --print-join-command)")
	}
	if s.PKI == nil || s.Kubeconfigs == nil {
		return fail("the node's certificates were not read")
	}
	var cert *snapshot.Certificate
	ca := false
	for i, c := range s.PKI.Certificates {
		if c.Path == link && c.Error == "" && strings.HasPrefix(c.CN, "system:node:") && s.At.Before(c.NotAfter) && s.At.After(c.NotBefore) {
			cert = &s.PKI.Certificates[i]
		}
		ca = ca || c.Path == authority && c.CA
	}
	server, name := "", ""
	for _, base := range []string{"admin.conf", "controller-manager.conf", "scheduler.conf"} {
		for _, k := range s.Kubeconfigs.Files {
			if k.Path == path.Join(path.Dir(f.Subject.Name), base) && len(k.Clusters) > 0 && server == "" {
				server, name = k.Clusters[0].Server, k.Clusters[0].Name
			}
		}
	}
	switch {
	case cert == nil:
		return fail("no certificate of the node is good")
	case !ca:
		return fail("the cluster's authority is not at " + authority)
	case server == "":
		return fail("no other kubeconfig tells the server")
	}
	text := fmt.Sprintf(kubeconfig, authority, server, name, cert.CN, link)
	w := op.WriteFile{Path: f.Subject.Name, Data: []byte(text), Mode: 0o600, Why: "with the certificate that the node has"}
	return append(op.Plan{w}, kubelet.Restart()...), nil
}

// kubeconfig has the form of kubeadm's.
const kubeconfig = `apiVersion: v1
clusters:
- cluster:
    certificate-authority: %[1]s
    server: %[2]s
  name: %[3]s
contexts:
- context:
    cluster: %[3]s
    user: %[4]s
  name: %[4]s@%[3]s
current-context: %[4]s@%[3]s
kind: Config
users:
- name: %[4]s
  user:
    client-certificate: %[5]s
    client-key: %[5]s
`

// drill takes the kubeconfig away.
func drill(s *snapshot.Snapshot, _ *fault.Dice) (op.Plan, error) {
	if s.Kubeconfigs != nil {
		for _, f := range s.Kubeconfigs.Files {
			if f.Path == s.Kubelet.Kubeconfig && f.SHA256 != "" {
				return append(op.Plan{fault.Remove(f.Text, "the kubeconfig is gone")}, kubelet.Restart()...), nil
			}
		}
	}
	return nil, errors.New("cannot take the kubelet's kubeconfig away: it was not read")
}
