// Package machine is the live node as ops change it: the only writer.
//
// It composes the parts that [op.Machine] asks for. Each part is its own, so
// that the laws can put a simulation in the place of one and keep the others.
package machine

import (
	"context"

	"github.com/klustered/klustered/op"
)

// An Issuer makes kubeconfigs and certificates: see [op.Machine].
type Issuer interface {
	Issue(ctx context.Context, x op.IssueKubeconfig) ([]byte, error)
	IssueCertificate(ctx context.Context, x op.IssueCertificate) (cert, key []byte, err error)
}

// Pods restarts static pods: see [op.Machine].
type Pods interface {
	RestartStatic(ctx context.Context, socket, container string) error
	ReviveStatic(ctx context.Context, socket, container string) error
}

// Parts are the parts of a machine.
type Parts struct {
	op.Files
	op.Units
	op.Processes
	op.Mounts
	op.Network
	op.Kube
	op.Etcd
	Issuer
	Pods
}

var (
	_ op.Machine   = Parts{}
	_ op.Files     = (*Files)(nil)
	_ op.Units     = Systemd{}
	_ op.Processes = Processes{}
	_ op.Mounts    = Mounts{}
)
