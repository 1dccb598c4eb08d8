package op

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// A NodeRoom tells the API what a node can give to pods. A kubelet that starts
// goes by what its Node object says from before, and turns away also the static
// pods for which there is no room in that, etcd among them.
type NodeRoom struct {
	Node string            `json:"node"`
	Room map[string]string `json:"room"` // of status.allocatable, by resource
	Why  string            `json:"why,omitempty"`
}

// Kind is "node-room".
func (NodeRoom) Kind() string { return "node-room" }

func (n NodeRoom) String() string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(n.Room)) {
		parts = append(parts, k+" "+n.Room[k])
	}
	return fmt.Sprintf("tell the API that node %s can give %s: %s", n.Node, strings.Join(parts, ", "), n.Why)
}

// Before keeps nothing: the kubelet says what there is, each time that it runs.
func (NodeRoom) Before(context.Context, Machine) (State, error) { return keep(nil) }

// Do writes the node's status. An API that does not answer, or cannot write, is
// one by which no kubelet goes either, as it is soon started again: that is no
// error.
func (n NodeRoom) Do(ctx context.Context, m Machine) error {
	body, err := json.Marshal(map[string]any{"status": map[string]any{"allocatable": n.Room}})
	if err != nil {
		return err
	}
	status, _, err := m.Request(ctx, http.MethodPatch, "/api/v1/nodes/"+n.Node+"/status", "application/merge-patch+json", body)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil || status >= http.StatusInternalServerError || status/100 == 2:
		return nil
	}
	return fmt.Errorf("cannot tell the API the room of node %s: it says %d: %s", n.Node, status, http.StatusText(status))
}

// Undo does nothing: the kubelet has said by then what there is.
func (NodeRoom) Undo(context.Context, Machine, State) error { return nil }
