package repair

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// A Proposal is the repair of several findings of one node.
type Proposal struct {
	Node   string   `json:"node"`
	Title  string   `json:"title"`
	Faults []string `json:"faults"` // IDs of what Plan repairs, each once
	Parts  []Part   `json:"parts"`
	Plan   op.Plan  `json:"plan"` // of all parts, in order
}

// A Part is the repair of one finding, or why there is none.
type Part struct {
	Finding finding.Finding `json:"finding"`
	Plan    op.Plan         `json:"plan,omitempty"`
	Notes   []string        `json:"notes,omitempty"` // what a person has to know of the plan
	// Refused says why nothing of it is in the plan.
	Refused string `json:"refused,omitempty"`
}

// Propose plans the repair of found, which are findings in s, most urgent
// first. Ops that two findings need are made once. A finding whose plan would
// change what an earlier one changes otherwise is refused: it is planned anew
// when the first repair is done.
func Propose(s *snapshot.Snapshot, faults []*fault.Fault, found []finding.Finding) Proposal {
	return ProposeKept(s, faults, found, fault.KeptRefused)
}

// ProposeKept is Propose, with objects that a reconciler keeps treated as kept
// says.
func ProposeKept(s *snapshot.Snapshot, faults []*fault.Fault, found []finding.Finding, kept fault.Kept) Proposal {
	p := Proposal{Node: s.Node}
	var m merger
	for _, f := range found {
		part := Part{Finding: f}
		plan, title, err := remedy(s, faults, f, kept)
		if err == nil {
			err = m.add(f.Fault, plan)
		}
		if err != nil {
			part.Refused = err.Error()
		} else {
			part.Plan = plan
			part.Notes = notes(s, faults, f, kept)
			if p.Title == "" {
				p.Title = title
			}
			if !slices.Contains(p.Faults, f.Fault) {
				p.Faults = append(p.Faults, f.Fault)
			}
		}
		p.Parts = append(p.Parts, part)
	}
	p.Plan = m.plan()
	if n := len(p.Faults); n > 1 {
		p.Title = fmt.Sprintf("%s, and %d more", p.Title, n-1)
	}
	return p
}

func remedy(s *snapshot.Snapshot, faults []*fault.Fault, f finding.Finding, kept fault.Kept) (op.Plan, string, error) {
	i := slices.IndexFunc(faults, func(x *fault.Fault) bool { return x.ID == f.Fault })
	if i < 0 {
		return nil, "", fmt.Errorf("cannot repair %q: this version does not know it", f.Fault)
	}
	x := faults[i]
	if x.Remedy == nil {
		return nil, "", fmt.Errorf("cannot repair %s: no safe repair is known; its runbook says what to do", x.ID)
	}
	plan, err := x.PlanKept(s, f, kept)
	if err != nil {
		return nil, "", err
	}
	if len(plan) == 0 {
		return nil, "", fmt.Errorf("cannot repair %s: its remedy has nothing to do", x.ID)
	}
	return plan, x.Title(), nil
}

func notes(s *snapshot.Snapshot, faults []*fault.Fault, f finding.Finding, kept fault.Kept) []string {
	i := slices.IndexFunc(faults, func(x *fault.Fault) bool { return x.ID == f.Fault })
	if i < 0 {
		return nil
	}
	return faults[i].Notes(s, f, kept)
}

// A merger joins plans.
type merger struct {
	ops    []op.Op
	keys   []string          // of ops
	owners map[string]string // fault that changes a target
}

// add joins the plan of a fault to the others, or leaves them as they are.
func (m *merger) add(id string, plan op.Plan) error {
	if m.owners == nil {
		m.owners = map[string]string{}
	}
	for _, o := range plan {
		t := target(o)
		if owner, ok := m.owners[t]; ok && t != "" && owner != id && !slices.Contains(m.keys, key(o)) {
			return fmt.Errorf("cannot repair it together with %s: both change %s; repair that first, then look again", owner, t)
		}
	}
	for _, o := range plan {
		k := key(o)
		if i := slices.Index(m.keys, k); i >= 0 {
			if !again(o) {
				continue
			}
			m.ops, m.keys = slices.Delete(m.ops, i, i+1), slices.Delete(m.keys, i, i+1)
		}
		m.ops, m.keys = append(m.ops, o), append(m.keys, k)
		if t := target(o); t != "" {
			m.owners[t] = id
		}
	}
	return nil
}

func (m *merger) plan() op.Plan { return m.ops }

// key tells whether two ops are the same.
func key(o op.Op) string {
	data, err := json.Marshal(o)
	if err != nil {
		return fmt.Sprintf("%s %p", o.Kind(), &o)
	}
	return o.Kind() + string(data)
}

// again reports whether an op that two plans have is made at its last place,
// since it makes what is before it take effect.
func again(o op.Op) bool {
	switch x := o.(type) {
	case op.ReloadUnits, op.EtcdProveWrite, op.RestartStatic, op.ReviveStatic:
		return true
	case op.Unit:
		return x.Verb != "stop"
	}
	return false
}

// target names the one thing that an op changes, or "" where ops of two plans
// do not meet.
func target(o op.Op) string {
	switch x := o.(type) {
	case op.WriteFile:
		return x.Path
	case op.RemoveFile:
		return x.Path
	case op.CopyFile:
		return x.To
	case op.Chmod:
		return x.Path
	case op.EditLine:
		return x.Path
	case op.IssueKubeconfig:
		return x.Path
	case op.IssueCertificate:
		return x.Cert
	case op.Splice:
		return x.Path
	case op.PublishKey:
		return x.Path
	case op.SetIOLimit:
		return x.File + " " + x.Device + " " + x.Key
	case op.SetGroupLimit:
		return x.File
	case op.DeleteQdisc:
		return fmt.Sprintf("the qdisc of %s %s in %d", x.Qdisc.Link, x.Qdisc.Parent, x.Qdisc.NetNS)
	case op.AddQdisc:
		return fmt.Sprintf("the qdisc of %s %s in %d", x.Qdisc.Link, x.Qdisc.Parent, x.Qdisc.NetNS)
	case op.DeleteObject:
		return x.Path
	case op.CreateObject:
		return x.Path
	case op.PatchObject:
		return x.Path
	case op.SetField:
		return x.Path + " " + strings.Join(x.Field, " ")
	case op.Unmount:
		return "what is mounted at " + x.Mount.Path
	case op.MountOver:
		return "what is mounted at " + x.Mount.Path
	case op.Sysctl:
		return x.Path()
	case op.Freeze:
		return x.Group
	case op.Signal:
		return fmt.Sprintf("process %d", x.Process.PID)
	case op.SetLink:
		return fmt.Sprintf("the interface %s in %d", x.At.Link, x.At.NetNS)
	case op.DeleteRoute:
		return fmt.Sprintf("the %s %s in %d", x.Route.Kind, x.Route.Text, x.Route.NetNS)
	case op.DeleteRule:
		return fmt.Sprintf("the rule %d of the %s in %d", x.Rule.Handle, x.At, x.At.NetNS)
	case op.DeleteFilter:
		return fmt.Sprintf("the %s in %d", x.At, x.At.NetNS)
	}
	return ""
}
