// Package op is the closed set of reversible changes that klustered can make.
//
// An [Op] is a plain value: it can be printed, written to a journal, sent to
// another node, and read back by a later process that has to undo it. What an
// Op overwrites is captured before it runs, never guessed afterwards.
//
// # Invariants
//
//   - Before changes nothing. Do twice is Do once. Undo succeeds after a Do
//     that did not finish, and after no Do at all.
//   - An Op pins what its plan was made from; when the machine is no longer
//     so, it fails with [ErrChanged] and changes nothing.
//   - Undo looks before it acts: what is neither as the Op left it nor as it
//     was before was changed by someone else, and is [ErrChanged] too.
//   - No plan that writes to etcd is made without a snapshot saved before.
//   - A journal or a plan written by an older version is read by a newer one.
package op

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrChanged means that the machine is not as it was when the plan was made,
// or, in an undo, not as the op left it.
var ErrChanged = errors.New("it has changed since")

// An Op is one change. The set is closed: see kinds.
type Op interface {
	// Kind is the name under which the journal stores the Op.
	Kind() string
	// String says what the Op does, in one line, in the imperative.
	String() string
	// Before captures what Undo will need, and checks the pins.
	Before(ctx context.Context, m Machine) (State, error)
	// Do makes the change.
	Do(ctx context.Context, m Machine) error
	// Undo puts back what Before captured.
	Undo(ctx context.Context, m Machine, s State) error
}

// A State is what an Op captured before it ran.
type State = json.RawMessage

// A Risk is a harm that a person accepts by name before an Op runs.
type Risk string

// The risks.
const (
	// InterruptsWorkloads: running pods are restarted or lose connections.
	InterruptsWorkloads Risk = "interrupts-workloads"
	// EtcdMaintenance: history is dropped and a member blocks for a while.
	EtcdMaintenance Risk = "etcd-maintenance"
)

// Risks are all risks that can be accepted.
func Risks() []Risk { return []Risk{InterruptsWorkloads, EtcdMaintenance, EtcdQuorum, EtcdRemoval} }

// RiskNames says them.
func RiskNames() string {
	return string(InterruptsWorkloads) + ", " + string(EtcdMaintenance) + ", " + string(EtcdQuorum) + " or " + string(EtcdRemoval)
}

// Risky is an Op that may have a risk.
type Risky interface {
	Op
	// Risk is "" where there is none.
	Risk() Risk
}

// OneWay is an Op that has no true undo. Its Undo does what can be done.
type OneWay interface {
	Op
	// OneWay says what stays, or "" where all is undone after all.
	OneWay() string
}

// Differ is an Op whose effect on a text can be shown.
type Differ interface {
	Op
	// Texts are the text before, taken from s, and after, and their name.
	Texts(s State) (name string, before, after []byte)
}

// A Plan is a list of Ops that are made in order and undone in reverse.
type Plan []Op

// Risks are the distinct risks of the plan, in order.
func (p Plan) Risks() []Risk {
	var out []Risk
	seen := map[Risk]bool{}
	for _, o := range p {
		if r, ok := o.(Risky); ok && r.Risk() != "" && !seen[r.Risk()] {
			seen[r.Risk()] = true
			out = append(out, r.Risk())
		}
	}
	return out
}

type wire struct {
	Kind string          `json:"kind"`
	Op   json.RawMessage `json:"op"`
}

// MarshalJSON writes each op with its kind.
func (p Plan) MarshalJSON() ([]byte, error) {
	list := make([]wire, len(p))
	for i, o := range p {
		data, err := json.Marshal(o)
		if err != nil {
			return nil, fmt.Errorf("cannot encode op %q: %w", o, err)
		}
		list[i] = wire{o.Kind(), data}
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads what MarshalJSON wrote. A kind that this version does
// not know is an error.
func (p *Plan) UnmarshalJSON(data []byte) error {
	var list []wire
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	*p = nil
	for _, w := range list {
		o, err := decode(w.Kind, w.Op)
		if err != nil {
			return err
		}
		*p = append(*p, o)
	}
	return nil
}

// kinds is the closed set.
var kinds = map[string]func([]byte) (Op, error){
	"write-file":         decodeAs[WriteFile],
	"remove-file":        decodeAs[RemoveFile],
	"copy-file":          decodeAs[CopyFile],
	"chmod":              decodeAs[Chmod],
	"edit-line":          decodeAs[EditLine],
	"file-attr":          decodeAs[FileAttr],
	"set-io-limit":       decodeAs[SetIOLimit],
	"set-group-limit":    decodeAs[SetGroupLimit],
	"sysctl":             decodeAs[Sysctl],
	"freeze":             decodeAs[Freeze],
	"signal":             decodeAs[Signal],
	"mount-over":         decodeAs[MountOver],
	"unmount":            decodeAs[Unmount],
	"unit":               decodeAs[Unit],
	"reload-units":       decodeAs[ReloadUnits],
	"delete-qdisc":       decodeAs[DeleteQdisc],
	"add-qdisc":          decodeAs[AddQdisc],
	"guard-ports":        decodeAs[GuardPorts],
	"delete-object":      decodeAs[DeleteObject],
	"create-object":      decodeAs[CreateObject],
	"patch-object":       decodeAs[PatchObject],
	"set-field":          decodeAs[SetField],
	"etcd-snapshot":      decodeAs[EtcdSnapshot],
	"etcd-compact":       decodeAs[EtcdCompact],
	"etcd-defragment":    decodeAs[EtcdDefragment],
	"etcd-disarm":        decodeAs[EtcdDisarm],
	"etcd-prove-write":   decodeAs[EtcdProveWrite],
	"etcd-remember":      decodeAs[EtcdRemember],
	"etcd-remove-member": decodeAs[EtcdRemoveMember],
	"etcd-keep-quorum":   decodeAs[EtcdKeepQuorum],
	"issue-kubeconfig":   decodeAs[IssueKubeconfig],
	"issue-certificate":  decodeAs[IssueCertificate],
	"splice":             decodeAs[Splice],
	"publish-key":        decodeAs[PublishKey],
	"restart-static":     decodeAs[RestartStatic],
	"revive-static":      decodeAs[ReviveStatic],
	"delete-rule":        decodeAs[DeleteRule],
	"add-rule":           decodeAs[AddRule],
	"delete-filter":      decodeAs[DeleteFilter],
	"add-filter":         decodeAs[AddFilter],
	"delete-route":       decodeAs[DeleteRoute],
	"add-route":          decodeAs[AddRoute],
	"set-link":           decodeAs[SetLink],
	"node-room":          decodeAs[NodeRoom],
}

func decode(kind string, data []byte) (Op, error) {
	as, ok := kinds[kind]
	if !ok {
		return nil, fmt.Errorf("cannot read op of kind %q: this version does not know it", kind)
	}
	return as(data)
}

func decodeAs[T Op](data []byte) (Op, error) {
	var o T
	if err := json.Unmarshal(data, &o); err != nil {
		return nil, fmt.Errorf("cannot read op of kind %q: %w", o.Kind(), err)
	}
	return o, nil
}

func keep(v any) (State, error) { return json.Marshal(v) }

func recall[T any](s State) (T, error) {
	var v T
	if err := json.Unmarshal(s, &v); err != nil {
		return v, fmt.Errorf("cannot read the state kept before: %w", err)
	}
	return v, nil
}
