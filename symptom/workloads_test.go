package symptom

import (
	"testing"
	"time"

	"github.com/klustered/klustered/snapshot"
)

// pod adds a pod of this node that was made some time ago.
func pod(ago time.Duration, f func(*snapshot.Pod)) func(*snapshot.Snapshot) {
	return api(func(c *snapshot.Cluster) {
		p := snapshot.Pod{Namespace: "ns", Name: "p", Node: "n", Phase: "Running", Owner: "ReplicaSet/r", Created: now.Add(-ago),
			Labels: map[string]string{"app": "x"}, Detail: &snapshot.PodDetail{}}
		f(&p)
		c.ControlPlane = true
		c.Pods = append(c.Pods, p)
	})
}

func unready(p *snapshot.Pod, ago time.Duration) {
	p.Detail.Conditions = []snapshot.Condition{{Type: "Ready", Status: "False", Since: now.Add(-ago)}}
}

func crashing(p *snapshot.Pod) {
	p.Detail.Containers = []snapshot.PodContainer{{Name: "c", State: "waiting", Reason: "CrashLoopBackOff", Last: &snapshot.Termination{ExitCode: 1}}}
}

func service(selector map[string]string, emptied time.Duration, generation int, endpoints ...snapshot.Endpoint) func(*snapshot.Snapshot) {
	return api(func(c *snapshot.Cluster) {
		c.Services = append(c.Services, snapshot.Service{Namespace: "ns", Name: "s", Selector: selector, IPs: []string{"10.96.0.10"}})
		c.Endpoints = append(c.Endpoints, append(endpoints, snapshot.Endpoint{Namespace: "other", Service: "o", Ready: true})...)
		c.Emptied = append(c.Emptied, snapshot.EmptySlice{Namespace: "ns", Service: "s", Generation: generation, Changed: now.Add(-emptied)})
		c.Settings = map[string]string{"serviceSubnet": "10.96.0.0/16"}
	})
}

func clusterDNS(a string) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) { s.Kubelet = &snapshot.Kubelet{ClusterDNS: []string{a}} }
}

func TestWorkloads(t *testing.T) {
	unplaced := func(p *snapshot.Pod) { p.Node, p.Phase, p.Reason = "", "Pending", "Unschedulable" }
	app := map[string]string{"app": "y"}
	running := pod(time.Hour, func(p *snapshot.Pod) { p.Ready = true })
	event := func(reason, message string, ago time.Duration) func(*snapshot.Snapshot) {
		return api(func(c *snapshot.Cluster) {
			c.ControlPlane = true
			c.Events = append(c.Events, snapshot.Event{Namespace: "ns", Object: "Pod/p", Type: "Warning", Reason: reason, Message: message, Last: now.Add(-ago)})
		})
	}
	for _, tt := range []struct {
		name string
		id   ID
		s    *snapshot.Snapshot
		want State
	}{
		{"unschedulable", PodsUnschedulable, snap(pod(time.Minute, unplaced)), Seen},
		{"just made", PodsUnschedulable, snap(pod(time.Second, unplaced)), Absent},
		{"no scheduler looked at it", PodsUnschedulable, snap(pod(time.Minute, func(p *snapshot.Pod) { p.Node, p.Phase = "", "Pending" })), NotLooked},
		{"a node is being made", PodsUnschedulable, snap(pod(3*time.Minute, unplaced), event("TriggeredScaleUp", "pod triggered scale-up", 2*time.Minute)), Absent},
		{"a node was to be made", PodsUnschedulable, snap(pod(time.Hour, unplaced), event("TriggeredScaleUp", "pod triggered scale-up", 20*time.Minute)), Seen},
		{"no node is made", PodsUnschedulable, snap(pod(3*time.Minute, unplaced), event("NotTriggerScaleUp", "max limit reached", time.Minute)), Seen},
		{"no pods told", PodsUnschedulable, snap(api(func(*snapshot.Cluster) {})), NotLooked},
		{"no ConfigMap", PodsLackInput, snap(pod(time.Minute, func(p *snapshot.Pod) { p.Phase, p.Reason = "Pending", "CreateContainerConfigError" })), Seen},
		{"no volume", PodsLackInput, snap(pod(time.Minute, func(p *snapshot.Pod) { p.Phase = "Pending" }), event("FailedMount", `configmap "x" not found`, time.Minute)), Seen},
		{"another pod's volume", PodsLackInput, snap(pod(time.Minute, func(p *snapshot.Pod) { p.Name, p.Phase = "q", "Pending" }), event("FailedMount", `configmap "x" not found`, time.Minute)), Absent},
		{"crashes", PodsCrashing, snap(pod(time.Minute, crashing)), Seen},
		{"a static pod crashes", PodsCrashing, snap(pod(time.Minute, func(p *snapshot.Pod) { crashing(p); p.Owner = "Node/n" })), Absent},
		{"another node's pod crashes", PodsCrashing, snap(pod(time.Minute, func(p *snapshot.Pod) { crashing(p); p.Node = "m" })), Absent},
		{"no longer ready", PodsUnready, snap(pod(time.Hour, func(p *snapshot.Pod) { unready(p, time.Minute) })), Seen},
		{"not yet ready", PodsUnready, snap(pod(time.Minute, func(p *snapshot.Pod) { unready(p, time.Minute) })), Absent},
		{"never ready", PodsUnready, snap(pod(time.Hour, func(p *snapshot.Pod) { unready(p, time.Hour) })), Seen},
		{"evicted", PodsEvicted, snap(running, event("Evicted", "low on resource: memory", time.Minute)), Seen},
		{"eviction called off", PodsEvicted, snap(running, event("TaintManagerEviction", "Cancelling deletion of Pod ns/p", time.Minute)), Absent},
		{"evicted long ago", PodsEvicted, snap(running, event("Evicted", "", time.Hour)), Absent},
		{"endpoints lost", ServiceNoEndpoints, snap(running, service(app, time.Minute, 2)), Seen},
		{"never any endpoint", ServiceNoEndpoints, snap(running, service(app, time.Minute, 1)), Absent},
		{"nothing is meant to run", ServiceNoEndpoints, snap(running, service(map[string]string{"tier": "z"}, time.Minute, 2)), Absent},
		{"endpoints", ServiceNoEndpoints, snap(running, service(app, time.Minute, 2, snapshot.Endpoint{Namespace: "ns", Service: "s", Ready: true})), Absent},
		{"names without endpoints", DNSFailing, snap(running, service(app, time.Minute, 1), clusterDNS("10.96.0.10")), Seen},
		{"names at no Service", DNSFailing, snap(running, service(app, time.Minute, 1), clusterDNS("10.96.0.11")), Seen},
		{"names of a local server", DNSFailing, snap(running, service(app, time.Minute, 1), clusterDNS("169.254.20.10")), NotLooked},
	} {
		x, _ := Lookup(tt.id)
		if state, facts := x.Look(tt.s); state != tt.want {
			t.Errorf("%s, %s: %v %v, want %v", tt.id, tt.name, state, facts, tt.want)
		}
	}
}

func TestAdmission(t *testing.T) {
	const quota = `pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1`
	written := func(w string) func(*snapshot.Snapshot) { return api(func(c *snapshot.Cluster) { c.API.Write = w }) }
	lacking := func(message string, ready int) func(*snapshot.Snapshot) {
		return api(func(c *snapshot.Cluster) {
			c.Controllers = append(c.Controllers, snapshot.Workload{Kind: "ReplicaSet", Namespace: "ns", Name: "r", Replicas: 2, Ready: ready, Message: message})
		})
	}
	event := func(object string, ago time.Duration) func(*snapshot.Snapshot) {
		return api(func(c *snapshot.Cluster) {
			c.Events = append(c.Events, snapshot.Event{Object: object, Namespace: "ns", Type: "Warning", Message: quota, Last: now.Add(-ago)})
		})
	}
	bound := func(subject, role string) func(*snapshot.Snapshot) {
		return api(func(c *snapshot.Cluster) {
			c.Bindings = append(c.Bindings, snapshot.Binding{Name: "b", Role: role, Subjects: []string{subject}})
			c.Roles = []snapshot.Role{{Name: "all", Rules: []string{"* on */*"}}, {Name: "some", Rules: []string{"get on core/pods"}}}
		})
	}
	gone := func(ago time.Duration) func(*snapshot.Snapshot) {
		return api(func(c *snapshot.Cluster) { c.Namespaces = []snapshot.Namespace{{Name: "x", Deleting: now.Add(-ago)}} })
	}
	ending := func(condition string) func(*snapshot.Snapshot) {
		return api(func(c *snapshot.Cluster) {
			c.Namespaces[0].Finalizers = []string{"kubernetes"}
			c.Namespaces[0].Conditions = []snapshot.Condition{{Type: condition, Status: "True", Message: "Some resources are remaining: pods. has 1 resource instances"}}
			c.Pods = []snapshot.Pod{{Namespace: "x", Name: "p", Deleting: true}}
		})
	}
	serves := func(available string) func(*snapshot.Snapshot) {
		return api(func(c *snapshot.Cluster) {
			c.APIServices = []snapshot.APIService{{Name: "v1.x", Service: "ns/x:443", Available: available}}
		})
	}
	behind := func(ago time.Duration) func(*snapshot.Snapshot) {
		return api(func(c *snapshot.Cluster) {
			labels := map[string]string{"app": "x"}
			c.Services = []snapshot.Service{{Namespace: "ns", Name: "x", Selector: labels}}
			c.Pods = []snapshot.Pod{{Namespace: "ns", Name: "p", Labels: labels, Created: now.Add(-ago)}}
		})
	}
	for _, tt := range []struct {
		name string
		id   ID
		s    *snapshot.Snapshot
		want State
	}{
		{"nothing refused", ObjectsRefused, snap(written("ok")), Absent},
		{"nobody wrote", ObjectsRefused, snap(written("")), NotLooked},
		{"etcd refuses", ObjectsRefused, snap(written("500: etcdserver: mvcc: database space exceeded")), Absent},
		{"a webhook that does not answer", ObjectsRefused, snap(written(`500: Internal error occurred: failed calling webhook "a.b": x`)), Seen},
		{"a policy denies the dry run", ObjectsRefused, snap(written(`400: admission webhook "a.b" denied the request: no label`)), Absent},
		{"a policy denies what is not stored", APIWritesFail, snap(written(`400: admission webhook "a.b" denied the request: no label`), lease("kube-system", "x", time.Second)), Absent},
		{"no answer to a write", ObjectsRefused, snap(written("context deadline exceeded"), api(func(c *snapshot.Cluster) { c.API.LatencyMs = []float64{3, 4} })), Seen},
		{"no answer to anything", ObjectsRefused, snap(written("context deadline exceeded"), api(func(c *snapshot.Cluster) { c.API.LatencyMs = []float64{900} })), Absent},
		{"a webhook that takes no dry run", ObjectsRefused, snap(written(`400: admission webhook "a.b" does not support dry run`)), Absent},
		{"a ReplicaSet lacks pods", ObjectsRefused, snap(written("ok"), lacking("FailedCreate: "+quota, 1)), Seen},
		{"it has them since", ObjectsRefused, snap(written("ok"), lacking("FailedCreate: "+quota, 2)), Absent},
		{"an event", ObjectsRefused, snap(written("ok"), event("DaemonSet/d", time.Minute)), Seen},
		{"an event of what lacks nothing now", ObjectsRefused, snap(written("ok"), event("ReplicaSet/d", time.Minute)), Absent},
		{"an event of long ago", ObjectsRefused, snap(written("ok"), event("DaemonSet/d", time.Hour)), Absent},
		{"everybody is an administrator", AccessOpen, snap(bound("Group:system:authenticated", "ClusterRole/cluster-admin")), Seen},
		{"everybody by a role of its own", AccessOpen, snap(bound("User:system:anonymous", "ClusterRole/all")), Seen},
		{"everybody may see something", AccessOpen, snap(bound("Group:system:authenticated", "ClusterRole/some")), Absent},
		{"administrators", AccessOpen, snap(bound("Group:system:masters", "ClusterRole/cluster-admin")), Absent},
		{"going", NamespaceStuck, snap(gone(time.Second)), Absent},
		{"stuck", NamespaceStuck, snap(gone(time.Hour)), Seen},
		{"its pods end", NamespaceStuck, snap(gone(3*time.Minute), ending("NamespaceContentRemaining")), Absent},
		{"its pods do not end", NamespaceStuck, snap(gone(time.Hour), ending("NamespaceContentRemaining")), Seen},
		{"a finalizer beside pods that end", NamespaceStuck, snap(gone(3*time.Minute), ending("NamespaceFinalizersRemaining")), Seen},
		{"served", APIPartDown, snap(serves("True")), Absent},
		{"not yet known", APIPartDown, snap(serves("")), Absent},
		{"not served", APIPartDown, snap(serves("False")), Seen},
		{"being started", APIPartDown, snap(serves("False"), behind(time.Minute)), Absent},
		{"never started", APIPartDown, snap(serves("False"), behind(time.Hour)), Seen},
	} {
		x, _ := Lookup(tt.id)
		if state, facts := x.Look(tt.s); state != tt.want {
			t.Errorf("%s, %s: %v %v, want %v", tt.id, tt.name, state, facts, tt.want)
		}
	}
}
