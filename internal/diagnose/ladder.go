package diagnose

import (
	"slices"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// A rung says what a layer is judged by.
type rung struct {
	sections []snapshot.Section
	symptoms []symptom.ID
	cluster  bool // exists only where Kubernetes does
}

// rungs returns what each layer is judged by.
func rungs() map[fault.Layer]rung {
	type sections = []snapshot.Section
	type symptoms = []symptom.ID
	return map[fault.Layer]rung{
		fault.Host:      {sections{snapshot.SectionHost}, symptoms{symptom.DiskPressure, symptom.FolderHidden, symptom.DiskFull, symptom.DiskReadOnly, symptom.MemoryShort, symptom.LimitReached, symptom.ProcessHeld, symptom.ClockOff, symptom.LockWaits}, false},
		fault.Systemd:   {sections{snapshot.SectionSystemd}, symptoms{symptom.FixUndone}, false},
		fault.Runtime:   {sections{snapshot.SectionRuntime}, symptoms{symptom.RuntimeFailing, symptom.RuntimeDown, symptom.SandboxRefused}, true},
		fault.CNI:       {sections{snapshot.SectionCNI}, symptoms{symptom.PodNetworkDown, symptom.SandboxFailing}, true},
		fault.Network:   {sections{snapshot.SectionNetwork}, symptoms{symptom.PodTrafficSlow, symptom.ServiceUnreachable, symptom.NodePortDegraded, symptom.ControlPlanePortBlocked}, false},
		fault.Kubelet:   {sections{snapshot.SectionKubelet}, symptoms{symptom.KubeletCrashing, symptom.KubeletDown, symptom.KubeletRejected, symptom.PodsUnwatched, symptom.StaticPodsMissing, symptom.KubeletPortDead}, true},
		fault.PKI:       {sections{snapshot.SectionPKI}, symptoms{symptom.CertRefused, symptom.TokensRefused, symptom.AdminLockedOut}, true},
		fault.Etcd:      {sections{snapshot.SectionEtcd}, symptoms{symptom.EtcdDown, symptom.EtcdSlow, symptom.EtcdLeaderLost, symptom.EtcdReadOnly, symptom.EtcdNoQuorum, symptom.ObjectsGone}, true},
		fault.APIServer: {sections{snapshot.SectionCluster}, symptoms{symptom.APIDown, symptom.APISlow, symptom.APIWritesFail}, true},
		fault.Admission: {sections{snapshot.SectionCluster}, symptoms{symptom.ObjectsRefused, symptom.APIPartDown, symptom.NamespaceStuck}, true},
		fault.Control:   {sections{snapshot.SectionCluster}, symptoms{symptom.ControllersIdle, symptom.ComponentDown}, true},
		fault.Scheduler: {sections{snapshot.SectionCluster}, symptoms{symptom.SchedulerIdle}, true},
		fault.Nodes:     {sections{snapshot.SectionCluster}, symptoms{symptom.KubeletCutOff, symptom.NodeMissing, symptom.NodeStatusStale, symptom.NodePressure, symptom.NodeFull, symptom.NodeNotReady}, true},
		fault.DNS:       {sections{snapshot.SectionProbes}, symptoms{symptom.DNSFailing}, true},
		fault.Workloads: {sections{snapshot.SectionCluster}, symptoms{symptom.PodsNotStarting, symptom.ImagesFailing, symptom.ContainersFailing, symptom.PodsUnschedulable, symptom.PodsLackInput, symptom.PodsCrashing, symptom.PodsUnready, symptom.PodsEvicted, symptom.ServiceNoEndpoints, symptom.NotReconciled}, true},
	}
}

// ladder says of each layer whether it holds.
func ladder(snaps []*snapshot.Snapshot, d *Diagnosis) []Layer {
	all := rungs()
	var out []Layer
	for _, name := range fault.Layers {
		l := Layer{Name: name, Status: presence(snaps, all[name], d.Kubernetes)}
		for _, s := range d.Symptoms {
			for _, id := range all[name].symptoms {
				if s.ID == id {
					l = l.suffer(s)
				}
			}
		}
		for i := len(d.Causes) - 1; i >= 0; i-- {
			if c := d.Causes[i]; c.Fault.Layer == name {
				l.Status, l.Cause = Broken, c.Fault.ID
			}
		}
		out = append(out, l)
	}
	return out
}

// suffer notes a symptom of the layer. One that is not explained outweighs
// one that is.
func (l Layer) suffer(s Sighting) Layer {
	switch {
	case len(s.ExplainedBy) == 0:
		l.Status, l.Cause = Unexplained, ""
	case l.Status != Unexplained:
		l.Status, l.Cause = Blocked, s.ExplainedBy[0]
	}
	return l
}

// stored reports whether files alone tell how the layer is.
func (r rung) stored() bool {
	return !slices.ContainsFunc(r.symptoms, func(id symptom.ID) bool {
		s, _ := symptom.Lookup(id)
		return !s.Stored
	})
}

// presence is OK, Unseen, or None where the nodes have no such layer.
func presence(snaps []*snapshot.Snapshot, r rung, kubernetes bool) Status {
	if r.cluster && !kubernetes {
		return None
	}
	state := None
	for _, s := range snaps {
		for _, x := range r.sections {
			switch {
			case s.Has(x) && (!s.Offline || r.stored()):
				return OK
			case s.Has(x) || gapped(s, x):
				state = Unseen
			}
		}
	}
	return state
}

func gapped(s *snapshot.Snapshot, x snapshot.Section) bool {
	for _, g := range s.Gaps {
		if g.Section == x {
			return true
		}
	}
	return false
}
