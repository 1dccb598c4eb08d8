package op_test

import (
	"encoding/json"
	"testing"

	"github.com/klustered/klustered/op"
)

// TestInterrupts: whatever ends pods that run is accepted by name.
func TestInterrupts(t *testing.T) {
	const deployment, service = "/apis/apps/v1/namespaces/a/deployments/x", "/api/v1/namespaces/a/services/x"
	patch := func(path, text string) op.Op { return op.PatchObject{Path: path, Patch: json.RawMessage(text)} }
	set := func(path, value, was string, field ...string) op.Op {
		return op.SetField{Path: path, Field: field, Value: json.RawMessage(value), Was: json.RawMessage(was)}
	}
	for _, tt := range []struct {
		name string
		o    op.Op
		want bool
	}{
		{"scaled to nothing", patch(deployment, `{"spec":{"replicas":0}}`), true},
		{"scaled back", patch(deployment, `{"spec":{"replicas":3}}`), false},
		{"another template", patch(deployment, `{"spec":{"template":{"spec":{}}}}`), true},
		{"a label", patch(deployment, `{"metadata":{"labels":{"a":"b"}}}`), false},
		{"no workload", patch(service, `{"spec":{"replicas":0}}`), false},
		{"no object", patch(deployment, `[]`), false},
		{"fewer", set(deployment, "1", "2", "spec", "replicas"), true},
		{"more", set(deployment, "2", "0", "spec", "replicas"), false},
		{"an image", set(deployment, `"x"`, "", "spec", "template", "spec", "containers", "0", "image"), true},
		{"a selector", set(service, `"x"`, "", "spec", "selector", "app"), false},
		{"a pod goes", op.DeleteObject{Path: "/api/v1/namespaces/a/pods/x"}, true},
		{"a namespace goes", op.DeleteObject{Path: "/api/v1/namespaces/a"}, true},
		{"a workload goes", op.DeleteObject{Path: deployment}, true},
		{"a service goes", op.DeleteObject{Path: service}, false},
	} {
		if got := len((op.Plan{tt.o}).Risks()) > 0; got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
