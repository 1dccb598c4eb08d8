package symptom

import (
	"slices"
	"testing"
	"time"

	"github.com/klustered/klustered/snapshot"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func TestVocabulary(t *testing.T) {
	all := All()
	if err := Validate(all); err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.Title == "" || s.Observe == nil {
			t.Errorf("%s: no title or no Observe", s.ID)
		}
		if state, facts := s.Observe(&snapshot.Snapshot{At: now}); state != NotLooked || facts != nil {
			t.Errorf("%s: state %v of an empty snapshot, want not looked for", s.ID, state)
		}
	}
}

func TestValidateRejects(t *testing.T) {
	for _, tt := range []struct {
		name string
		all  []Symptom
	}{
		{"doubled", []Symptom{{ID: "a"}, {ID: "a"}}},
		{"unknown_effect", []Symptom{{ID: "a", LeadsTo: []Edge{{Symptom: "b"}}}}},
		{"cycle", []Symptom{{ID: "a", LeadsTo: []Edge{{Symptom: "b"}}}, {ID: "b", LeadsTo: []Edge{{Symptom: "a"}}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if Validate(tt.all) == nil {
				t.Error("no error")
			}
		})
	}
}

// snap is a snapshot of node n, changed by each f.
func snap(fs ...func(*snapshot.Snapshot)) *snapshot.Snapshot {
	s := &snapshot.Snapshot{Node: "n", At: now, Kubelet: &snapshot.Kubelet{Running: true, Healthz: "ok"}}
	for _, f := range fs {
		f(s)
	}
	return s
}

func logs(id, source string, ago time.Duration) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) {
		if s.Logs == nil {
			s.Logs = &snapshot.Logs{}
		}
		s.Logs.Observations = append(s.Logs.Observations, snapshot.Observation{ID: id, Source: source, Last: now.Add(-ago), Sample: "no space: " + id})
	}
}

func probe(kind string, tries, lost, refused int, median float64) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) {
		if s.Probes == nil {
			s.Probes = &snapshot.Probes{}
		}
		s.Probes.List = append(s.Probes.List, snapshot.Probe{Kind: kind, From: "host", To: "x:1", Target: "ns/x",
			Tries: tries, Lost: lost, Refused: refused, MedianMs: median})
	}
}

// others are so many probes of Services that take so many milliseconds.
func others(n int, median float64) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) {
		for range n {
			probe("service", 8, 0, 0, median)(s)
		}
	}
}

// waiting is the pod of [probe], which runs and is not ready.
func waiting(s *snapshot.Snapshot) {
	cluster(s).Pods = append(cluster(s).Pods, snapshot.Pod{Namespace: "ns", Name: "x", Phase: "Running"})
}

// node is this node's object, which says that it is Ready.
func node(s *snapshot.Snapshot) {
	cluster(s).Nodes = append(cluster(s).Nodes, snapshot.Node{Name: s.Node, Ready: "True"})
}

// said has the node's kubelet say so a moment ago, and long has leases be longer.
func said(s *snapshot.Snapshot) {
	s.Cluster.Nodes[0].Conditions = []snapshot.Condition{{Type: "Ready", Status: "True", Heartbeat: now.Add(-time.Second)}}
}

func long(s *snapshot.Snapshot) { s.Cluster.Leases[0].Seconds = 300 }

func lease(ns, name string, ago time.Duration) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) {
		cluster(s).Leases = append(cluster(s).Leases, snapshot.Lease{Namespace: ns, Name: name, Renewed: now.Add(-ago)})
	}
}

func cluster(s *snapshot.Snapshot) *snapshot.Cluster {
	if s.Cluster == nil {
		s.Cluster = &snapshot.Cluster{Source: "api", API: snapshot.APIServer{URL: "https://api", Reachable: true, Ready: true}}
	}
	return s.Cluster
}

func api(f func(*snapshot.Cluster)) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) { f(cluster(s)) }
}

func etcd(f func(*snapshot.Etcd)) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) {
		s.Etcd = &snapshot.Etcd{Endpoint: "https://127.0.0.1:2379", Running: true, Reachable: true,
			Status: &snapshot.EtcdStatus{Leader: "a1"}, Latency: &snapshot.EtcdLatency{FsyncRecentMs: 4, CommitRecentMs: 8, LinearizableMs: 2}}
		f(s.Etcd)
	}
}

func edges(list ...snapshot.Edge) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) { s.PKI = &snapshot.PKI{Edges: list} }
}

// kubernetes is the Service of that name at an address.
func kubernetes(ip string) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) {
		s.Cluster = &snapshot.Cluster{Services: []snapshot.Service{{Namespace: "default", Name: "kubernetes", IPs: []string{ip}}}}
	}
}

func runtime(f func(*snapshot.Runtime)) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) {
		s.Runtime = &snapshot.Runtime{Socket: "/run/x.sock", Reachable: true, Conditions: []snapshot.Condition{{Type: "NetworkReady", Status: "True"}}}
		f(s.Runtime)
	}
}

func TestObserve(t *testing.T) {
	for _, tt := range []struct {
		name string
		id   ID
		s    *snapshot.Snapshot
		want State
	}{
		{"runtime_answers", RuntimeDown, snap(runtime(func(*snapshot.Runtime) {})), Absent},
		{"runtime_silent", RuntimeDown, snap(runtime(func(r *snapshot.Runtime) { r.Reachable = false })), Seen},
		{"no_kubernetes_here", RuntimeDown, &snapshot.Snapshot{Runtime: &snapshot.Runtime{}}, NotLooked},
		{"network_ready", PodNetworkDown, snap(runtime(func(*snapshot.Runtime) {})), Absent},
		{"network_not_ready", PodNetworkDown, snap(runtime(func(r *snapshot.Runtime) { r.Conditions[0].Status = "False" })), Seen},
		{"network_of_a_silent_runtime", PodNetworkDown, snap(runtime(func(r *snapshot.Runtime) { r.Reachable = false })), NotLooked},
		{"certificates_fit", CertRefused, snap(edges(snapshot.Edge{Client: "kubelet", Server: "kube-apiserver", Checks: "client", Cert: "/c", Signed: "yes", Pair: "yes"})), Absent},
		{"a_certificate_is_over", CertRefused, snap(edges(snapshot.Edge{Client: "kubelet", Server: "kube-apiserver", Checks: "client", Cert: "/c", Valid: "no"})), Seen},
		{"a_person's_is_over", CertRefused, snap(edges(snapshot.Edge{Client: "/etc/kubernetes/admin.conf", Server: "kube-apiserver", Checks: "client", Cert: "/c", Valid: "no"})), Absent},
		{"nobody_is_aggregated", CertRefused, snap(edges(snapshot.Edge{Client: "kube-apiserver", Server: "aggregated", Checks: "client", Cert: "/c", Valid: "no"})), Absent},
		{"it_does_not_load", CertRefused, snap(edges(snapshot.Edge{Client: "kube-apiserver", Server: "aggregated", Checks: "client", Cert: "/c", Pair: "no"})), Seen},
		{"pods_do_not_call_there", CertRefused, snap(edges(snapshot.Edge{Client: "pods", Server: "kube-apiserver", Checks: "server", Cert: "/c", Address: "10.0.0.1", Covers: "no"}), kubernetes("10.96.0.1")), Absent},
		{"pods_call_there", CertRefused, snap(edges(snapshot.Edge{Client: "pods", Server: "kube-apiserver", Checks: "server", Cert: "/c", Address: "10.96.0.1", Covers: "no"}), kubernetes("10.96.0.1")), Seen},
		{"no_certificates", CertRefused, snap(edges()), NotLooked},
		{"keys_fit", TokensRefused, snap(edges(snapshot.Edge{Client: "kube-apiserver", Server: "kube-apiserver", Checks: "signing", Key: "/k", CA: "/p", Pair: "yes"})), Absent},
		{"keys_do_not_fit", TokensRefused, snap(edges(snapshot.Edge{Client: "kube-apiserver", Server: "kube-apiserver", Checks: "signing", Key: "/k", CA: "/p", Pair: "no"})), Seen},
		{"keys_were_not_read", TokensRefused, snap(edges(snapshot.Edge{Client: "kube-apiserver", Server: "kube-apiserver", Checks: "signing", Key: "/k", CA: "/p"})), NotLooked},
		{"one_member", EtcdNoQuorum, snap(etcd(func(e *snapshot.Etcd) { e.Members = make([]snapshot.EtcdMember, 1) })), Absent},
		{"one_of_three", EtcdNoQuorum, snap(etcd(func(e *snapshot.Etcd) {
			e.Members, e.Status.Leader = make([]snapshot.EtcdMember, 3), "0"
			e.Endpoints = []snapshot.EtcdEndpoint{{URL: "a", Reachable: true}, {URL: "b"}, {URL: "c"}}
		})), Seen},
		{"an_election", EtcdNoQuorum, snap(etcd(func(e *snapshot.Etcd) {
			e.Members, e.Status.Leader = make([]snapshot.EtcdMember, 3), "0"
			e.Endpoints = []snapshot.EtcdEndpoint{{URL: "a", Reachable: true}, {URL: "b", Reachable: true}, {URL: "c"}}
		})), Absent},
		{"kubelet_ok", KubeletDown, snap(), Absent},
		{"kubelet_silent", KubeletDown, snap(func(s *snapshot.Snapshot) { s.Kubelet.Healthz, s.Kubelet.HealthErr = "", "refused" }), Seen},
		{"kubelet_late", KubeletDown, snap(late), Seen},
		{"kubelet_late_and_at_work", KubeletDown, snap(late, lease("kube-node-lease", "n", time.Second)), NotLooked},
		{"kubelet_late_since_long", KubeletDown, snap(late, lease("kube-node-lease", "n", time.Minute)), Seen},
		{"kubelet_refuses_after_its_lease", KubeletDown, snap(silent, lease("kube-node-lease", "n", time.Second)), Seen},
		{"kubelet_not_asked", KubeletDown, snap(func(s *snapshot.Snapshot) { s.Kubelet.Healthz = "" }), NotLooked},
		{"kubelet_health_port_off", KubeletDown, snap(func(s *snapshot.Snapshot) {
			s.Kubelet.Healthz, s.Kubelet.HealthErr = "", "refused"
			s.Kubelet.Config = &snapshot.Text{Content: "healthzPort: 0\n"}
		}), Absent},
		{"kubelet_gone", KubeletDown, snap(func(s *snapshot.Snapshot) { *s.Kubelet = snapshot.Kubelet{Kubeconfig: "/k"} }), Seen},
		{"kubelet_where_none_is_meant", KubeletDown, &snapshot.Snapshot{Kubelet: &snapshot.Kubelet{}}, NotLooked},
		{"rejected_by_log", KubeletRejected, snap(logs(logUnauthorized, "journal:kubelet.service", time.Second), logs(logLeaseFailed, "journal:kubelet.service", time.Second)), Seen},
		{"rejected_but_lease_fresh", KubeletRejected, snap(logs(logUnauthorized, "journal:kubelet.service", time.Second), logs(logLeaseFailed, "journal:kubelet.service", time.Second), lease("kube-node-lease", "n", 3*time.Second)), Absent},
		{"expired_certificate", KubeletRejected, snap(func(s *snapshot.Snapshot) {
			s.Kubelet.ClientCert = "/c"
			s.PKI = &snapshot.PKI{Certificates: []snapshot.Certificate{{Path: "/c", NotAfter: now.Add(-time.Hour)}}}
		}), Seen},
		{"etcd_answers", EtcdDown, snap(etcd(func(*snapshot.Etcd) {})), Absent},
		{"etcd_silent", EtcdDown, snap(etcd(func(e *snapshot.Etcd) { e.Reachable = false })), Seen},
		{"etcd_quick", EtcdSlow, snap(etcd(func(*snapshot.Etcd) {})), Absent},
		{"etcd_busy_but_well", EtcdSlow, snap(etcd(func(e *snapshot.Etcd) { e.Latency.FsyncRecentMs, e.Latency.LinearizableMs = 90, 150 })), Absent},
		{"etcd_sync_slow", EtcdSlow, snap(etcd(func(e *snapshot.Etcd) { e.Latency.FsyncRecentMs = 800 })), Seen},
		{"etcd_nothing_written", EtcdSlow, snap(etcd(func(e *snapshot.Etcd) { e.Latency.FsyncRecentMs, e.Latency.CommitRecentMs = -1, -1 })), Absent},
		{"etcd_says_so", EtcdSlow, snap(etcd(func(*snapshot.Etcd) {}), logs(logEtcdSlowSync, "etcd", time.Second)), Seen},
		{"no_leader", EtcdLeaderLost, snap(etcd(func(e *snapshot.Etcd) { e.Status.Leader = "0" })), Seen},
		{"first_election", EtcdLeaderLost, snap(etcd(func(*snapshot.Etcd) {}), logs(logEtcdLeaderLost, "etcd", time.Minute), began(90*time.Second)), Absent},
		{"election_in_service", EtcdLeaderLost, snap(etcd(func(*snapshot.Etcd) {}), logs(logEtcdLeaderLost, "etcd", time.Minute), began(time.Hour)), Seen},
		{"alarm", EtcdReadOnly, snap(etcd(func(e *snapshot.Etcd) { e.Alarms = []snapshot.EtcdAlarm{{Member: "a", Kind: "NOSPACE"}} })), Seen},
		{"no_alarm", EtcdReadOnly, snap(etcd(func(*snapshot.Etcd) {})), Absent},
		{"api_ready", APIDown, snap(api(func(*snapshot.Cluster) {})), Absent},
		{"api_gone", APIDown, snap(api(func(c *snapshot.Cluster) { c.API.Reachable = false })), Seen},
		{"api_not_ready", APIDown, snap(api(func(c *snapshot.Cluster) { c.API.Ready, c.API.Failing = false, []string{"etcd"} })), Seen},
		{"api_quick", APISlow, snap(api(func(c *snapshot.Cluster) { c.API.LatencyMs = []float64{3, 4, 2000} })), Absent},
		{"api_slow", APISlow, snap(api(func(c *snapshot.Cluster) { c.API.LatencyMs = []float64{3, 900, 2000} })), Seen},
		{"writes_slow", APISlow, snap(api(func(c *snapshot.Cluster) {
			c.API.LatencyMs, c.API.Writes = []float64{3}, &snapshot.APIWrites{Recent: 2, RecentMs: 1400, WindowMs: 1500, Total: 900, MeanMs: 30}
		})), Seen},
		{"writes_quick_beside_a_slow_etcd", APISlow, snap(api(func(c *snapshot.Cluster) {
			c.API.LatencyMs, c.API.Writes = []float64{3}, &snapshot.APIWrites{Recent: 2, RecentMs: 40}
		}), etcd(func(e *snapshot.Etcd) { e.Latency.FsyncRecentMs = 800 })), Absent},
		{"no_write_beside_a_slow_etcd", APISlow, snap(api(func(c *snapshot.Cluster) {
			c.API.LatencyMs, c.API.Writes = []float64{3}, &snapshot.APIWrites{RecentMs: -1}
		}), etcd(func(e *snapshot.Etcd) { e.Latency.FsyncRecentMs = 800 })), NotLooked},
		{"write_logged_beside_a_slow_etcd", APISlow, snap(api(func(c *snapshot.Cluster) { c.API.LatencyMs = []float64{3} }),
			etcd(func(e *snapshot.Etcd) { e.Latency.FsyncRecentMs = 800 }), logs(logAPISlowRequest, "apiserver", time.Second),
			func(s *snapshot.Snapshot) { s.Logs.Observations[0].Params = map[string]string{"name": "Update"} }), Seen},
		{"list_logged_beside_a_slow_etcd", APISlow, snap(api(func(c *snapshot.Cluster) { c.API.LatencyMs = []float64{3} }),
			etcd(func(e *snapshot.Etcd) { e.Latency.FsyncRecentMs = 800 }), logs(logAPISlowRequest, "apiserver", time.Second),
			func(s *snapshot.Snapshot) { s.Logs.Observations[0].Params = map[string]string{"name": "List"} }), NotLooked},
		{"write_refused", APIWritesFail, snap(api(func(c *snapshot.Cluster) { c.API.Write = "etcdserver: timed out" })), Seen},
		{"write_not_allowed_to_us", APIWritesFail, snap(api(func(c *snapshot.Cluster) { c.API.Write = "configmaps is forbidden" })), NotLooked},
		{"dry_run_proves_nothing", APIWritesFail, snap(api(func(c *snapshot.Cluster) { c.API.Write = "ok" })), NotLooked},
		{"lease_proves_it", APIWritesFail, snap(api(func(c *snapshot.Cluster) { c.API.Write = "ok" }), lease("kube-node-lease", "n", 4*time.Second)), Absent},
		{"alarm_means_no_write", APIWritesFail, snap(api(func(c *snapshot.Cluster) { c.API.Write = "ok" }), etcd(func(e *snapshot.Etcd) { e.Alarms = []snapshot.EtcdAlarm{{Kind: "NOSPACE"}} })), Seen},
		{"controllers_at_work", ControllersIdle, snap(lease("kube-system", "kube-controller-manager", 2*time.Second)), Absent},
		{"controller_gone", ControllersIdle, snap(lease("kube-system", "kube-controller-manager", 2*time.Minute)), Seen},
		{"scheduler_gone", SchedulerIdle, snap(lease("kube-system", "kube-scheduler", 2*time.Minute)), Seen},
		{"scheduler_at_work", SchedulerIdle, snap(lease("kube-system", "kube-scheduler", 2*time.Second)), Absent},
		{"no_lease_of_a_scheduler", SchedulerIdle, snap(lease("kube-system", "kube-controller-manager", time.Hour)), NotLooked},
		{"other_leases", ControllersIdle, snap(lease("default", "mine", time.Hour)), NotLooked},
		{"pod_quick", PodTrafficSlow, snap(probe("pod", 8, 0, 0, 0.3)), Absent},
		{"pod_one_lost", PodTrafficSlow, snap(probe("pod", 8, 1, 0, 0.3)), Absent},
		{"pod_lossy", PodTrafficSlow, snap(probe("pod", 8, 3, 0, 0.3)), Seen},
		{"pod_late_beside_others", PodTrafficSlow, snap(probe("pod", 8, 0, 0, 30), probe("pod", 8, 0, 0, 0.2)), Seen},
		{"all_a_little_late", PodTrafficSlow, snap(probe("pod", 8, 0, 0, 34), probe("pod", 8, 0, 0, 22)), Absent},
		{"late_for_want_of_cpu", PodTrafficSlow, snap(probe("pod", 8, 0, 0, 300), busy), Absent},
		{"ready", NodeNotReady, snap(node, lease("kube-node-lease", "n", 5*time.Second)), Absent},
		{"ready_when_it_last_said_so", NodeNotReady, snap(node, lease("kube-node-lease", "n", time.Minute), lease("kube-system", "x", time.Second)), NotLooked},
		{"ready_by_its_fresh_word", NodeNotReady, snap(node, lease("kube-node-lease", "n", time.Minute), lease("kube-system", "x", time.Second), said), Absent},
		{"ready_with_a_long_lease", NodeNotReady, snap(node, lease("kube-node-lease", "n", time.Minute), long), Absent},
		{"ready_when_anybody_last_wrote", NodeNotReady, snap(node, lease("kube-system", "x", time.Minute)), NotLooked},
		{"late_for_no_want_of_cpu", PodTrafficSlow, snap(probe("pod", 8, 0, 0, 300), others(9, 9), busy), Seen},
		{"late_among_few", PodTrafficSlow, snap(probe("pod", 8, 0, 0, 300), others(6, 9), busy), Absent},
		{"as_late_as_others", PodTrafficSlow, snap(probe("pod", 8, 0, 0, 300), others(6, 2), others(3, 150), busy), Absent},
		{"late_refusal", PodTrafficSlow, snap(probe("pod", 8, 0, 8, 300), probe("pod", 8, 0, 0, 1), waiting), Seen},
		{"quick_refusal_of_one_not_ready", PodTrafficSlow, snap(probe("pod", 8, 0, 8, 1), waiting), NotLooked},
		{"late_and_not_ready", PodTrafficSlow, snap(probe("pod", 8, 0, 0, 300), waiting), NotLooked},
		{"lost_for_no_want_of_cpu", PodTrafficSlow, snap(probe("pod", 8, 4, 0, 3), busy), Seen},
		{"api_slow_for_want_of_cpu", APISlow, snap(api(func(c *snapshot.Cluster) { c.API.LatencyMs = []float64{900} }), busy), Absent},
		{"all_late", PodTrafficSlow, snap(probe("pod", 8, 0, 0, 300)), Seen},
		{"pod_refuses_is_not_the_way", PodTrafficSlow, snap(probe("pod", 8, 0, 8, 0)), Absent},
		{"service_refuses", ServiceUnreachable, snap(probe("service", 8, 0, 8, 0)), Seen},
		{"service_without_endpoints", ServiceUnreachable, snap(probe("service", 8, 0, 8, 0), api(func(c *snapshot.Cluster) {
			c.Endpoints = []snapshot.Endpoint{{Namespace: "ns", Service: "x"}}
		})), NotLooked},
		{"names_resolve", DNSFailing, snap(probe("dns", 4, 0, 0, 40)), Absent},
		{"names_late", DNSFailing, snap(probe("dns", 4, 0, 0, 2100)), Seen},
		{"node_ready", NodeNotReady, snap(api(func(c *snapshot.Cluster) { c.Nodes = []snapshot.Node{{Name: "n", Ready: "True"}} })), Absent},
		{"node_unknown", NodeNotReady, snap(api(func(c *snapshot.Cluster) { c.Nodes = []snapshot.Node{{Name: "n", Ready: "Unknown"}} })), Seen},
		{"other_node", NodeNotReady, snap(api(func(c *snapshot.Cluster) { c.Nodes = []snapshot.Node{{Name: "m", Ready: "False"}} })), NotLooked},
		{"pod_in_creation", PodsNotStarting, snap(api(func(c *snapshot.Cluster) { c.Pods = []snapshot.Pod{pending("n", 20*time.Second)} })), Absent},
		{"pod_pending", PodsNotStarting, snap(api(func(c *snapshot.Cluster) { c.Pods = []snapshot.Pod{pending("n", 5*time.Minute)} })), Seen},
		{"pod_pending_elsewhere", PodsNotStarting, snap(api(func(c *snapshot.Cluster) { c.Pods = []snapshot.Pod{pending("m", 5*time.Minute)} })), Absent},
		{"disk_idle", DiskPressure, snap(pressure(20, 20)), Absent},
		{"disk_burst", DiskPressure, snap(pressure(95, 20)), Absent},
		{"disk_stalled", DiskPressure, snap(pressure(95, 90)), Seen},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x, ok := Lookup(tt.id)
			if !ok {
				t.Fatalf("no symptom %s", tt.id)
			}
			before := *tt.s
			state, facts := x.Look(tt.s)
			if state != tt.want {
				t.Errorf("state %v, want %v; facts %v", state, tt.want, facts)
			}
			if state == Seen && (len(facts) == 0 || facts[0].Got == "" || facts[0].Source == "") {
				t.Errorf("seen without a quoted fact: %v", facts)
			}
			if before.Node != tt.s.Node {
				t.Error("the snapshot was changed")
			}
		})
	}
}

func busy(s *snapshot.Snapshot) {
	s.Host = &snapshot.Host{CPUs: 2, Load: []float64{16}, Pressure: []snapshot.Pressure{{Resource: "cpu", Some10: 85}}}
}

func pressure(ten, minute float64) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) {
		s.Host = &snapshot.Host{Pressure: []snapshot.Pressure{{Resource: "io", Some10: ten, Some60: minute}}}
	}
}

func pending(node string, age time.Duration) snapshot.Pod {
	return snapshot.Pod{Namespace: "ns", Name: "p", Node: node, Phase: "Pending", Created: now.Add(-age)}
}

func began(ago time.Duration) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) {
		s.Processes = &snapshot.Processes{List: []snapshot.Process{{Name: "etcd", Start: now.Add(-ago)}}}
	}
}

func TestAccess(t *testing.T) {
	conf := func(path string, u snapshot.KubeconfigUser) *snapshot.Snapshot {
		k := snapshot.Kubeconfig{Text: snapshot.Text{Path: path}, Current: "c", Users: []snapshot.KubeconfigUser{u},
			Contexts: []snapshot.KubeconfigContext{{Name: "c", User: "u"}}}
		return &snapshot.Snapshot{At: now, Kubeconfigs: &snapshot.Kubeconfigs{Files: []snapshot.Kubeconfig{k}}}
	}
	good := &snapshot.Certificate{NotAfter: now.Add(time.Hour)}
	old := &snapshot.Certificate{NotAfter: now.Add(-time.Hour)}
	runs := &snapshot.ExecPlugin{Command: "/opt/x", Line: 7}
	gone := &snapshot.ExecPlugin{Command: "/opt/x", Binary: &snapshot.Binary{Error: "no such file"}}
	for _, tt := range []struct {
		name       string
		s          *snapshot.Snapshot
		runs, lost State
	}{
		{"certificate", conf("/root/.kube/config", snapshot.KubeconfigUser{Name: "u", Cert: good}), Absent, Absent},
		{"expired", conf("/root/.kube/config", snapshot.KubeconfigUser{Name: "u", Cert: old}), Absent, Seen},
		{"expired_of_a_component", conf("/etc/kubernetes/scheduler.conf", snapshot.KubeconfigUser{Name: "u", Cert: old}), Absent, NotLooked},
		{"program", conf("/root/.kube/config", snapshot.KubeconfigUser{Name: "u", Exec: runs}), Seen, NotLooked},
		{"program_gone", conf("/root/.kube/config", snapshot.KubeconfigUser{Name: "u", Exec: gone}), Seen, Seen},
		{"program_of_nobody", conf("/root/.kube/config", snapshot.KubeconfigUser{Name: "other", Exec: runs}), Absent, NotLooked},
		{"no_credential", conf("/etc/kubernetes/admin.conf", snapshot.KubeconfigUser{Name: "u"}), Absent, Seen},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := adminRunsProgram(tt.s); got != tt.runs {
				t.Errorf("runs a program: %v, want %v", got, tt.runs)
			}
			if got, _ := adminLockedOut(tt.s); got != tt.lost {
				t.Errorf("locked out: %v, want %v", got, tt.lost)
			}
		})
	}
}

func TestFixUndone(t *testing.T) {
	groups := []snapshot.Cgroup{{Path: "/kubepods"}, {Path: "/kubepods/pod1"}}
	limit := &snapshot.Cgroups{Groups: groups, Limits: []snapshot.IOLimit{{Cgroup: "/kubepods/pod1", Value: 1}}}
	backup := &snapshot.Cgroups{Groups: groups, Limits: []snapshot.IOLimit{{Cgroup: "/backup.slice", Value: 1}}}
	tbf := &snapshot.Network{Namespaces: []snapshot.NetNS{{Qdiscs: []snapshot.Qdisc{{Kind: "tbf", Link: "eth0", RateBps: 9000}}}}}
	entry := func(line string) *snapshot.Persistence {
		return &snapshot.Persistence{Entries: []snapshot.Persistent{{Enabled: true, Source: "/etc/cron.d/x", Line: 2,
			Command: "/opt/x.sh", Scripts: []snapshot.Text{{Path: "/opt/x.sh", Content: "#!/bin/sh\n" + line + "\n"}}}}}
	}
	for _, tt := range []struct {
		name string
		s    *snapshot.Snapshot
		want State
	}{
		{"sets_it_again", &snapshot.Snapshot{Cgroups: limit, Persistence: entry(`echo "8:0 9" > $g/blkio.throttle.write_bps_device`)}, Seen},
		{"commented_out", &snapshot.Snapshot{Cgroups: limit, Persistence: entry(`# io.max`)}, Absent},
		{"no_limit_in_force", &snapshot.Snapshot{Cgroups: &snapshot.Cgroups{}, Persistence: entry(`echo > io.max`)}, Absent},
		{"rations_a_backup", &snapshot.Snapshot{Cgroups: backup, Persistence: entry(`echo "8:0 rbps=9" > /sys/fs/cgroup/backup.slice/io.max`)}, Absent},
		{"shapes_traffic", &snapshot.Snapshot{Persistence: entry(`tc qdisc replace dev eth0 root tbf rate 9kbit`), Network: tbf}, Seen},
		{"shapes_by_variable", &snapshot.Snapshot{Persistence: entry(`tc qdisc add dev "$link" root tbf rate 9kbit`), Network: tbf}, Seen},
		{"another_qdisc", &snapshot.Snapshot{Persistence: entry(`tc qdisc replace dev eth0 root fq`), Network: tbf}, Absent},
		{"another_interface", &snapshot.Snapshot{Persistence: entry(`tc qdisc replace dev eth1 root tbf rate 9mbit`), Network: tbf}, Absent},
		{"lifts_it", &snapshot.Snapshot{Persistence: entry(`tc qdisc del dev eth0 root tbf`), Network: tbf}, Absent},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, facts := fixUndone(tt.s); got != tt.want {
				t.Errorf("state %v, want %v; %v", got, tt.want, facts)
			}
		})
	}
}

func TestAllIsInOrder(t *testing.T) {
	var before []ID
	for _, s := range All() {
		for _, e := range s.LeadsTo {
			if slices.Contains(before, e.Symptom) {
				t.Errorf("%s comes after %s, to which it leads", s.ID, e.Symptom)
			}
		}
		before = append(before, s.ID)
	}
}
