// Package hostnetwork is the fault of a component's pod that is not in the node's
// network.
package hostnetwork

import (
	"fmt"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "static/hostnetwork",
	Layer:    fault.Kubelet,
	Needs:    manifest.Needs,
	Uses:     manifest.Uses,
	Detect:   detect,
	Explains: manifest.Explains,
	Remedy:   remedy,
	Drill:    drill,
}

// outside reports whether kubeadm would have put the pod into the node's
// network, and its manifest does not. A field that is misspelt is another
// fault.
func outside(s *snapshot.Snapshot, p manifest.Part) bool {
	return manifest.IsKubeadm(s) && !p.File.HostNet && !manifest.Ill(p.File, "hostNetwork")
}

// served reports whether the component is reached all the same: the scheduler
// and the controller manager only call others.
func served(s *snapshot.Snapshot, p manifest.Part) bool {
	own := p.Name() == "kube-scheduler" || p.Name() == "kube-controller-manager"
	return own && len(p.Container.Probes) == 0 && manifest.Stays(s, p.File, p.Name())
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, p := range manifest.All(s) {
		if !outside(s, p) || served(s, p) {
			continue
		}
		fact := finding.Fact{Source: p.File.Path, Got: "no hostNetwork", Want: "hostNetwork: true"}
		if f, ok := p.File.Get("spec.hostNetwork"); ok {
			fact = p.Quote(f.Line, "hostNetwork: true")
		}
		out = append(out, manifest.Found(s, p.File, finding.Subject{Kind: "field", Name: p.File.Path + " spec.hostNetwork"},
			fmt.Sprintf("%s is put into a pod's network, where the node's addresses are not", p.Name()), fact))
	}
	return out
}

func remedy(s *snapshot.Snapshot, x finding.Finding) (op.Plan, error) {
	for _, p := range manifest.All(s) {
		if x.Subject.Name != p.File.Path+" spec.hostNetwork" {
			continue
		}
		if f, ok := p.File.Get("spec.hostNetwork"); ok {
			l := p.File.LineAt(f.Line)
			if !strings.HasPrefix(strings.TrimSpace(l), "hostNetwork:") {
				return nil, fmt.Errorf("cannot change line %d of %s: it is more than one field", f.Line, p.File.Path)
			}
			return p.Change().Lines(f.Line, f.Line, l[:strings.Index(l, ":")+1]+" true").Plan("into the node's network")
		}
		for i, l := range p.File.Lines() {
			if strings.TrimRight(l, " ") == "spec:" {
				return p.Change().Lines(i+2, i+1, "  hostNetwork: true").Plan("into the node's network")
			}
		}
		return nil, fmt.Errorf("cannot change %s: its spec is not a block", p.File.Path)
	}
	return nil, fmt.Errorf("cannot find %s", x.Subject.Name)
}

// drill takes the API server or etcd out of the node's network.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, fault.Pick(d, []string{"kube-apiserver", "etcd"}))
	f, has := p.File.Get("spec.hostNetwork")
	if !ok || !has {
		return nil, fmt.Errorf("cannot find a component in the node's network")
	}
	if d.Int(0, 1) == 0 {
		return p.Change().Lines(f.Line, f.Line).Plan("a pod like others")
	}
	return p.Change().Lines(f.Line, f.Line, strings.Replace(p.File.LineAt(f.Line), "true", "false", 1)).Plan("a pod like others")
}
