package noendpoints

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	type labels = map[string]string
	workload := func(l labels, ready int) snapshot.Workload {
		return snapshot.Workload{Kind: "Deployment", Namespace: "a", Name: "w", Labels: l, Selector: l, Ready: ready, Replicas: ready}
	}
	pod := func(l labels, ports ...int) snapshot.Pod {
		return snapshot.Pod{Namespace: "a", Name: "p", Ready: true, Labels: l, Ports: ports}
	}
	for _, tt := range []struct {
		name       string
		selector   labels
		target     string
		workload   snapshot.Workload
		pod        snapshot.Pod
		generation int
		want       int
	}{
		{"as it should be", labels{"app": "x"}, "8080", workload(labels{"app": "x"}, 1), pod(labels{"app": "x"}, 8080), 0, 0},
		{"a named port", labels{"app": "x"}, "http", workload(labels{"app": "x"}, 1), pod(labels{"app": "x"}, 8080), 0, 0},
		{"pods that declare nothing", labels{"app": "x"}, "80", workload(labels{"app": "x"}, 1), pod(labels{"app": "x"}), 0, 0},
		{"a wrong label", labels{"app": "y"}, "8080", workload(labels{"app": "x"}, 1), pod(labels{"app": "x"}, 8080), 2, 1},
		{"a look-alike that never had any", labels{"app": "y"}, "8080", workload(labels{"app": "x"}, 1), pod(labels{"app": "x"}, 8080), 1, 0},
		{"nothing near", labels{"tier": "y"}, "8080", workload(labels{"app": "x"}, 1), pod(labels{"app": "x"}, 8080), 2, 0},
		{"scaled to nothing", labels{"app": "x"}, "8080", workload(labels{"app": "x"}, 0), snapshot.Pod{}, 2, 0},
		{"a wrong port", labels{"app": "x"}, "9090", workload(labels{"app": "x"}, 1), pod(labels{"app": "x"}, 8080), 0, 1},
	} {
		s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
			Source: "api", Services: []snapshot.Service{{Namespace: "a", Name: "s", Selector: tt.selector, Ports: []snapshot.ServicePort{{Port: 80, Target: tt.target, Protocol: "TCP"}}}},
			Workloads: []snapshot.Workload{tt.workload}, Pods: []snapshot.Pod{tt.pod}, Emptied: []snapshot.EmptySlice{{Namespace: "a", Service: "s", Generation: tt.generation}},
		}}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

// What a pod declares need not be all that it serves.
func TestUndeclared(t *testing.T) {
	app := map[string]string{"app": "x"}
	container := func(probes ...string) snapshot.PodContainer {
		return snapshot.PodContainer{State: "running", Probes: probes}
	}
	for _, tt := range []struct {
		name       string
		containers []snapshot.PodContainer
		want       int
	}{
		{"a sidecar alone declares one", []snapshot.PodContainer{container(), container()}, 0},
		{"a probe asks there", []snapshot.PodContainer{container("readiness http :8080/ready, 3 times each 1s, within 1s")}, 0},
		{"a probe asks elsewhere", []snapshot.PodContainer{container("readiness tcp :15090, 3 times each 1s, within 1s")}, 1},
		{"one before the others", []snapshot.PodContainer{{Init: true}, container()}, 1},
	} {
		s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
			Source: "api", Services: []snapshot.Service{{Namespace: "a", Name: "s", Selector: app, Ports: []snapshot.ServicePort{{Port: 80, Target: "8080", Protocol: "TCP"}}}},
			Pods: []snapshot.Pod{{Namespace: "a", Name: "p", Ready: true, Labels: app, Ports: []int{15090}, Detail: &snapshot.PodDetail{Containers: tt.containers}}},
		}}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

// A Service that its workload left behind is not given to another.
func TestRemedySpares(t *testing.T) {
	for name, want := range map[string]bool{"shop": false, "worker": true} {
		labels := map[string]string{"app": "worker"}
		s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
			Source: "api", Services: []snapshot.Service{{Namespace: "a", Name: name, Selector: map[string]string{"app": "x-" + name}}},
			Workloads: []snapshot.Workload{{Kind: "Deployment", Namespace: "a", Name: "worker", Labels: labels, Selector: labels, Replicas: 1, Ready: 1}},
			Emptied:   []snapshot.EmptySlice{{Namespace: "a", Service: name, Generation: 2}},
		}}
		found := detect(s)
		if len(found) != 1 {
			t.Fatalf("%s: %+v", name, found)
		}
		if plan, err := remedy(s, found[0]); (err == nil) != want {
			t.Errorf("%s: %v, %v", name, plan, err)
		}
	}
}
