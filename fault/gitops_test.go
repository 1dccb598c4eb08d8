package fault

import (
	"errors"
	"testing"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func TestKeeper(t *testing.T) {
	c := &snapshot.Cluster{
		Workloads:  []snapshot.Workload{{Kind: "CronJob", Namespace: "apps", Name: "x", Keeper: "a"}, {Kind: "Deployment", Namespace: "apps", Name: "x", Keeper: "b"}},
		Services:   []snapshot.Service{{Namespace: "apps", Name: "x", Keeper: "c"}},
		ConfigMaps: []snapshot.ConfigMap{{Namespace: "kube-system", Name: "coredns", Keeper: "d"}},
		Bindings:   []snapshot.Binding{{Name: "r", Keeper: "h"}, {Namespace: "apps", Name: "r", Keeper: "i"}}, Roles: []snapshot.Role{{Name: "r", Keeper: "j"}},
		APIServices: []snapshot.APIService{{Name: "v1.x.example.com", Keeper: "k"}}, PriorityLevels: []snapshot.PriorityLevel{{Name: "l", Keeper: "l"}},
		Webhooks:  []snapshot.Webhook{{Kind: "Mutating", Config: "m", Name: "m.x", Keeper: "e"}},
		Admission: []snapshot.AdmissionPolicy{{Kind: "ValidatingAdmissionPolicy", Name: "p", Keeper: "f"}, {Kind: "ValidatingAdmissionPolicyBinding", Name: "p", Keeper: "g"}},
	}
	for at, want := range map[string]string{
		"/apis/batch/v1/namespaces/apps/cronjobs/x":                                        "a",
		"/apis/apps/v1/namespaces/apps/deployments/x":                                      "b",
		"/api/v1/namespaces/apps/services/x":                                               "c",
		"/api/v1/namespaces/apps/services/prefix-x":                                        "",
		"/api/v1/namespaces/apps/pods/x":                                                   "",
		"/api/v1/namespaces/other/services/x":                                              "",
		"/api/v1/namespaces/kube-system/configmaps/coredns":                                "d",
		"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/m":            "e",
		"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/m":          "",
		"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/p":              "f",
		"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/p":        "g",
		"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/p/status": "",
		"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/r":                         "h",
		"/apis/rbac.authorization.k8s.io/v1/namespaces/apps/rolebindings/r":                "i",
		"/apis/rbac.authorization.k8s.io/v1/clusterroles/r":                                "j",
		"/apis/apiregistration.k8s.io/v1/apiservices/v1.x.example.com":                     "k",
		"/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations/l":              "l",
		"": "",
	} {
		if _, got := Keeper(c, at); got != want {
			t.Errorf("%s: got %q, want %q", at, got, want)
		}
	}
	if _, got := Keeper(nil, "/x"); got != "" {
		t.Error("nothing keeps what was not looked at")
	}
}

// TestSuspendedInItsTurn: a reconciler is suspended once, right before what it
// would put back: before etcd takes writes again it cannot be.
func TestSuspendedInItsTurn(t *testing.T) {
	at := "/apis/apps/v1/namespaces/apps/deployments/x"
	s := three("a", "b", "c")
	s.Cluster = &snapshot.Cluster{Workloads: []snapshot.Workload{{Kind: "Deployment", Namespace: "apps", Name: "x", Keeper: "HelmRelease apps/x"}},
		GitOps: []snapshot.GitOps{{Kind: "HelmRelease", Namespace: "apps", Name: "x", Source: "HelmRepository/charts", SourceNamespace: "flux", Path: "web"},
			{Kind: "HelmRepository", Namespace: "flux", Name: "charts", Source: "oci://example.com/charts"}}}
	f := &Fault{Remedy: func(*snapshot.Snapshot, finding.Finding) (op.Plan, error) {
		return op.Plan{op.EtcdCompact{}, op.PatchObject{Path: at, Patch: []byte(`{}`)}, op.PatchObject{Path: at, Patch: []byte(`{"a":1}`)}, op.EtcdProveWrite{}}, nil
	}}
	if _, err := f.Plan(s, finding.Finding{}); !errors.Is(err, ErrKept) {
		t.Errorf("got %v", err)
	}
	plan, err := f.PlanKept(s, finding.Finding{}, KeptSuspended)
	if err != nil || len(plan) != 6 {
		t.Fatalf("got %v, %v", plan, err)
	}
	want := "suspend HelmRelease apps/x until klustered undo: it would put Deployment apps/x back as it is in oci://example.com/charts, path web (/apis/helm.toolkit.fluxcd.io/v2/namespaces/apps/helmreleases/x)"
	if got := plan[2].String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.Cluster.GitOps[0].Version = "v2beta1" // of an older release
	if plan, err = f.PlanKept(s, finding.Finding{}, KeptSuspended); err != nil || plan[2].(op.SetField).Path != "/apis/helm.toolkit.fluxcd.io/v2beta1/namespaces/apps/helmreleases/x" {
		t.Errorf("got %v, %v", plan, err)
	}
	if plan, err = f.PlanKept(s, finding.Finding{}, KeptAnyway); err != nil || len(plan) != 5 {
		t.Errorf("got %v, %v", plan, err)
	}
}
