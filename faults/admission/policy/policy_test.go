package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tt := range []struct {
		name, message string
		ready, want   int
	}{
		{"a policy", `FailedCreate: pods "x" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: failed expression: 1 > 2`, 0, 1},
		{"a policy that cannot change the pod", `FailedCreate: The pods "p1" is invalid: : policy 'zz' with binding 'zz' denied request: error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.nodeSelector`, 0, 1},
		{"a webhook", `FailedCreate: admission webhook "a.b" denied the request: no latest tag`, 0, 1},
		{"a quota", `FailedCreate: pods "x" is forbidden: exceeded quota: q`, 0, 0},
		{"has its pods since", `FailedCreate: admission webhook "a.b" denied the request`, 1, 0},
		{"a webhook that does not answer", `FailedCreate: Internal error occurred: failed calling webhook "a.b"`, 0, 0},
	} {
		s := &snapshot.Snapshot{At: now, Cluster: &snapshot.Cluster{Controllers: []snapshot.Workload{{Kind: "ReplicaSet", Namespace: "a", Name: "r", Replicas: 1, Ready: tt.ready, Message: tt.message}}}}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

// A policy that lets others in may be right.
func TestRemedySpares(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := &snapshot.Snapshot{At: now, Cluster: &snapshot.Cluster{
		Controllers: []snapshot.Workload{{Kind: "ReplicaSet", Namespace: "a", Name: "r-1", Replicas: 1, Message: `ValidatingAdmissionPolicy 'p' with binding 'b' denied request`}},
		Admission:   []snapshot.AdmissionPolicy{{Kind: "ValidatingAdmissionPolicyBinding", Name: "b", Policy: "p", Actions: []string{"Deny"}, Created: now.Add(-time.Hour)}},
		Pods:        []snapshot.Pod{{Created: now.Add(-time.Minute), Owner: "ReplicaSet/other"}},
	}}
	found := detect(s)
	if len(found) != 1 {
		t.Fatal(found)
	}
	if plan, err := remedy(s, found[0]); err == nil {
		t.Errorf("changed all the same: %v", plan)
	}
	s.Cluster.Admission = append(s.Cluster.Admission, snapshot.AdmissionPolicy{Kind: "ValidatingAdmissionPolicy", Name: "p", Changed: now.Add(-30 * time.Second)})
	if plan, err := remedy(s, found[0]); err == nil {
		t.Errorf("one workload that is not as the others, and it is changed all the same: %v", plan)
	}
	for i, x := range []string{"ReplicaSet r-2", "Job j", "Job k", "ReplicaSet q-1"} {
		other := s.Cluster.Controllers[0]
		other.Kind, other.Name, _ = strings.Cut(x, " ")
		s.Cluster.Controllers = append(s.Cluster.Controllers, other)
		found = detect(s)
		if plan, err := remedy(s, found[0]); i < 3 && err == nil {
			t.Errorf("%s is none of another workload, and it is changed all the same: %v", x, plan)
		}
	}
	if _, err := remedy(s, found[0]); err != nil {
		t.Errorf("the pod was let in before the policy was changed: %v", err)
	}
	s.Cluster.Admission[1].Name = "another"
	if plan, err := remedy(s, found[0]); err == nil {
		t.Errorf("another policy was changed: %v", plan)
	}
	s.Cluster.Pods = nil
	if _, err := remedy(s, found[0]); err != nil {
		t.Error(err)
	}
	s.Cluster.API.PodWrite = "ok"
	if plan, err := remedy(s, found[0]); err == nil {
		t.Errorf("a pod was let in by a dry run, and it is changed all the same: %v", plan)
	}
	s.Cluster.API.PodWrite, s.Cluster.Admission[0].Created = "", time.Time{}
	if plan, err := remedy(s, found[0]); err == nil {
		t.Errorf("of unknown age, and changed all the same: %v", plan)
	}
}

// What denies may stand in a file that the API server reads, and then nothing
// of it is in the API.
func TestFiled(t *testing.T) {
	s := &snapshot.Snapshot{At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Cluster: &snapshot.Cluster{Controllers: []snapshot.Workload{{Kind: "ReplicaSet", Namespace: "a", Name: "r", Replicas: 1,
		Message: `ValidatingAdmissionPolicy 'p.static.k8s.io' with binding 'b.static.k8s.io' denied request`}}},
		Static: &snapshot.Static{Admission: []snapshot.Text{{Path: "/etc/adm/p.yaml", Content: "metadata:\n  name: p.static.k8s.io\n---\nmetadata: {\n  \"name\": \"b.static.k8s.io\"}\n"}}}}
	got := detect(s)
	if len(got) != 1 || len(got[0].Facts) != 3 || got[0].Facts[0].Line != 2 || got[0].Facts[1].Line != 5 {
		t.Fatalf("%+v", got)
	}
	if _, err := remedy(s, got[0]); err == nil || !strings.Contains(err.Error(), "/etc/adm/p.yaml:5") {
		t.Error(err)
	}
}
