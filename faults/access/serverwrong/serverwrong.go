// Package serverwrong is the fault of an admin kubeconfig whose server is not
// where the API server is.
package serverwrong

import (
	"fmt"
	"net/url"

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
	ID:     "access/serverwrong",
	Layer:  fault.Trust,
	Needs:  []snapshot.Section{snapshot.SectionKubeconfigs},
	Uses:   []snapshot.Section{snapshot.SectionPKI, snapshot.SectionSockets, snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.AdminAstray, Strength: symptom.Always},
		{Symptom: symptom.AdminLockedOut, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding { return trust.Findings(trust.Astray(s)) }

// remedy writes the server that the node's components use.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	d, ok := trust.Of(trust.Astray(s), f.Subject)
	all := trust.Endpoints(s, f.Subject.Name)
	if !ok || len(all) == 0 {
		return nil, fmt.Errorf("cannot correct %s: the snapshot shows nothing wrong with it", f.Subject.Name)
	}
	k, err := kubeconf.File(s, f.Subject.Name)
	if err != nil {
		return nil, err
	}
	at := d.Facts[0].Line
	e, err := kubeconf.Edit(k, at, "as in "+all[0].Source, kubeconf.Value(k.LineAt(at), all[0].Server))
	return op.Plan{e}, err
}

// drill writes another port, or no TLS.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	k, err := kubeconf.Pick(s, d)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(k.Clusters[0].Server)
	if err != nil {
		return nil, fmt.Errorf("cannot change the server of %s: %w", k.Path, err)
	}
	port := fault.Pick(d, []int{6444, 8443, 6433, 64443, 16443})
	server := fault.Pick(d, []string{
		fmt.Sprintf("https://%s:%d", u.Hostname(), port),
		fmt.Sprintf("https://%s:%d", u.Hostname(), d.Int(20000, 29000)),
		"http://" + u.Host,
	})
	at := trust.FieldLine(k, k.Clusters[0].Line, "server")
	e, err := kubeconf.Edit(k, at, "", kubeconf.Value(k.LineAt(at), server))
	return op.Plan{e}, err
}
