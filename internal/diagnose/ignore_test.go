package diagnose

import (
	"testing"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

func TestIgnore(t *testing.T) {
	disk := rule("etcd/disk", fault.Etcd, snapshot.SectionEtcd, always, symptom.Edge{Symptom: symptom.EtcdSlow, Strength: symptom.Always})
	later := now.Add(time.Hour)
	for name, tc := range map[string]struct {
		ignore           Ignore
		causes           string
		ignored, expired int
		exit             int
	}{
		"by its ID":        {Ignore{Fault: "etcd/disk", Until: later}, "", 1, 0, ExitHealthy},
		"by its layer":     {Ignore{Fault: "etcd", Until: later}, "", 1, 0, ExitHealthy},
		"on these nodes":   {Ignore{Fault: "etcd", Node: "a*", Until: later}, "", 1, 0, ExitHealthy},
		"on other nodes":   {Ignore{Fault: "etcd", Node: "b*", Until: later}, "etcd/disk", 0, 0, ExitCauses},
		"of this subject":  {Ignore{Fault: "etcd", Subject: "etcd/disk", Until: later}, "", 1, 0, ExitHealthy},
		"of another one":   {Ignore{Fault: "etcd", Subject: "x", Until: later}, "etcd/disk", 0, 0, ExitCauses},
		"another fault":    {Ignore{Fault: "host", Until: later}, "etcd/disk", 0, 0, ExitCauses},
		"until yesterday":  {Ignore{Fault: "etcd", Until: now.Add(-time.Hour)}, "etcd/disk", 0, 1, ExitCauses},
		"until the second": {Ignore{Fault: "etcd", Until: now}, "", 1, 0, ExitHealthy},
	} {
		d := Run([]*snapshot.Snapshot{node("a1", syncSlow)}, []*fault.Fault{disk}, tc.ignore)
		if ids(d.Causes) != tc.causes || len(d.Ignored) != tc.ignored || len(d.Expired) != tc.expired || d.Exit() != tc.exit {
			t.Errorf("%s: causes %q, ignored %d, expired %d, exit %d", name, ids(d.Causes), len(d.Ignored), len(d.Expired), d.Exit())
		}
		if len(d.Unexplained()) > 0 {
			t.Errorf("%s: what an ignored cause explains became unexplained", name)
		}
	}
}

// What hides behind an ignored cause is not ignored with it.
func TestIgnoreUncoversWhatHides(t *testing.T) {
	stopped := rule("runtime/stopped", fault.Runtime, snapshot.SectionRuntime, always, symptom.Edge{Symptom: symptom.RuntimeDown, Strength: symptom.Always})
	latent := rule("cni/bad", fault.CNI, snapshot.SectionHost, always, symptom.Edge{Symptom: symptom.PodNetworkDown, Strength: symptom.Always})
	ignore := Ignore{Fault: "runtime/stopped", Until: now.Add(time.Hour)}
	d := Run([]*snapshot.Snapshot{node("a", runtimeDown)}, []*fault.Fault{stopped, latent}, ignore)
	if ids(d.Causes) != "cni/bad" || len(d.Forecast) != 0 || len(d.Ignored) != 1 || d.Exit() != ExitCauses || d.Causes[0].Rank != 1 {
		t.Errorf("causes %q, forecast %q, ignored %d, exit %d", ids(d.Causes), ids(d.Forecast), len(d.Ignored), d.Exit())
	}
	other := rule("kubelet/gone", fault.Kubelet, snapshot.SectionKubelet, always, symptom.Edge{Symptom: symptom.KubeletDown, Strength: symptom.Always})
	d = Run([]*snapshot.Snapshot{node("a", runtimeDown)}, []*fault.Fault{stopped, latent, other}, ignore)
	if ids(d.Causes) != "kubelet/gone" || ids(d.Forecast) != "cni/bad" {
		t.Errorf("behind another cause: causes %q, forecast %q", ids(d.Causes), ids(d.Forecast))
	}
}

func TestChains(t *testing.T) {
	stopped := rule("runtime/stopped", fault.Runtime, snapshot.SectionRuntime, func(s *snapshot.Snapshot) bool { return !s.Runtime.Reachable },
		symptom.Edge{Symptom: symptom.RuntimeDown, Strength: symptom.Always})
	d := Run([]*snapshot.Snapshot{node("a", runtimeDown)}, []*fault.Fault{stopped})
	if len(d.Causes) != 1 || len(d.Causes[0].Chains) == 0 {
		t.Fatalf("%+v", d.Causes)
	}
	for _, chain := range d.Causes[0].Chains {
		last := chain[len(chain)-1]
		if chain[0].ID != symptom.RuntimeDown || !last.Seen || last.Node != "a" {
			t.Errorf("chain %+v", chain)
		}
	}
	ends := map[symptom.ID]bool{}
	for _, chain := range d.Causes[0].Chains {
		ends[chain[len(chain)-1].ID] = true
	}
	if !ends[symptom.NodeNotReady] || ends[symptom.RuntimeDown] {
		t.Errorf("the chains end at %v", ends)
	}
}
