package op

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// A ReviveStatic has the kubelet start a static pod's container that has ended
// again and again. By itself the kubelet would wait for up to five minutes.
type ReviveStatic struct {
	Container string `json:"container"` // its name, such as kube-scheduler
	Socket    string `json:"socket"`    // of the runtime
	// After is the component without which it would end once more: etcd,
	// kube-apiserver or "".
	After string `json:"after,omitempty"`
}

// Kind is "revive-static".
func (ReviveStatic) Kind() string { return "revive-static" }

func (r ReviveStatic) String() string {
	when := "at once"
	if r.After != "" {
		when = "as soon as " + r.After + " answers"
	}
	return fmt.Sprintf("have the kubelet start the static pod's container %s %s: it has ended too often to be started soon", r.Container, when)
}

// Before keeps nothing.
func (ReviveStatic) Before(context.Context, Machine) (State, error) { return keep(nil) }

// Do waits a while for what it needs, and else leaves it to the kubelet.
func (r ReviveStatic) Do(ctx context.Context, m Machine) error {
	for over := time.After(reviving); !r.needs(ctx, m); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-over:
			return nil
		case <-time.After(time.Second):
		}
	}
	return m.ReviveStatic(ctx, r.Socket, r.Container)
}

// reviving is how long a component may take to answer after its repair.
var reviving = time.Minute

// needs reports whether what it needs is there.
func (r ReviveStatic) needs(ctx context.Context, m Machine) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	switch r.After {
	case "etcd":
		_, err := m.Members(ctx)
		return err == nil
	case "kube-apiserver":
		status, _, err := m.Request(ctx, http.MethodGet, "/readyz", "", nil)
		return err == nil && status < http.StatusInternalServerError
	}
	return true
}

// Undo does nothing: a container that runs is left alone.
func (ReviveStatic) Undo(context.Context, Machine, State) error { return nil }
