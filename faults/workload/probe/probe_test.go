package probe

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		name, probe, message string
		ports                []int
		ready                bool
		want                 int
	}{
		{"another port", "readiness http :9090/healthz, 3 times", "Readiness probe failed: dial tcp 10.0.0.1:9090: connect: connection refused", []int{8080}, false, 1},
		{"another path", "liveness http :8080/nope, 3 times", "Liveness probe failed: HTTP probe failed with statuscode: 404", []int{8080}, false, 1},
		{"its own port does not answer", "readiness http :8080/healthz, 3 times", "Readiness probe failed: dial tcp 10.0.0.1:8080: connect: connection refused", []int{8080}, false, 0},
		{"it says that it is not ready", "readiness http :8080/healthz, 3 times", "Readiness probe failed: HTTP probe failed with statuscode: 503", []int{8080}, false, 0},
		{"another probe failed", "readiness http :9090/healthz, 3 times", "Liveness probe failed: connect: connection refused", []int{8080}, false, 0},
		{"it declares no port", "readiness tcp :9090, 3 times", "Readiness probe failed: connect: connection refused", nil, false, 0},
		{"while it started", "readiness http :8080/healthz, 3 times", "Readiness probe failed: HTTP probe failed with statuscode: 404", []int{8080}, true, 0},
	} {
		s := &snapshot.Snapshot{Node: "n", Cluster: &snapshot.Cluster{
			Pods:   []snapshot.Pod{{Namespace: "a", Name: "p", Node: "m", Ready: tt.ready, Ports: tt.ports, Detail: &snapshot.PodDetail{Containers: []snapshot.PodContainer{{Name: "c", Probes: []string{tt.probe}}}}}},
			Events: []snapshot.Event{{Namespace: "a", Object: "Pod/p", Reason: "Unhealthy", Message: tt.message}},
		}}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

// Where a pod of the same template is ready its probes ask in the right place.
func TestTwinIsReady(t *testing.T) {
	pod := func(name, owner string, ready bool) snapshot.Pod {
		return snapshot.Pod{Namespace: "a", Name: name, Owner: owner, Node: "m", Ready: ready, Detail: &snapshot.PodDetail{
			Containers: []snapshot.PodContainer{{Name: "c", Probes: []string{"readiness http :8080/healthz, 3 times"}}}}}
	}
	s := &snapshot.Snapshot{Node: "n", Cluster: &snapshot.Cluster{
		Pods:   []snapshot.Pod{pod("p", "ReplicaSet/r", false), pod("q", "ReplicaSet/r", true)},
		Events: []snapshot.Event{{Namespace: "a", Object: "Pod/p", Reason: "Unhealthy", Message: "Readiness probe failed: HTTP probe failed with statuscode: 404"}},
	}}
	if got := detect(s); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	s.Cluster.Pods[1].Owner = "ReplicaSet/older"
	if got := detect(s); len(got) != 1 {
		t.Errorf("a pod of another template is ready: %+v", got)
	}
}
