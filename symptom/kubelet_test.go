package symptom

import (
	"testing"
	"time"

	"github.com/klustered/klustered/snapshot"
)

func unit(u snapshot.Unit) func(*snapshot.Snapshot) {
	u.Name = "kubelet.service"
	return func(s *snapshot.Snapshot) { s.Systemd = &snapshot.Systemd{Reachable: true, Units: []snapshot.Unit{u}} }
}

func silent(s *snapshot.Snapshot) { s.Kubelet.Healthz, s.Kubelet.HealthErr = "", "refused" }

func late(s *snapshot.Snapshot) {
	s.Kubelet.Healthz, s.Kubelet.HealthErr = "", `Get "http://127.0.0.1:10248/healthz": context deadline exceeded`
}

func manifest(where, name string) func(*snapshot.Snapshot) {
	m := snapshot.Manifest{Text: snapshot.Text{Path: "/m/" + name}, Name: name, Namespace: "kube-system",
		Containers: []snapshot.ManifestContainer{{Command: name, FlagTable: &snapshot.FlagTable{Name: name}}}}
	return func(s *snapshot.Snapshot) {
		s.Static = &snapshot.Static{Dir: "/m"}
		if where == "elsewhere" {
			s.Static.Elsewhere = []snapshot.Manifest{m}
		} else {
			s.Static.Manifests = []snapshot.Manifest{m}
		}
	}
}

func sandbox(name string) func(*snapshot.Snapshot) {
	return runtime(func(r *snapshot.Runtime) {
		r.Sandboxes = []snapshot.Sandbox{{Namespace: "kube-system", Name: name, Ready: true}}
	})
}

func own(n snapshot.Node) func(*snapshot.Snapshot) {
	n.Name = "n"
	return api(func(c *snapshot.Cluster) { c.Nodes = append(c.Nodes, n) })
}

func refusedPod(ago time.Duration) func(*snapshot.Snapshot) {
	return api(func(c *snapshot.Cluster) {
		c.Pods = append(c.Pods, snapshot.Pod{Name: "r", Node: "n", Phase: "Failed", Reason: "OutOfpods", Created: now.Add(-ago)})
	})
}

// givenUp is a node, Ready now, whose kubelet began five minutes ago and which
// the node controller has given up.
func givenUp(times int, first, last time.Duration) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) {
		own(snapshot.Node{Ready: "True"})(s)
		s.Processes = &snapshot.Processes{List: []snapshot.Process{{PID: 9, Name: "kubelet", Args: []string{"kubelet"}, Start: now.Add(-5 * time.Minute)}}}
		s.Cluster.Events = []snapshot.Event{{Object: "Node/n", Reason: "NodeNotReady", Component: "node-controller", Count: times, First: now.Add(-first), Last: now.Add(-last)}}
	}
}

func TestKubeletAndItsNode(t *testing.T) {
	waiting := unit(snapshot.Unit{Active: "activating", Sub: "auto-restart", Result: "exit-code", Restarts: 4})
	young := unit(snapshot.Unit{Active: "active", Sub: "running", Restarts: 4, Since: now.Add(-3 * time.Second)})
	cut := []func(*snapshot.Snapshot){logs(logLeaseFailed, "journal:kubelet.service", time.Second), func(s *snapshot.Snapshot) {
		s.Logs.Observations = append(s.Logs.Observations, snapshot.Observation{ID: logDialRefused, Source: "journal:kubelet.service", Last: now,
			Sample: `Get "https://10.0.0.1:6444/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n": dial tcp 10.0.0.1:6444: connect: connection refused`})
	}}
	full := func(room string) func(*snapshot.Snapshot) {
		return own(snapshot.Node{Ready: "True", Allocatable: map[string]string{"cpu": "2", "memory": "3Gi", "pods": room}})
	}
	restarted := func(said time.Duration) snapshot.Node { // its kubelet began half a minute ago
		return snapshot.Node{Allocatable: map[string]string{"pods": "110"}, Conditions: []snapshot.Condition{{Type: "Ready", Status: "True", Heartbeat: now.Add(-said)}}}
	}
	fewer := func(s *snapshot.Snapshot) {
		s.Kubelet.Effective = map[string]snapshot.Effective{"maxPods": {Origin: snapshot.Origin{Value: "1", Source: "/c", Line: 3}}}
		s.Processes = &snapshot.Processes{List: []snapshot.Process{{PID: 9, Name: "kubelet", Args: []string{"kubelet"}, Start: now.Add(-30 * time.Second)}}}
	}
	pod := api(func(c *snapshot.Cluster) {
		c.Pods = []snapshot.Pod{{Name: "a", Node: "n", Phase: "Running"}, {Name: "b", Node: "n", Phase: "Succeeded"}, {Name: "c", Node: "m", Phase: "Running"}}
	})
	another := api(func(c *snapshot.Cluster) {
		c.Pods = append(c.Pods, snapshot.Pod{Name: "d", Node: "n", Phase: "Running"})
	})
	ousted := func(ago time.Duration) func(*snapshot.Snapshot) {
		return api(func(c *snapshot.Cluster) {
			c.Pods = append(c.Pods, snapshot.Pod{Name: "e", Node: "n", Phase: "Failed", Reason: "Preempting",
				Detail: &snapshot.PodDetail{Conditions: []snapshot.Condition{{Type: "Ready", Status: "False", Since: now.Add(-ago)}}}})
		})
	}
	for _, tt := range []struct {
		name string
		id   ID
		s    *snapshot.Snapshot
		want State
	}{
		{"waits_for_its_next_start", KubeletCrashing, snap(silent, waiting), Seen},
		{"started_again_and_silent", KubeletCrashing, snap(silent, young), Seen},
		{"started_again_and_well", KubeletCrashing, snap(young), Absent},
		{"gave_up", KubeletCrashing, snap(silent, unit(snapshot.Unit{Active: "failed", Result: "start-limit-hit"})), Seen},
		{"stopped_by_hand", KubeletCrashing, snap(silent, unit(snapshot.Unit{Active: "inactive", Result: "success"})), Absent},
		{"starts_for_the_first_time", KubeletCrashing, snap(silent, unit(snapshot.Unit{Active: "active", Since: now})), Absent},
		{"another_unit_runs_it", KubeletCrashing, snap(func(s *snapshot.Snapshot) { s.Systemd = &snapshot.Systemd{Reachable: true} }), NotLooked},
		{"pleg_by_condition", PodsUnwatched, snap(own(snapshot.Node{Ready: "False", Conditions: []snapshot.Condition{{Type: "Ready", Status: "False", Message: "PLEG is not healthy: pleg was last seen active 4m ago"}}})), Seen},
		{"pleg_by_log", PodsUnwatched, snap(logs(logPLEG, "journal:kubelet.service", time.Second)), Seen},
		{"pleg_until_it_was_ready", PodsUnwatched, snap(logs(logPLEG, "journal:kubelet.service", 30*time.Second), own(snapshot.Node{Ready: "True", Conditions: []snapshot.Condition{{Type: "Ready", Status: "True", Since: now.Add(-10 * time.Second)}}})), Absent},
		{"pleg_since_it_was_ready", PodsUnwatched, snap(logs(logPLEG, "journal:kubelet.service", time.Second), own(snapshot.Node{Ready: "True", Conditions: []snapshot.Condition{{Type: "Ready", Status: "True", Since: now.Add(-10 * time.Second)}}})), Seen},
		{"pleg_long_ago", PodsUnwatched, snap(logs(logPLEG, "journal:kubelet.service", time.Hour)), Absent},
		{"static_pod_runs", StaticPodsMissing, snap(manifest("", "etcd"), sandbox("etcd-n")), Absent},
		{"static_pod_missing", StaticPodsMissing, snap(manifest("", "etcd"), sandbox("front-1")), Seen},
		{"manifests_elsewhere", StaticPodsMissing, snap(manifest("elsewhere", "etcd"), sandbox("front-1")), Seen},
		{"manifests_elsewhere_of_no_kubelet", StaticPodsMissing, snap(manifest("elsewhere", "etcd"), sandbox("front-1"), func(s *snapshot.Snapshot) { s.Kubelet.Running = false }), NotLooked},
		{"kubelet_just_started", StaticPodsMissing, snap(manifest("", "etcd"), sandbox("front-1"), unit(snapshot.Unit{Active: "active", Since: now.Add(-time.Second)})), NotLooked},
		{"kubelet_silent_so_unknown", StaticPodsMissing, snap(silent, manifest("", "etcd"), sandbox("front-1")), NotLooked},
		{"worker", StaticPodsMissing, snap(sandbox("front-1"), func(s *snapshot.Snapshot) { s.Static = &snapshot.Static{} }), NotLooked},
		{"port_asks_who", KubeletPortDead, snap(func(s *snapshot.Snapshot) { s.Kubelet.Server = &snapshot.Reply{URL: "u", Status: 401} }), Absent},
		{"port_refuses", KubeletPortDead, snap(func(s *snapshot.Snapshot) {
			s.Kubelet.Server = &snapshot.Reply{URL: "u", Error: "connect: connection refused"}
		}), Seen},
		{"port_is_late", KubeletPortDead, snap(func(s *snapshot.Snapshot) {
			s.Kubelet.Server = &snapshot.Reply{URL: "u", Error: "context deadline exceeded"}
		}), NotLooked},
		{"server_off", KubeletPortDead, snap(func(s *snapshot.Snapshot) {
			s.Kubelet.Effective = map[string]snapshot.Effective{"enableServer": {Origin: snapshot.Origin{Value: "false", Source: "/c", Line: 3}}}
		}), Seen},
		{"port_not_asked", KubeletPortDead, snap(), NotLooked},
		{"cut_off", KubeletCutOff, snap(cut...), Seen},
		{"cut_off_but_lease_fresh", KubeletCutOff, snap(append(cut, lease("kube-node-lease", "n", time.Second))...), Absent},
		{"cut_off_before_it_was_ready", KubeletCutOff, snap(append(cut, own(snapshot.Node{Conditions: []snapshot.Condition{{Type: "Ready", Status: "True", Since: now.Add(time.Second)}}}))...), Absent},
		{"cut_off_until_it_spoke", KubeletCutOff, snap(append(cut, own(snapshot.Node{Conditions: []snapshot.Condition{{Type: "Ready", Status: "True", Heartbeat: now.Add(-time.Second)}}}))...), Absent},
		{"cut_off_since_it_was_ready", KubeletCutOff, snap(append(cut, own(snapshot.Node{Conditions: []snapshot.Condition{{Type: "Ready", Status: "True", Since: now.Add(-time.Hour)}}}))...), Seen},
		{"got_through_since", KubeletCutOff, snap(append(cut, func(s *snapshot.Snapshot) {
			for i := range s.Logs.Observations {
				s.Logs.Observations[i].Last = now.Add(-22 * time.Second)
			}
		}, own(snapshot.Node{Conditions: []snapshot.Condition{{Type: "Ready", Status: "True", Since: now.Add(-time.Hour), Heartbeat: now.Add(-21 * time.Second)}}}))...), Absent},
		{"lease_fails_otherwise", KubeletCutOff, snap(cut[0]), Absent},
		{"node_there", NodeMissing, snap(own(snapshot.Node{})), Absent},
		{"node_of_another_name", NodeMissing, snap(api(func(c *snapshot.Cluster) { c.Nodes = []snapshot.Node{{Name: "m"}} })), Seen},
		{"nodes_not_known", NodeMissing, snap(), NotLooked},
		{"status_unset", NodeStatusStale, snap(logs(logStatusUnset, "journal:kubelet.service", time.Second)), Seen},
		{"status_unset_long_ago", NodeStatusStale, snap(logs(logStatusUnset, "journal:kubelet.service", time.Hour)), Absent},
		{"status_not_looked_at", NodeStatusStale, snap(), NotLooked},
		{"no_pressure", NodePressure, snap(own(snapshot.Node{Conditions: []snapshot.Condition{{Type: "DiskPressure", Status: "False"}}})), Absent},
		{"disk_pressure", NodePressure, snap(own(snapshot.Node{Conditions: []snapshot.Condition{{Type: "DiskPressure", Status: "True", Reason: "r"}}})), Seen},
		{"pressure_of_another", NodePressure, snap(api(func(c *snapshot.Cluster) {
			c.Nodes = []snapshot.Node{{Name: "m", Conditions: []snapshot.Condition{{Type: "DiskPressure", Status: "True"}}}}
		})), NotLooked},
		{"room_left", NodeFull, snap(full("110"), pod), Absent},
		{"as_many_as_it_takes", NodeFull, snap(full("1"), pod), Absent},
		{"room_for_no_more", NodeFull, snap(full("1"), pod, refusedPod(time.Hour)), Seen},
		{"refused_before_there_was_room", NodeFull, snap(full("110"), pod, refusedPod(time.Hour)), Absent},
		{"comes_and_goes", NodeNotReady, snap(givenUp(3, 2*time.Minute, time.Second)), Seen},
		{"was_given_up_once", NodeNotReady, snap(givenUp(1, time.Second, time.Second)), Absent},
		{"came_and_went_before_its_kubelet_began", NodeNotReady, snap(givenUp(3, time.Hour, time.Second)), Absent},
		{"has_stayed_since", NodeNotReady, snap(givenUp(2, 4*time.Minute, 3*time.Minute)), Absent},
		{"refused_before_its_kubelet_began", NodeFull, snap(full("110"), fewer, refusedPod(time.Minute)), Absent},
		{"refused_since_its_kubelet_began", NodeFull, snap(full("110"), fewer, refusedPod(time.Second)), Seen},
		{"one_put_out_for_another", NodeFull, snap(full("2"), pod, ousted(time.Minute)), Seen},
		{"put_out_before_there_was_room", NodeFull, snap(full("3"), pod, ousted(time.Minute)), Absent},
		{"put_out_long_ago", NodeFull, snap(full("2"), pod, ousted(time.Hour)), Absent},
		{"came_and_went_twice_in_an_hour", NodeNotReady, snap(func(s *snapshot.Snapshot) {
			givenUp(2, 50*time.Minute, time.Second)(s)
			s.Processes.List[0].Start = now.Add(-time.Hour)
		}), Absent},
		{"no_memory_at_all", NodeFull, snap(own(snapshot.Node{Allocatable: map[string]string{"memory": "0"}})), Seen},
		{"refused_by_the_kubelet", NodeFull, snap(full("110"), refusedPod(time.Second)), Seen},
		{"its_kubelet_takes_fewer_since", NodeFull, snap(own(restarted(time.Minute)), fewer, pod, another), Seen},
		{"its_kubelet_has_told_since", NodeFull, snap(own(restarted(time.Second)), fewer, pod, another), Absent},
		{"its_kubelet_takes_as_many_since", NodeFull, snap(own(restarted(time.Minute)), fewer, pod), Absent},
		{"room_not_told", NodeFull, snap(own(snapshot.Node{})), NotLooked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x, ok := Lookup(tt.id)
			if !ok {
				t.Fatalf("no symptom %s", tt.id)
			}
			state, facts := x.Look(tt.s)
			if state != tt.want {
				t.Errorf("state %v, want %v; facts %v", state, tt.want, facts)
			}
			if state == Seen && (len(facts) == 0 || facts[0].Got == "" || facts[0].Source == "") {
				t.Errorf("seen without a quoted fact: %v", facts)
			}
		})
	}
}
