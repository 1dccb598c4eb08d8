package op

import "context"

// EtcdQuorum is the risk that etcd has no quorum while a member is away.
const EtcdQuorum Risk = "etcd-quorum"

// An EtcdKeepQuorum stands before an op that keeps a member from answering. It
// makes sure that the others are enough, and waits for those that come back
// from what was done to them before.
type EtcdKeepQuorum struct {
	Endpoint string `json:"endpoint,omitempty"` // of the member that goes away; "" is the node's own
	// Lost says that the others were not enough when the plan was made. It is
	// then gone on without them, at [EtcdQuorum].
	Lost string `json:"lost,omitempty"`
}

// Kind is "etcd-keep-quorum".
func (EtcdKeepQuorum) Kind() string { return "etcd-keep-quorum" }

func (e EtcdKeepQuorum) String() string {
	who := "this node's member"
	if e.Endpoint != "" {
		who = "the member at " + e.Endpoint
	}
	if e.Lost != "" {
		return "let etcd be without a quorum while " + who + " is away: " + e.Lost
	}
	return "make sure that etcd has a quorum without " + who
}

// Before keeps nothing.
func (EtcdKeepQuorum) Before(context.Context, Machine) (State, error) { return keep(nil) }

// Do fails where etcd has no quorum without the member.
func (e EtcdKeepQuorum) Do(ctx context.Context, m Machine) error {
	if e.Lost != "" {
		return nil
	}
	return m.KeepQuorum(ctx, e.Endpoint)
}

// Undo does nothing: nothing was changed.
func (EtcdKeepQuorum) Undo(context.Context, Machine, State) error { return nil }

// Risk is [EtcdQuorum] where the quorum is lost.
func (e EtcdKeepQuorum) Risk() Risk {
	if e.Lost != "" {
		return EtcdQuorum
	}
	return ""
}
