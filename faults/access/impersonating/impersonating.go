// Package impersonating is the fault of an admin kubeconfig whose requests are
// made in the name of somebody else.
package impersonating

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
	ID:     "access/impersonating",
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

func detect(s *snapshot.Snapshot) []finding.Finding { return trust.Findings(trust.Posing(s)) }

// remedy takes the keys of impersonation, with their lists, out of the user of
// the current context.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	k, err := kubeconf.File(s, f.Subject.Name)
	if err != nil {
		return nil, err
	}
	from, to := 0, 0
	for _, u := range k.Users {
		for _, key := range []string{"as", "as-uid", "as-groups", "as-user-extra"} {
			at := trust.FieldLine(k, u.Line, key)
			if at == 0 || u.Impersonate == "" && len(u.ImpersonateGroups) == 0 {
				continue
			}
			end := last(k, at)
			if from != 0 && at != to+1 && end != from-1 {
				return nil, fmt.Errorf("cannot correct %s: its keys of impersonation do not stand together; take them out by hand", k.Path)
			}
			if from == 0 || at < from {
				from = at
			}
			to = max(to, end)
		}
	}
	e, err := kubeconf.Edit(k, from, "requests are made as its own user")
	if err == nil {
		e.Old = k.Lines()[from-1 : to]
	}
	return op.Plan{e}, err
}

// last is the last line of the value of the key on line at.
func last(k snapshot.Kubeconfig, at int) int {
	lines := k.Lines()
	deep := indent(lines[at-1])
	for at < len(lines) && (indent(lines[at]) > deep || indent(lines[at]) == deep && strings.HasPrefix(strings.TrimSpace(lines[at]), "- ")) {
		at++
	}
	return at
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// drill makes the requests somebody's who may do little.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	k, err := kubeconf.Pick(s, d)
	if err != nil {
		return nil, err
	}
	at := trust.FieldLine(k, k.Users[0].Line, "client-certificate-data")
	as := fault.Pick(d, []string{"system:node:" + d.Name(), "system:serviceaccount:default:default", d.Name(), "system:kube-proxy"})
	lines := []string{"    as: " + as}
	if d.Int(0, 1) == 0 {
		lines = append(lines, "    as-groups:", "    - "+d.Name())
	}
	e, err := kubeconf.Insert(k, at, "", lines[0])
	e.New = lines
	return op.Plan{e}, err
}
