package webhook

import (
	"fmt"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// drill puts a webhook before pods, and sometimes more, whose Service is not
// there, or has nothing behind it.
func drill(_ *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	name, service, namespace := d.Name(), d.Name(), fault.Pick(d, []string{"kube-system", "default"})
	var plan op.Plan
	if d.Int(0, 1) == 1 {
		s, err := object.Create("Service", namespace, service, map[string]any{"spec": map[string]any{
			"selector": map[string]any{"app": service}, "ports": []map[string]any{{"port": 443, "targetPort": 8443}},
		}})
		if err != nil {
			return nil, err
		}
		plan = append(plan, s)
	}
	resources := fault.Pick(d, [][]string{{"pods"}, {"pods", "configmaps"}, {"pods", "services"}})
	kind := fault.Pick(d, []string{"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"})
	w, err := object.Create(kind, "", name, map[string]any{"webhooks": []map[string]any{{
		"name": fmt.Sprintf("%s.%s.svc", service, namespace), "admissionReviewVersions": []string{"v1"}, "sideEffects": "None",
		"failurePolicy": "Fail", "timeoutSeconds": d.Int(2, 10),
		"clientConfig": map[string]any{"service": map[string]any{"namespace": namespace, "name": service, "path": "/admit", "port": 443}},
		"rules":        []map[string]any{{"operations": []string{"CREATE"}, "apiGroups": []string{""}, "apiVersions": []string{"v1"}, "resources": resources}},
	}}})
	return append(plan, w), err
}
