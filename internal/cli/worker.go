package cli

import (
	"context"
	"time"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/internal/guard"
	"github.com/klustered/klustered/internal/harden"
	"github.com/klustered/klustered/internal/machine"
	"github.com/klustered/klustered/internal/machine/etcd"
	"github.com/klustered/klustered/internal/machine/kube"
	"github.com/klustered/klustered/internal/machine/network"
	"github.com/klustered/klustered/internal/machine/pki"
	"github.com/klustered/klustered/internal/machine/pod"
	"github.com/klustered/klustered/internal/repair"
	"github.com/klustered/klustered/internal/transport"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// A worker changes one node.
type worker interface {
	look(ctx context.Context, plan op.Plan) ([]repair.Preview, error)
	apply(ctx context.Context, x order, follow func(step)) (repair.Result, error)
	// undo takes back repair n, but for what it may leave.
	undo(ctx context.Context, n int, leave repair.Leave, follow func(step)) (undone, error)
	stands(ctx context.Context, n int) ([]repair.Stand, error)
	history(ctx context.Context) ([]repair.Entry, error)
	prove(ctx context.Context, proofs []harden.Proof) ([]harden.Outcome, error)
}

// An order is what to apply, and what is to come of it.
type order struct {
	repair.Request
	Node   string        `json:"node"`
	Goal   goal          `json:"goal"`
	Verify bool          `json:"verify"` // look again, and undo what does not help
	Settle time.Duration `json:"settle,omitempty"`
	Hold   time.Duration `json:"hold,omitempty"`
}

// A step is an op that is made (will, did) or unmade (undid), what somebody
// else did meanwhile (hand), or why that is not known (note).
type step struct {
	State string      `json:"state"`
	Line  string      `json:"line"`
	Deed  *guard.Deed `json:"deed,omitempty"`
}

// An undone is what an undo did.
type undone struct {
	Entry     repair.Entry   `json:"entry"`
	Recovered []repair.Entry `json:"recovered,omitempty"`
}

// worker returns the one for a node's address.
func (a *App) worker(ctx context.Context, spec string) (worker, error) {
	if spec == "local" {
		return here{a}, a.needRoot("change this node")
	}
	node, err := transport.Open(ctx, spec, "")
	if err != nil {
		return nil, unreached(err)
	}
	return there{node}, nil
}

// here changes the machine that klustered runs on.
type here struct{ app *App }

// machine is the live node.
func (here) machine() op.Machine {
	e := source.New("/", true)
	return machine.Parts{Files: &machine.Files{}, Units: machine.Systemd{}, Network: network.New(), Processes: machine.Processes{}, Mounts: machine.Mounts{},
		Kube: kube.New(e), Etcd: etcd.New(e), Issuer: pki.New(e), Pods: pod.Pods{}}
}

func (h here) runner(node string, follow func(step)) *repair.Runner {
	r := &repair.Runner{Machine: h.machine(), Node: node, Tool: Version()}
	if follow != nil {
		r.Follow = func(state string, o op.Op) { follow(step{State: state, Line: o.String()}) }
	}
	return r
}

func (h here) look(ctx context.Context, plan op.Plan) ([]repair.Preview, error) {
	return repair.Look(ctx, h.machine(), plan)
}

func (h here) apply(ctx context.Context, x order, follow func(step)) (repair.Result, error) {
	r := h.runner(x.Node, follow)
	r.Settle, r.Hold = x.Settle, x.Hold
	if !x.Verify {
		return r.Apply(ctx, x.Request, nil)
	}
	if follow != nil {
		r.Watch = func(n int) func() { return h.app.watchMade(ctx, r, n, follow) }
	}
	return r.Apply(ctx, x.Request, func(ctx context.Context) (repair.Verdict, string, error) {
		p, err := h.app.readHere(ctx, "/", verifyTime, false)
		if err != nil {
			return repair.Same, "", err
		}
		v, why := x.Goal.judge(diagnose.Run([]*snapshot.Snapshot{p.Snapshot}, h.app.Faults))
		return v, why, nil
	})
}

// verifyTime is the time for one look at the node after a change.
const verifyTime = 10 * time.Second

func (h here) undo(ctx context.Context, n int, leave repair.Leave, follow func(step)) (undone, error) {
	r := h.runner("", follow)
	r.Leave = leave
	e, recovered, err := r.Undo(ctx, n)
	return undone{e, recovered}, err
}

func (h here) stands(ctx context.Context, n int) ([]repair.Stand, error) {
	_, list, err := h.runner("", nil).Stands(ctx, n)
	return list, err
}

func (h here) history(context.Context) ([]repair.Entry, error) {
	return h.runner("", nil).History()
}

func (here) prove(ctx context.Context, proofs []harden.Proof) ([]harden.Outcome, error) {
	return harden.Prove(ctx, dial, proofs), nil
}
