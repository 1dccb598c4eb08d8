// Package policy is the fault of an admission policy that denies what the
// cluster itself creates.
package policy

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "admission/policy",
	Layer:  fault.Admission,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Uses:   []snapshot.Section{snapshot.SectionStatic},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ObjectsRefused, Strength: symptom.Always, Cluster: true},
		{Symptom: symptom.APIWritesFail, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ControllersIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
	Drill:  drill,
}

// denial is what the API server says of a request that a policy or a webhook
// denied: who, and why. One that changes objects, and cannot, has no kind there.
var denial = regexp.MustCompile(`(ValidatingAdmissionPolicy|policy) '([^']+)' with binding '([^']+)' denied request(?:: (.*))?|admission webhook "([^"]+)" denied the request(?:: (.*))?`)

func detect(s *snapshot.Snapshot) []finding.Finding {
	var order []finding.Subject
	facts, first := map[finding.Subject][]finding.Fact{}, map[finding.Subject]string{}
	for _, r := range object.Refusals(s) {
		m := denial.FindStringSubmatch(r.Got)
		if m == nil {
			continue
		}
		if m[1] == "policy" {
			m[1] = "MutatingAdmissionPolicy"
		}
		subject := finding.Subject{Kind: "object", Name: m[1] + "Binding " + m[3]}
		if m[5] != "" {
			subject.Name = "webhook " + m[5]
		}
		if _, ok := facts[subject]; !ok {
			order = append(order, subject)
			facts[subject] = append(about(s.Cluster, subject, m[2]), filed(s, m[2], m[3], m[5])...)
			first[subject] = r.Source
		}
		facts[subject] = append(facts[subject], r)
	}
	var out []finding.Finding
	for _, x := range order {
		kind, name, _ := strings.Cut(x.Name, " ")
		out = append(out, finding.Finding{
			Subject: x, Summary: fmt.Sprintf("%s %s denies the pods of %s: one of the two has to change", kind, name, first[x]), Facts: facts[x],
			Commands: []string{"kubectl get validatingadmissionpolicies,validatingadmissionpolicybindings,validatingwebhookconfigurations -o yaml", "kubectl get events -A --field-selector type=Warning | grep -i denied"},
		})
	}
	return out
}

// about quotes what denies.
func about(c *snapshot.Cluster, subject finding.Subject, policy string) []finding.Fact {
	var facts []finding.Fact
	for _, p := range c.Admission {
		name := p.Kind + " " + p.Name
		switch {
		case name == subject.Name:
			facts = append(facts, finding.Fact{Source: name, Got: fmt.Sprintf("policy %s, actions %s", p.Policy, strings.Join(p.Actions, ", ")), At: p.Created, Want: "no Deny for what the cluster creates"})
			facts = object.Kept(facts, p.Keeper)
		case p.Name == policy && !strings.HasSuffix(p.Kind, "Binding"):
			facts = append(facts, finding.Fact{Source: name, Got: strings.Join(p.Rules, "; ") + ": " + strings.Join(p.Expressions, "; "), At: p.Created})
		}
	}
	for _, w := range c.Webhooks {
		if "webhook "+w.Name == subject.Name {
			facts = object.Kept(append(facts, finding.Fact{Source: w.Kind + "WebhookConfiguration " + w.Config, Got: w.Name + " is asked about " + strings.Join(w.Rules, "; "), At: w.Created}), w.Keeper)
		}
	}
	return facts
}

// filed quotes what denies where it is taken from a file: the API does not
// show it.
func filed(s *snapshot.Snapshot, names ...string) []finding.Fact {
	var out []finding.Fact
	for _, name := range names {
		if t, line, ok := object.FromFile(s, name); ok {
			out = append(out, finding.Fact{Source: t.Path, Line: line, Got: strings.TrimSpace(t.LineAt(line)) + ", which the API server takes from this file and does not show", Want: "no Deny for what the cluster creates"})
		}
	}
	return out
}

// remedy makes a policy that has let no pod in since it was bound warn in the
// place of denying. One that lets some in may be meant as it is.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	kind, name, _ := strings.Cut(f.Subject.Name, " ")
	if t, line, ok := object.FromFile(s, name); ok {
		return nil, fmt.Errorf("cannot change %s: whether it should deny this is for who wrote %s:%d; the API server reads the file anew by itself", name, t.Path, line)
	}
	if kind != "ValidatingAdmissionPolicyBinding" {
		return nil, errors.New("cannot change what denies: whether it should is for those who run it to say; see what it asks for")
	}
	i := slices.IndexFunc(s.Cluster.Admission, func(p snapshot.AdmissionPolicy) bool { return p.Kind == kind && p.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("cannot change %s: it is gone", f.Subject.Name)
	}
	b := s.Cluster.Admission[i]
	since := b.Created
	if victims(f) > 1 { // one alone may not be as all others are
		since = holds(s.Cluster, b)
	}
	if since.IsZero() {
		return nil, fmt.Errorf("cannot change %s: it is not known since when it holds, and so not whether it lets others in", f.Subject.Name)
	}
	if letIn(s.Cluster, since) {
		return nil, fmt.Errorf("cannot change %s: it lets some pods in, so that it may deny the others rightly; change them or the policy", f.Subject.Name)
	}
	set, err := object.Set(kind, "", name, []string{"Warn", "Audit"}, b.Actions, "let "+b.Policy+" warn in the place of denying", "spec", "validationActions")
	return op.Plan{set}, err
}

// victims are how many workloads are refused their pods, of which a ReplicaSet
// may be one of two; Jobs come and go.
func victims(f finding.Finding) int {
	seen := map[string]bool{}
	for _, x := range f.Facts {
		if kind, name, _ := strings.Cut(x.Source, " "); denial.MatchString(x.Got) && kind != "Job" {
			if kind == "ReplicaSet" {
				name = name[:max(0, strings.LastIndexByte(name, '-'))]
			}
			seen[kind+" "+name] = true
		}
	}
	return len(seen)
}

// holds is since when a binding and its policy are as they are.
func holds(c *snapshot.Cluster, b snapshot.AdmissionPolicy) time.Time {
	since := b.Created
	for _, p := range c.Admission {
		for _, at := range []time.Time{p.Created, p.Changed} {
			if at.After(since) && !since.IsZero() && (p.Kind == b.Kind && p.Name == b.Name || p.Kind+"Binding" == b.Kind && p.Name == b.Policy) {
				since = at
			}
		}
	}
	return since
}

// letIn reports whether a pod was created since, beside those that kubelets
// create for static pods, or would be now, by a dry run.
func letIn(c *snapshot.Cluster, since time.Time) bool {
	return c.API.PodWrite == "ok" || slices.ContainsFunc(c.Pods, func(p snapshot.Pod) bool {
		return p.Created.After(since.Add(5*time.Second)) && !strings.HasPrefix(p.Owner, "Node/")
	})
}

// drill binds a policy that no pod fulfils, and has a Deployment create pods.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	name := d.Name()
	expression := fault.Pick(d, []string{
		fmt.Sprintf("has(object.metadata.labels) && %q in object.metadata.labels", name),
		fmt.Sprintf("object.spec.containers.all(c, c.image.startsWith('%s/'))", name),
		fmt.Sprintf("has(object.metadata.annotations) && %q in object.metadata.annotations", name),
	})
	policy, err := object.Create("ValidatingAdmissionPolicy", "", name, map[string]any{"spec": map[string]any{
		"failurePolicy":    "Fail",
		"matchConstraints": map[string]any{"resourceRules": []map[string]any{{"apiGroups": []string{""}, "apiVersions": []string{"v1"}, "operations": []string{"CREATE"}, "resources": []string{"pods"}}}},
		"validations":      []map[string]any{{"expression": expression}},
	}})
	if err != nil {
		return nil, err
	}
	binding, err := object.Create("ValidatingAdmissionPolicyBinding", "", name, map[string]any{"spec": map[string]any{
		"policyName": name, "validationActions": []string{"Deny"},
	}})
	if err != nil {
		return nil, err
	}
	again, err := object.Roll(s, d) // the policy holds from a second after it was made
	return append(op.Plan{policy, binding}, again...), err
}
