// Package nodename is the fault of a kubelet that goes by another name than the one
// its certificate is for.
package nodename

import (
	"errors"
	"fmt"
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
	ID:     "kubelet/nodename",
	Layer:  fault.Kubelet,
	Needs:  []snapshot.Section{snapshot.SectionKubelet},
	Uses:   []snapshot.Section{snapshot.SectionLogs, snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.NodeNotReady, Strength: symptom.Always},
		{Symptom: symptom.NodeMissing, Strength: symptom.Sometimes},
		{Symptom: symptom.KubeletRejected, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

// names are the name that the kubelet registers under, and the one that its
// certificate lets it be.
func names(k *snapshot.Kubelet) (used, cert snapshot.NameSource, ok bool) {
	for _, n := range k.Names {
		if n.Used {
			used = n
		}
		if n.Source == "certificate" {
			cert = n
		}
	}
	return used, cert, used.Name != "" && cert.Name != ""
}

// detect compares the two. A short name and the same with a domain differ too:
// the API server compares them letter by letter.
func detect(s *snapshot.Snapshot) []finding.Finding {
	k := s.Kubelet
	used, cert, ok := names(k)
	if !ok || used.Name == cert.Name || used.Source == "/etc/hostname" || cloud(k) {
		return nil
	}
	if s.Cluster != nil {
		if _, known := s.Cluster.Node(used.Name); known && !named(s) {
			return nil // it is registered so, by whatever name its certificate has
		}
	}
	e := k.Effective["--hostname-override"]
	f := finding.Finding{
		Subject:  finding.Subject{Kind: "file", Name: used.Path},
		Summary:  fmt.Sprintf("the kubelet calls itself %q (%s), and its certificate is for the node %q", used.Name, used.Source, cert.Name),
		Facts:    []finding.Fact{{Source: used.Path, Got: used.Name, Want: cert.Name}, {Source: cert.Path, Got: "system:node:" + cert.Name}},
		Commands: kubelet.Commands("hostname", "openssl x509 -noout -subject -in "+cert.Path),
	}
	if used.Source == "flag hostname-override" {
		f.Facts[0] = finding.Fact{Source: e.Source, Line: e.Line, Got: kubelet.Says("--hostname-override", e.Origin), Want: "no such argument, or --hostname-override=" + cert.Name}
		f.Summary = fmt.Sprintf("%s makes the kubelet call itself %q, and its certificate is for the node %q", kubelet.Where(e.Origin), used.Name, cert.Name)
	}
	if f.Subject.Name == "" {
		f.Subject.Name = kubelet.Unit
	}
	f.Facts = append(f.Facts, kubelet.Logged(s, 5*time.Minute, []string{"kubelet-name-differs", "kubelet-node-not-found", "kubelet-register-failed"})...)
	return []finding.Finding{f}
}

// cloud reports whether a cloud gives the node its name.
func cloud(k *snapshot.Kubelet) bool {
	v := k.Effective["--cloud-provider"].Value
	return v != "" && v != "external"
}

// named reports whether the kubelet says that the API server refuses its name.
func named(s *snapshot.Snapshot) bool {
	return len(kubelet.Logged(s, 5*time.Minute, []string{"kubelet-name-differs", "kubelet-register-failed"})) > 0
}

// remedy takes the name away where the node's own is right, and else gives the
// kubelet the name of its certificate.
func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	k := s.Kubelet
	used, cert, ok := names(k)
	if !ok {
		return nil, errors.New("cannot say which name is right")
	}
	own := ""
	for _, n := range k.Names {
		if n.Source == "hostname" || own == "" && n.Source == "/etc/hostname" {
			own = n.Name
		}
	}
	if used.Source == "flag hostname-override" && own == cert.Name {
		return kubelet.Want(k, map[string]string{"--hostname-override": ""}, "the node's own name is right")
	}
	return nil, fmt.Errorf("cannot say which name is right: set the node's with `hostnamectl set-hostname %s`, or join it again as %s", cert.Name, used.Name)
}

// drill gives the kubelet another name.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	used, cert, ok := names(s.Kubelet)
	if !ok || used.Source == "flag hostname-override" {
		return nil, errors.New("cannot give the kubelet another name: it has one by a flag")
	}
	name := fault.Pick(d, []string{cert.Name + ".cluster.internal", "node-" + cert.Name, "ip-10-0-" + fmt.Sprint(d.Int(1, 250)) + "-" + fmt.Sprint(d.Int(2, 250)), cert.Name + "-new"})
	return kubelet.Argue(s.Kubelet, d, "--hostname-override="+name)
}
