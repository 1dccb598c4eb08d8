// Package rewritten is the fault of pods that are changed on their way into the
// cluster so that no node takes them.
package rewritten

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. Whether the policy or the nodes
// are to change is for a person to say, so that it has no remedy.
var Fault = &fault.Fault{
	ID:     "admission/rewritten",
	Layer:  fault.Admission,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.PodsUnschedulable, Strength: symptom.Always, Cluster: true},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
	},
	Drill: drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, p := range object.Waiting(s.Cluster) {
		key, value := object.Added(s.Cluster, p)
		if key == "" {
			continue
		}
		for _, f := range who(s.Cluster, p, key, value) {
			if !slices.ContainsFunc(out, func(x finding.Finding) bool { return x.Subject == f.Subject }) {
				out = append(out, f)
			}
		}
	}
	return out
}

// who are the policies that name the label and its value. Where none does, the
// pods are what is told of, with who may have changed them: nobody is accused
// for having been there.
func who(c *snapshot.Cluster, p snapshot.Pod, key, value string) []finding.Finding {
	kind, name := object.Owner(p)
	pods := fmt.Sprintf("the pods of %s %s/%s", kind, p.Namespace, name)
	policies, webhooks := object.Mutators(c, p)
	facts := differs(p, key, value)
	var out []finding.Finding
	for _, x := range policies {
		i := slices.IndexFunc(x.Expressions, func(e string) bool { return quotes(e, key) && quotes(e, value) })
		if i < 0 {
			continue
		}
		own := finding.Fact{Source: x.Kind + " " + x.Name, Got: x.Expressions[i], Want: "a label that nodes have", At: x.Created}
		out = append(out, finding.Finding{
			Subject:  object.Subject(x.Kind, "", x.Name),
			Summary:  fmt.Sprintf("policy %s has %s ask for a node with the label %s=%s, and none has it", x.Name, pods, key, value),
			Facts:    object.Kept(append([]finding.Fact{own}, facts...), x.Keeper),
			Commands: commands(p),
		})
	}
	if len(out) > 0 {
		return out
	}
	for _, x := range policies {
		facts = append(facts, finding.Fact{Source: x.Kind + " " + x.Name, Got: "it may change them: " + strings.Join(x.Rules, "; "), At: x.Created})
	}
	for _, w := range webhooks {
		facts = append(facts, finding.Fact{Source: w.Kind + "WebhookConfiguration " + w.Config, Got: w.Name + " may change them: " + strings.Join(w.Rules, "; "), At: w.Created})
	}
	return []finding.Finding{{
		Subject:  object.Subject(kind, p.Namespace, name),
		Summary:  fmt.Sprintf("%s ask for a node with the label %s=%s, which none has and their template does not say: they are changed when they are created", pods, key, value),
		Facts:    facts,
		Commands: commands(p),
	}}
}

// differs quotes the pod against the template that it was made from.
func differs(p snapshot.Pod, key, value string) []finding.Fact {
	owner := strings.Replace(p.Owner, "/", " "+p.Namespace+"/", 1)
	return []finding.Fact{
		{Source: "pods/" + p.Namespace + "/" + p.Name, Got: "nodeSelector " + key + ": " + value, Want: "what the template of " + owner + " says, which has none such"},
		object.Said(p),
	}
}

// quotes reports whether an expression has the text as a word of its own.
func quotes(expression, text string) bool {
	return strings.Contains(expression, `"`+text+`"`) || strings.Contains(expression, "'"+text+"'")
}

func commands(p snapshot.Pod) []string {
	kind, name, _ := strings.Cut(p.Owner, "/")
	return []string{
		"kubectl -n " + p.Namespace + " get pod " + p.Name + " -o jsonpath='{.spec.nodeSelector}'",
		"kubectl -n " + p.Namespace + " get " + strings.ToLower(kind) + " " + name + " -o jsonpath='{.spec.template.spec.nodeSelector}'",
		"kubectl get mutatingadmissionpolicies,mutatingadmissionpolicybindings,mutatingwebhookconfigurations -o yaml",
	}
}

// drill binds a policy that has the pods of a namespace ask for a label that no
// node has, and has a Deployment create some.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	w, err := object.Victim(s, d)
	if err != nil {
		return nil, err
	}
	name, key := d.Name(), fault.Pick(d, []string{"disktype", "pool", "topology.kubernetes.io/zone", "example.com/tier"})
	policy, err := object.Create("MutatingAdmissionPolicy", "", name, map[string]any{"spec": map[string]any{
		"failurePolicy": "Fail", "reinvocationPolicy": "Never",
		"matchConstraints": map[string]any{
			"namespaceSelector": map[string]any{"matchLabels": map[string]string{"kubernetes.io/metadata.name": w.Namespace}},
			"resourceRules":     []map[string]any{{"apiGroups": []string{""}, "apiVersions": []string{"v1"}, "operations": []string{"CREATE"}, "resources": []string{"pods"}}},
		},
		"mutations": []map[string]any{{"patchType": "JSONPatch", "jsonPatch": map[string]any{
			"expression": fmt.Sprintf(`[JSONPatch{op: "add", path: "/spec/nodeSelector", value: {%q: %q}}]`, key, d.Name()),
		}}},
	}})
	if err != nil {
		return nil, err
	}
	binding, err := object.Create("MutatingAdmissionPolicyBinding", "", name, map[string]any{"spec": map[string]any{"policyName": name}})
	if err != nil {
		return nil, err
	}
	again, err := object.RollOut(s, w) // the policy holds from a second after it was made
	return append(op.Plan{policy, binding}, again...), err
}
