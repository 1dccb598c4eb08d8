// Package contextwrong is the fault of an admin kubeconfig whose current
// context leads nowhere, or is not what its name says.
package contextwrong

import (
	"fmt"
	"strings"

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
	ID:     "access/contextwrong",
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

func detect(s *snapshot.Snapshot) []finding.Finding { return trust.Findings(trust.Misnamed(s)) }

// remedy writes the name that the context, or what it names, has.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	d, ok := trust.Of(trust.Misnamed(s), f.Subject)
	if !ok {
		return nil, fmt.Errorf("cannot correct %s: the snapshot shows nothing wrong with it", f.Subject.Name)
	}
	k, err := kubeconf.File(s, f.Subject.Name)
	if err != nil {
		return nil, err
	}
	key, value, _ := strings.Cut(d.Facts[0].Want, ": ")
	at := d.Facts[0].Line
	if at == 0 && key == "current-context" { // the key is not there at all
		e, err := kubeconf.Insert(k, 1, "the only context is the current one", d.Facts[0].Want)
		return op.Plan{e}, err
	}
	e, err := kubeconf.Edit(k, at, "the name that is there", kubeconf.Value(k.LineAt(at), value))
	return op.Plan{e}, err
}

// drill makes the current context, or what it names, one that is not there.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	k, err := kubeconf.Pick(s, d)
	if err != nil {
		return nil, err
	}
	c := k.Contexts[0]
	_, at := k.Find("current-context:")
	value := fault.Pick(d, []string{c.User + "@" + d.Name(), d.Name(), c.User})
	switch d.Int(0, 3) {
	case 0:
		at, value = trust.FieldLine(k, c.Line, "cluster"), d.Name()
	case 1:
		at, value = trust.FieldLine(k, c.Line, "user"), c.User+"-"+d.Name()
	case 2:
		if strings.HasPrefix(k.Path, "/etc/kubernetes/") { // a person may unset it
			value = `""`
		}
	}
	e, err := kubeconf.Edit(k, at, "", kubeconf.Value(k.LineAt(at), value))
	return op.Plan{e}, err
}
