package diagnose

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// node returns a healthy control-plane node, changed by f.
func node(name string, f func(*snapshot.Snapshot)) *snapshot.Snapshot {
	s := &snapshot.Snapshot{
		Node: name, At: now,
		Host:    &snapshot.Host{},
		Runtime: &snapshot.Runtime{Reachable: true, Conditions: []snapshot.Condition{{Type: "NetworkReady", Status: "True"}}},
		Kubelet: &snapshot.Kubelet{Running: true, Healthz: "ok"},
		Etcd: &snapshot.Etcd{Reachable: true, Endpoint: "e", Status: &snapshot.EtcdStatus{Leader: "1"},
			Latency: &snapshot.EtcdLatency{FsyncRecentMs: 3}},
		Cluster: &snapshot.Cluster{Source: "api", ControlPlane: true,
			API:   snapshot.APIServer{URL: "u", Reachable: true, Ready: true, LatencyMs: []float64{4}},
			Nodes: []snapshot.Node{{Name: name, Ready: "True"}}},
		Trust:  &snapshot.Trust{},
		Timing: []snapshot.Timing{{Name: "host", Ms: 4}, {Name: "etcd", Ms: 9}},
	}
	if f != nil {
		f(s)
	}
	return s
}

// rule is a fault that is found where test says so.
func rule(id string, layer fault.Layer, need snapshot.Section, test func(*snapshot.Snapshot) bool, explains ...symptom.Edge) *fault.Fault {
	return &fault.Fault{ID: id, Layer: layer, Runbook: "# " + id + "\n", Needs: []snapshot.Section{need}, Explains: explains,
		Detect: func(s *snapshot.Snapshot) []finding.Finding {
			if !test(s) {
				return nil
			}
			return []finding.Finding{{Subject: finding.Subject{Kind: "file", Name: id}, Summary: "it is so",
				Facts: []finding.Fact{{Source: "/x", Line: 1, Got: "y"}}}}
		}}
}

func always(*snapshot.Snapshot) bool { return true }

func ids(list []Cause) string {
	var out []string
	for _, c := range list {
		out = append(out, c.Fault.ID)
	}
	return strings.Join(out, " ")
}

func syncSlow(s *snapshot.Snapshot) { s.Etcd.Latency.FsyncRecentMs = 900 }

func runtimeDown(s *snapshot.Snapshot) {
	s.Runtime.Reachable = false
	s.Kubelet = &snapshot.Kubelet{Kubeconfig: "/k", HealthErr: "refused"}
	s.Cluster.Nodes[0].Ready = "False"
}

func TestRun(t *testing.T) {
	disk := rule("etcd/disk", fault.Etcd, snapshot.SectionEtcd, always,
		symptom.Edge{Symptom: symptom.EtcdSlow, Strength: symptom.Always})
	stopped := rule("runtime/stopped", fault.Runtime, snapshot.SectionRuntime, func(s *snapshot.Snapshot) bool { return !s.Runtime.Reachable },
		symptom.Edge{Symptom: symptom.RuntimeDown, Strength: symptom.Always})
	kubelet := rule("kubelet/failed", fault.Kubelet, snapshot.SectionKubelet, func(s *snapshot.Snapshot) bool { return !s.Kubelet.Running },
		symptom.Edge{Symptom: symptom.KubeletDown, Strength: symptom.Always})
	kubelet.Follows = []symptom.ID{symptom.RuntimeDown}
	latent := rule("cni/bad", fault.CNI, snapshot.SectionHost, always,
		symptom.Edge{Symptom: symptom.PodNetworkDown, Strength: symptom.Always})
	drift := rule("host/drift", fault.Host, snapshot.SectionHost, always, symptom.Edge{Symptom: symptom.RuntimeDown, Strength: symptom.Sometimes})
	drift.Follows = []symptom.ID{symptom.RuntimeDown}
	twice := *drift
	twice.Detect = func(s *snapshot.Snapshot) []finding.Finding { return append(drift.Detect(s), drift.Detect(s)...) }
	broad := rule("network/filtered", fault.Network, snapshot.SectionHost, always)
	for _, id := range []symptom.ID{symptom.RuntimeDown, symptom.EtcdDown, symptom.EtcdSlow, symptom.EtcdReadOnly, symptom.EtcdLeaderLost, symptom.APIDown, symptom.APISlow, symptom.APIWritesFail,
		symptom.ControllersIdle, symptom.SchedulerIdle, symptom.ComponentDown, symptom.DiskFull, symptom.DiskReadOnly, symptom.MemoryShort, symptom.LimitReached, symptom.ClockOff} {
		broad.Explains = append(broad.Explains, symptom.Edge{Symptom: id, Strength: symptom.Sometimes})
	}
	only := func(id symptom.ID) *fault.Fault {
		narrow := *broad
		narrow.Detect = func(s *snapshot.Snapshot) []finding.Finding {
			out := broad.Detect(s)
			for i := range out {
				out[i].Only = []string{string(id)}
			}
			return out
		}
		return &narrow
	}
	needy := rule("needs/logs", fault.Host, snapshot.SectionLogs, always, symptom.Edge{Symptom: symptom.EtcdSlow, Strength: symptom.Always})
	panics := rule("it/panics", fault.Host, snapshot.SectionHost, func(*snapshot.Snapshot) bool { panic("oh") }, symptom.Edge{Symptom: symptom.EtcdSlow, Strength: symptom.Always})
	gap := func(s *snapshot.Snapshot) { s.Gaps = []snapshot.Gap{{Section: "pki", Source: "/p", Reason: "no"}} }
	for _, tt := range []struct {
		name                    string
		change                  func(*snapshot.Snapshot)
		faults                  []*fault.Fault
		causes, forecast, notes string
		exit                    int
	}{
		{"healthy", nil, []*fault.Fault{stopped, kubelet}, "", "", "", ExitHealthy},
		{"cause_and_symptom", syncSlow, []*fault.Fault{disk}, "etcd/disk", "", "", ExitCauses},
		{"symptom_without_a_cause", syncSlow, []*fault.Fault{stopped}, "", "", "", ExitIncomplete},
		{"sure_symptom_absent_is_a_note", nil, []*fault.Fault{disk}, "", "", "etcd/disk", ExitHealthy},
		{"consequence_is_folded", runtimeDown, []*fault.Fault{kubelet, stopped}, "runtime/stopped", "", "kubelet/failed", ExitCauses},
		{"hidden_behind_the_first", runtimeDown, []*fault.Fault{stopped, latent}, "runtime/stopped", "cni/bad", "", ExitCauses},
		{"a_drift_is_the_cause_of_what_nothing_else_explains", runtimeDown, []*fault.Fault{&twice}, "host/drift host/drift", "", "", ExitCauses},
		{"a_drift_follows_what_explains_it", runtimeDown, []*fault.Fault{&twice, stopped}, "runtime/stopped", "", "host/drift host/drift", ExitCauses},
		{"a_case_that_can_show_in_one_way_alone", syncSlow, []*fault.Fault{only(symptom.EtcdSlow)}, "network/filtered", "", "", ExitCauses},
		{"one_that_would_show_in_many_other_ways", syncSlow, []*fault.Fault{broad}, "", "", "network/filtered", ExitIncomplete},
		{"nobody_looked_so_it_stands", func(s *snapshot.Snapshot) { s.Runtime, s.Cluster = nil, nil }, []*fault.Fault{latent}, "cni/bad", "", "", ExitCauses},
		{"rule_without_its_needs", nil, []*fault.Fault{needy}, "", "", "", ExitHealthy},
		{"rule_that_panics", nil, []*fault.Fault{panics}, "", "", "", ExitHealthy},
		{"section_missing", gap, nil, "", "", "", ExitIncomplete},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := Run([]*snapshot.Snapshot{node("a", tt.change)}, tt.faults)
			if ids(d.Causes) != tt.causes || ids(d.Forecast) != tt.forecast || ids(d.Notes) != tt.notes || d.Exit() != tt.exit {
				t.Errorf("causes %q forecast %q notes %q exit %d, want %q %q %q %d\n%+v", ids(d.Causes), ids(d.Forecast), ids(d.Notes), d.Exit(),
					tt.causes, tt.forecast, tt.notes, tt.exit, d.Symptoms)
			}
		})
	}
}

func TestSkippedIsSaid(t *testing.T) {
	needy := rule("needs/logs", fault.Host, snapshot.SectionLogs, always)
	s := node("a", func(s *snapshot.Snapshot) {
		s.Gaps = []snapshot.Gap{{Section: snapshot.SectionLogs, Source: "journal", Reason: "no journal"}}
	})
	d := Run([]*snapshot.Snapshot{s, node("b", nil)}, []*fault.Fault{needy})
	if len(d.Skipped) != 2 || d.Skipped[0].Reason != "needs logs: no journal" || !strings.Contains(d.Skipped[1].Reason, "does not have") {
		t.Errorf("skipped %+v", d.Skipped)
	}
	if d.Coverage.Total != d.Coverage.Seen+1 {
		t.Errorf("coverage %+v", d.Coverage)
	}
}

// A cause on one node explains what the others suffer, and is shown once.
func TestAcrossNodes(t *testing.T) {
	full := rule("etcd/full", fault.Etcd, snapshot.SectionEtcd, func(s *snapshot.Snapshot) bool { return len(s.Etcd.Alarms) > 0 },
		symptom.Edge{Symptom: symptom.EtcdReadOnly, Strength: symptom.Always},
		symptom.Edge{Symptom: symptom.APIWritesFail, Strength: symptom.Always, Cluster: true})
	detect := full.Detect
	full.Detect = func(s *snapshot.Snapshot) []finding.Finding {
		list := detect(s)
		for i := range list {
			list[i].Subject = finding.Subject{Kind: "member", Name: "m1"}
		}
		return list
	}
	alarm := func(s *snapshot.Snapshot) { s.Etcd.Alarms = []snapshot.EtcdAlarm{{Member: "m1", Kind: "NOSPACE"}} }
	worker := node("w", func(s *snapshot.Snapshot) {
		s.Etcd, s.Cluster.ControlPlane, s.Cluster.API.Write = nil, false, "etcdserver: no space"
		s.Cluster.Nodes = append(s.Cluster.Nodes, snapshot.Node{Name: "z", Ready: "False"})
	})
	d := Run([]*snapshot.Snapshot{node("a", alarm), node("b", alarm), worker}, []*fault.Fault{full})
	if ids(d.Causes) != "etcd/full" || d.Causes[0].Finding.Node != "a" {
		t.Errorf("causes %q", ids(d.Causes))
	}
	if !slices.Equal(d.Others, []string{"z"}) {
		t.Errorf("others %v, want z", d.Others)
	}
	got := map[string]bool{}
	for _, s := range d.Symptoms {
		got[s.Node+"/"+string(s.ID)] = len(s.ExplainedBy) > 0
	}
	for _, want := range []string{"a/etcd-read-only", "w/api-writes-fail", "z/node-not-ready"} {
		if !got[want] {
			t.Errorf("%s is not explained: %v", want, got)
		}
	}
}

func TestLadder(t *testing.T) {
	stopped := rule("runtime/stopped", fault.Runtime, snapshot.SectionRuntime, always,
		symptom.Edge{Symptom: symptom.RuntimeDown, Strength: symptom.Always}, symptom.Edge{Symptom: symptom.NodeNotReady, Strength: symptom.Always})
	d := Run([]*snapshot.Snapshot{node("a", func(s *snapshot.Snapshot) {
		runtimeDown(s)
		syncSlow(s)
		s.Gaps = []snapshot.Gap{{Section: snapshot.SectionPKI, Reason: "no"}}
	})}, []*fault.Fault{stopped})
	want := map[fault.Layer]Layer{
		fault.Host: {fault.Host, OK, ""}, fault.Runtime: {fault.Runtime, Broken, "runtime/stopped"},
		fault.Nodes: {fault.Nodes, Blocked, "runtime/stopped"}, fault.Etcd: {fault.Etcd, Unexplained, ""},
		fault.PKI: {fault.PKI, Unseen, ""}, fault.CNI: {fault.CNI, None, ""},
	}
	for _, l := range d.Layers {
		if w, ok := want[l.Name]; ok && l != w {
			t.Errorf("layer %+v, want %+v", l, w)
		}
	}
	if len(d.Layers) != len(fault.Layers) {
		t.Errorf("%d layers", len(d.Layers))
	}
}

func TestTrust(t *testing.T) {
	tool := func(name string, hits ...snapshot.Binary) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			s.Trust.Tools = []snapshot.Tool{{Name: name, Hits: hits}}
		}
	}
	good := snapshot.Binary{Path: "/usr/bin/kubectl", ELF: true, Mode: 0o755, Size: 1, SHA256: "a", Package: "kubectl", PackageSum: "same"}
	script := snapshot.Binary{Path: "/usr/local/bin/kubectl", Script: "/bin/sh", Mode: 0o755, Size: 1, SHA256: "b"}
	changed := good
	changed.PackageSum = "differs"
	for _, tt := range []struct {
		name   string
		change func(*snapshot.Snapshot)
		check  string
		want   Status
	}{
		{"package_file", tool("kubectl", good), "commands", OK},
		{"same_file_twice", tool("kubectl", good, good), "commands", OK},
		{"script_before_the_program", tool("kubectl", script, good), "commands", Suspect},
		{"changed_file", tool("kubectl", changed), "commands", Suspect},
		{"changed_shell", tool("bash", changed), "shell", Suspect},
		{"changed_shell_is_no_command", tool("bash", changed), "commands", OK},
		{"preload", func(s *snapshot.Snapshot) {
			s.Loader = &snapshot.Loader{Preload: []snapshot.LoaderEntry{{Value: "/lib/x.so", Source: "/etc/ld.so.preload", Line: 1}}}
		}, "loader", Suspect},
		{"empty_preload", func(s *snapshot.Snapshot) { s.Loader = &snapshot.Loader{} }, "loader", OK},
		{"not_collected", func(s *snapshot.Snapshot) { s.Trust = nil }, "commands", Unseen},
		{"overridden", func(s *snapshot.Snapshot) {
			s.Shell = &snapshot.Shell{Entries: []snapshot.ShellEntry{{Kind: "alias", Name: "kubectl", Value: "true", Source: "/root/.bashrc", Line: 3}}}
		}, "commands", Suspect},
		{"hooked", func(s *snapshot.Snapshot) {
			s.Shell = &snapshot.Shell{Entries: []snapshot.ShellEntry{{Kind: "variable", Name: "TMOUT", Value: "5", Source: "/root/.bashrc", Line: 3}}}
		}, "shell", Suspect},
		{"program_in_kubeconfig", func(s *snapshot.Snapshot) {
			s.Kubeconfigs = &snapshot.Kubeconfigs{Files: []snapshot.Kubeconfig{{Users: []snapshot.KubeconfigUser{{Name: "u", Exec: &snapshot.ExecPlugin{Command: "x"}}}}}}
		}, "kubeconfig", Suspect},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, c := range Run([]*snapshot.Snapshot{node("a", tt.change)}, nil).Trust {
				if c.Name == tt.check && c.Status != tt.want {
					t.Errorf("%+v, want %s", c, tt.want)
				}
			}
		})
	}
}

func TestRemedyIsPlanned(t *testing.T) {
	f := rule("etcd/disk", fault.Etcd, snapshot.SectionEtcd, always, symptom.Edge{Symptom: symptom.EtcdSlow, Strength: symptom.Always})
	for _, tt := range []struct {
		name   string
		remedy func(*snapshot.Snapshot, finding.Finding) (op.Plan, error)
		ops    int
		fails  bool
	}{
		{"none", nil, 0, false},
		{"one_op", func(*snapshot.Snapshot, finding.Finding) (op.Plan, error) { return op.Plan{op.ReloadUnits{}}, nil }, 1, false},
		{"refuses", func(*snapshot.Snapshot, finding.Finding) (op.Plan, error) { return nil, errors.New("no") }, 0, true},
		{"panics", func(*snapshot.Snapshot, finding.Finding) (op.Plan, error) { panic("oh") }, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f.Remedy = tt.remedy
			c := Run([]*snapshot.Snapshot{node("a", syncSlow)}, []*fault.Fault{f}).Causes[0]
			if len(c.Plan) != tt.ops || (c.PlanErr != nil) != tt.fails {
				t.Errorf("plan %v, %v", c.Plan, c.PlanErr)
			}
		})
	}
}

func TestMachineWithoutKubernetes(t *testing.T) {
	d := Run([]*snapshot.Snapshot{{Node: "x", At: now, Host: &snapshot.Host{}, Kubelet: &snapshot.Kubelet{}, Runtime: &snapshot.Runtime{},
		Gaps: []snapshot.Gap{{Section: snapshot.SectionPKI, Reason: "none"}}}}, nil)
	if d.Kubernetes || d.Exit() != ExitHealthy || len(d.Symptoms) != 0 {
		t.Errorf("kubernetes %v exit %d symptoms %v", d.Kubernetes, d.Exit(), d.Symptoms)
	}
}

// Files of a node that is off say nothing of what runs: nothing is missed,
// and no layer of what runs is called well.
func TestOffline(t *testing.T) {
	s := node("a", func(s *snapshot.Snapshot) {
		runtimeDown(s)
		s.Offline, s.Etcd.Reachable, s.Cluster.API.Reachable = true, false, false
		s.Kubeconfigs, s.PKI = &snapshot.Kubeconfigs{}, &snapshot.PKI{}
	})
	d := Run([]*snapshot.Snapshot{s}, nil)
	if len(d.Symptoms) > 0 {
		t.Errorf("symptoms %+v", d.Symptoms)
	}
	for _, l := range d.Layers {
		if l.Name == fault.Runtime && l.Status != Unseen || l.Name == fault.Kubelet && l.Status != Unseen || l.Name == fault.PKI && l.Status != OK {
			t.Errorf("layer %+v", l)
		}
	}
}

// What somebody did on purpose is no consequence, though its fault may be one.
func TestOwnIsNoConsequence(t *testing.T) {
	stopped := rule("runtime/stopped", fault.Runtime, snapshot.SectionRuntime, always, symptom.Edge{Symptom: symptom.RuntimeDown, Strength: symptom.Always})
	kubelet := rule("kubelet/stopped", fault.Kubelet, snapshot.SectionKubelet, always, symptom.Edge{Symptom: symptom.KubeletDown, Strength: symptom.Always})
	kubelet.Follows = []symptom.ID{symptom.RuntimeDown}
	plain := kubelet.Detect
	for _, own := range []bool{false, true} {
		kubelet.Detect = func(s *snapshot.Snapshot) []finding.Finding {
			list := plain(s)
			list[0].Own = own
			return list
		}
		d := Run([]*snapshot.Snapshot{node("a", runtimeDown)}, []*fault.Fault{stopped, kubelet})
		if got := strings.Contains(ids(d.Causes), "kubelet/stopped"); got != own {
			t.Errorf("own %v: causes %q, notes %q", own, ids(d.Causes), ids(d.Notes))
		}
	}
}

// Behind what is doubted nothing hides: the other cause is told.
func TestNothingHidesBehindADoubt(t *testing.T) {
	doubted := []symptom.Edge{{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes}}
	for _, id := range []symptom.ID{symptom.EtcdSlow, symptom.EtcdDown, symptom.RuntimeDown, symptom.KubeletDown} {
		doubted = append(doubted, symptom.Edge{Symptom: id, Strength: symptom.Always})
	}
	weak := rule("etcd/weak", fault.Etcd, snapshot.SectionEtcd, always, doubted...)
	latent := rule("cni/bad", fault.CNI, snapshot.SectionHost, always, symptom.Edge{Symptom: symptom.PodNetworkDown, Strength: symptom.Always})
	d := Run([]*snapshot.Snapshot{node("a", func(s *snapshot.Snapshot) {
		s.Runtime.Conditions = nil // nobody knows of the pod network
		s.Cluster.Nodes[0].Ready = "False"
	})}, []*fault.Fault{weak, latent})
	if ids(d.Causes) != "cni/bad" || ids(d.Notes) != "etcd/weak" || d.Exit() != ExitCauses {
		t.Errorf("causes %q, forecast %q, notes %q, exit %d", ids(d.Causes), ids(d.Forecast), ids(d.Notes), d.Exit())
	}
}
