// Package kubeconfig is the fault of a controller manager or scheduler whose
// kubeconfig, or --master, leads it to no API server, or to one that takes it
// for somebody else.
package kubeconfig

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/certs"
	"github.com/klustered/klustered/fault/kubeconf"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
	"github.com/klustered/klustered/trust"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "controllers/kubeconfig",
	Layer:  fault.Control,
	Needs:  []snapshot.Section{snapshot.SectionStatic, snapshot.SectionKubeconfigs, snapshot.SectionCluster},
	Uses:   []snapshot.Section{snapshot.SectionSockets, snapshot.SectionPKI, snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ControllersIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.SchedulerIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes}, // it ends when no context can be followed
		{Symptom: symptom.CertRefused, Strength: symptom.Sometimes},   // asked for another name
	},
	Remedy: remedy,
	Drill:  drill,
}

// components are those that do all of their work by a kubeconfig.
var components = []string{"kube-controller-manager", "kube-scheduler"}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, w := range look(s) {
		out = append(out, finding.Finding{
			Subject: w.subject(), Summary: w.summary(), Facts: append([]finding.Fact{w.fact()}, w.facts...),
			Commands: []string{"grep -nE 'server:|proxy-url|tls-server-name|current-context| as:' /etc/kubernetes/*.conf", manifest.Log(w.part.Name()), "kubectl -n kube-system get lease " + w.part.Name()},
		})
	}
	return out
}

// look returns what is wrong with each component's way to the API server: one
// thing a component. One that holds its lease from this node has found it.
func look(s *snapshot.Snapshot) []wrong {
	var out []wrong
	for _, name := range components {
		p, ok := manifest.Find(s, name)
		conf, has := file(s, p)
		if !ok || leads(s, name) || has && trust.Admin(conf.Path) {
			continue
		}
		w, found := master(s, p, conf)
		for i := 0; has && !found && i < len(checks); i++ {
			w, found = checks[i](s, name, conf)
		}
		w.part, w.conf = p, conf
		if found && !slices.ContainsFunc(out, func(x wrong) bool { return x.subject() == w.subject() }) {
			out = append(out, w)
		}
	}
	return out
}

// file is the kubeconfig that the component is started with.
func file(s *snapshot.Snapshot, p manifest.Part) (snapshot.Kubeconfig, bool) {
	for _, n := range s.Static.Named {
		if n.Manifest != p.File.Path || n.Component != p.Container.Command || n.Flag != "kubeconfig" || n.Host == "" {
			continue
		}
		for _, k := range s.Kubeconfigs.Files {
			if k.Path == n.Host {
				return k, k.Error == ""
			}
		}
	}
	return snapshot.Kubeconfig{}, false
}

// fresh is the age of a lease from which its holder may be gone: twice the time
// that it is given for, which is renewed many times in it.
const fresh = 30 * time.Second

// leads reports whether the component of this node does the work.
func leads(s *snapshot.Snapshot, name string) bool {
	return slices.ContainsFunc(s.Cluster.Leases, func(l snapshot.Lease) bool {
		return l.Namespace == "kube-system" && l.Name == name && strings.HasPrefix(l.Holder, s.Node+"_") && s.At.Sub(l.Renewed) < fresh
	})
}

// remedy writes what the others have, or takes the line out, and lets the
// component read its file anew.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, w := range look(s) {
		if w.subject() != f.Subject {
			continue
		}
		if w.flag.Name != "" {
			return w.part.Change().Drop(w.flag).Plan("its kubeconfig says where the API server is")
		}
		if w.err != "" {
			return nil, errors.New(w.err)
		}
		k, err := kubeconf.File(s, w.conf.Path)
		if err != nil {
			return nil, err
		}
		e, err := kubeconf.Edit(k, w.line, w.because, w.with...)
		if err != nil {
			return nil, err
		}
		return append(op.Plan{e}, certs.RestartStatic(s, w.part.Name())...), nil
	}
	return nil, errors.New("cannot find what is wrong with " + f.Subject.Name + " any more")
}
