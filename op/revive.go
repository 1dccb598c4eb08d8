package op

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A ReviveStatic has the kubelet start containers of static pods that have ended.
// By itself it waits longer each time, for up to five minutes. It is a favour:
// what cannot be started so is left to the kubelet, and no error.
type ReviveStatic struct {
	Containers []Waiting `json:"containers"` // in the order in which they need one another
	Socket     string    `json:"socket"`     // of the runtime
}

// A Waiting is a container that has ended.
type Waiting struct {
	Name string `json:"name"` // such as kube-scheduler
	// After is the component without which it would end once more: etcd,
	// kube-apiserver or "".
	After string `json:"after,omitempty"`
}

// Kind is "revive-static".
func (ReviveStatic) Kind() string { return "revive-static" }

func (r ReviveStatic) String() string {
	var parts []string
	for _, w := range r.Containers {
		if w.After != "" {
			w.Name += " as soon as " + w.After + " answers"
		}
		parts = append(parts, w.Name)
	}
	return fmt.Sprintf("have the kubelet start %s: each time that one ends it waits longer", strings.Join(parts, ", "))
}

// Before keeps nothing.
func (ReviveStatic) Before(context.Context, Machine) (State, error) { return keep(nil) }

// reviving is how long components may take, together, to answer after a repair.
var reviving = 90 * time.Second

// Do waits for what each needs. Where that does not come, the others would wait
// in vain.
func (r ReviveStatic) Do(ctx context.Context, m Machine) error {
	over := time.After(reviving)
	for _, w := range r.Containers {
		for !w.answers(ctx, m) || m.ReviveStatic(ctx, r.Socket, w.Name) != nil {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-over:
				return nil
			case <-time.After(time.Second):
			}
		}
	}
	return nil
}

// answers reports whether what the container needs is there.
func (w Waiting) answers(ctx context.Context, m Machine) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	switch w.After {
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
