// Package proxied is the fault of an admin kubeconfig that goes to the node's
// own cluster by way of a proxy.
package proxied

import (
	"fmt"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/kubeconf"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
	"github.com/klustered/klustered/trust"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "access/proxied",
	Layer:  fault.Trust,
	Needs:  []snapshot.Section{snapshot.SectionKubeconfigs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.AdminAstray, Strength: symptom.Always},
		{Symptom: symptom.AdminLockedOut, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding { return trust.Findings(trust.Proxied(s)) }

// remedy takes the line out.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	d, ok := trust.Of(trust.Proxied(s), f.Subject)
	if !ok {
		return nil, fmt.Errorf("cannot correct %s: the snapshot shows nothing wrong with it", f.Subject.Name)
	}
	k, err := kubeconf.File(s, f.Subject.Name)
	if err != nil {
		return nil, err
	}
	e, err := kubeconf.Edit(k, d.Facts[0].Line, "the cluster is this node's own")
	return op.Plan{e}, err
}

// drill adds a proxy that is not there.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	k, err := kubeconf.Pick(s, d)
	if err != nil {
		return nil, err
	}
	proxy := fmt.Sprintf("%s://127.0.0.1:%d", fault.Pick(d, []string{"http", "http", "socks5"}), d.Int(20000, 29999))
	e, err := kubeconf.Insert(k, trust.FieldLine(k, k.Clusters[0].Line, "server"), "", "    proxy-url: "+proxy)
	return op.Plan{e}, err
}
