package object

import (
	"testing"

	"github.com/klustered/klustered/snapshot"
)

func TestMutators(t *testing.T) {
	const pods = "CREATE on core/v1/pods"
	c := &snapshot.Cluster{
		Namespaces: []snapshot.Namespace{{Name: "a", Labels: map[string]string{"name": "a"}}, {Name: "b", Labels: map[string]string{"name": "b"}}},
		Admission: []snapshot.AdmissionPolicy{
			{Kind: "MutatingAdmissionPolicy", Name: "all", Rules: []string{pods}},
			{Kind: "MutatingAdmissionPolicy", Name: "unbound", Rules: []string{pods}},
			{Kind: "MutatingAdmissionPolicy", Name: "others", Rules: []string{pods}, Namespaces: "name=b"},
			{Kind: "MutatingAdmissionPolicy", Name: "narrow", Rules: []string{pods}},
			{Kind: "MutatingAdmissionPolicy", Name: "services", Rules: []string{"CREATE on core/v1/services"}},
			{Kind: "ValidatingAdmissionPolicy", Name: "asks", Rules: []string{pods}},
			{Kind: "MutatingAdmissionPolicyBinding", Name: "1", Policy: "all"},
			{Kind: "MutatingAdmissionPolicyBinding", Name: "2", Policy: "others"},
			{Kind: "MutatingAdmissionPolicyBinding", Name: "3", Policy: "narrow", Namespaces: "name=b"},
			{Kind: "MutatingAdmissionPolicyBinding", Name: "4", Policy: "services"},
			{Kind: "ValidatingAdmissionPolicyBinding", Name: "5", Policy: "asks"},
		},
		Webhooks: []snapshot.Webhook{
			{Kind: "Mutating", Name: "all", Rules: []string{pods}},
			{Kind: "Mutating", Name: "some", Rules: []string{pods}, Objects: "inject=yes"},
			{Kind: "Mutating", Name: "updates", Rules: []string{"UPDATE on core/v1/pods"}},
			{Kind: "Validating", Name: "asks", Rules: []string{pods}},
		},
	}
	policies, webhooks := Mutators(c, snapshot.Pod{Namespace: "a", Labels: map[string]string{"app": "x"}})
	if len(policies) != 1 || policies[0].Name != "all" || len(webhooks) != 1 || webhooks[0].Name != "all" {
		t.Errorf("%+v %+v", policies, webhooks)
	}
	if _, webhooks := Mutators(c, snapshot.Pod{Namespace: "a"}); len(webhooks) != 2 {
		t.Errorf("of a pod whose labels are not known: %+v", webhooks)
	}
}
