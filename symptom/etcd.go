package symptom

import (
	"fmt"
	"strings"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Symptoms of etcd.
const (
	EtcdDown       ID = "etcd-down"             // the member does not answer
	EtcdSlow       ID = "etcd-slow"             // fsync, commit or reads are slow
	EtcdLeaderLost ID = "etcd-leader-elections" // leaders change
	EtcdReadOnly   ID = "etcd-read-only"        // writes are refused for want of space
	EtcdNoQuorum   ID = "etcd-no-quorum"        // too few members are there to agree on anything
	ObjectsGone    ID = "objects-gone"          // the API knows nothing of what the cluster was made with
)

const (
	// slowSyncMs is the mean of recent WAL syncs and backend commits from
	// which etcd is said to be slow. etcd asks for 10 and 25 ms at the 99th
	// percentile, and warns of any request that takes 100 ms, which one such
	// sync alone uses up.
	slowSyncMs = 100
	// slowReadMs is the time of one small linearizable read; etcd warns of
	// any request above 100 ms, which a node short of CPU also reaches.
	slowReadMs = 500
	// manyPending are proposals that wait for the disk or for a quorum.
	manyPending = 20
	// settling is how long after its start a member may elect leaders.
	settling = time.Minute
	// electionAge is how long ago an election may be to be told of.
	electionAge = 5 * time.Minute
)

func etcds() []Symptom {
	return []Symptom{{
		ID: ObjectsGone, Title: "the API knows nothing of the objects that the cluster was made with",
		LeadsTo: []Edge{everywhere(NodeNotReady, Usually), everywhere(PodsNotStarting, Sometimes),
			everywhere(ControllersIdle, Sometimes), everywhere(SchedulerIdle, Sometimes), everywhere(ServiceUnreachable, Sometimes),
			everywhere(DNSFailing, Sometimes), here(AdminLockedOut, Sometimes)},
		Observe: objectsGone,
	}, {
		ID: EtcdNoQuorum, Title: "etcd has no quorum",
		LeadsTo: []Edge{everywhere(EtcdLeaderLost, Usually), everywhere(APIDown, Usually), everywhere(APIWritesFail, Usually), everywhere(EtcdDown, Sometimes)},
		Observe: etcdNoQuorum,
	}, {
		ID: EtcdDown, Title: "the etcd member does not answer",
		LeadsTo: []Edge{everywhere(APIDown, Usually), everywhere(APIWritesFail, Sometimes), here(ComponentDown, Sometimes)},
		Observe: etcdDown,
	}, {
		ID: EtcdSlow, Title: "etcd is slow",
		LeadsTo: []Edge{here(EtcdLeaderLost, Sometimes), everywhere(APISlow, Usually), everywhere(APIWritesFail, Sometimes), everywhere(APIDown, Sometimes),
			here(ControllersIdle, Sometimes), here(SchedulerIdle, Sometimes)},
		Observe: etcdSlow,
	}, {
		ID: EtcdLeaderLost, Title: "etcd changes its leader or has none",
		LeadsTo: []Edge{everywhere(APISlow, Usually), everywhere(APIWritesFail, Sometimes), here(ControllersIdle, Sometimes),
			here(SchedulerIdle, Sometimes)},
		Observe: etcdLeaderLost,
	}, {
		ID: EtcdReadOnly, Title: "etcd refuses writes for want of space", Stored: true,
		LeadsTo: []Edge{everywhere(APIWritesFail, Always), everywhere(ControllersIdle, Usually), everywhere(SchedulerIdle, Usually)},
		Observe: etcdReadOnly,
	}}
}

func etcdDown(s *snapshot.Snapshot) (State, []finding.Fact) {
	e := s.Etcd
	switch {
	case e == nil:
		return NotLooked, nil
	case e.Reachable:
		return Absent, nil
	case e.Running && (e.Failure == snapshot.EtcdClientCert || e.Failure == snapshot.EtcdNoCert):
		return NotLooked, nil // it answers others, and not what was shown to it
	case e.Endpoint == "" && e.DataDir == "", e.DBFileSize == 0 && !KubernetesNode(s):
		return NotLooked, nil // no member here, or a process of some container
	}
	got := orWords(e.Error, "no answer")
	if !e.Running {
		got = "no process of etcd runs; " + got
	}
	return saw(orWords(e.Endpoint, e.DataDir), got, "an answer")
}

func etcdSlow(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Etcd == nil || !s.Etcd.Reachable || s.Etcd.Latency == nil {
		return NotLooked, nil
	}
	l, at := s.Etcd.Latency, orWords(s.Etcd.Endpoint, "etcd")
	var facts []finding.Fact
	slow := func(what string, got float64, limit float64) {
		if got >= limit {
			facts = append(facts, finding.Fact{Source: at, Got: what + " takes " + ms(got), Want: "under " + ms(limit)})
		}
	}
	slow("a WAL sync", l.FsyncRecentMs, slowSyncMs)
	slow("a backend commit", l.CommitRecentMs, slowSyncMs)
	slow("a linearizable read", l.LinearizableMs, slowReadMs*slack(s))
	if l.ProposalsPending >= manyPending {
		facts = append(facts, finding.Fact{Source: at, Got: fmt.Sprintf("%.0f proposals wait", l.ProposalsPending), Want: fmt.Sprintf("under %d", manyPending)})
	}
	return verdict(append(facts, logged(s, recent, logEtcdSlowSync)...))
}

func etcdLeaderLost(s *snapshot.Snapshot) (State, []finding.Fact) {
	e := s.Etcd
	if e == nil || !e.Reachable {
		return NotLooked, nil
	}
	if e.Status != nil && (e.Status.Leader == "0" || e.Status.Leader == "") {
		return saw(orWords(e.Endpoint, "etcd"), "no leader", "a leader")
	}
	if s.Logs == nil {
		return NotLooked, nil
	}
	start := started(s, "etcd")
	var facts []finding.Fact
	for _, f := range logged(s, electionAge, logEtcdLeaderLost, logEtcdLeaderChanged) {
		if f.At.Sub(start) > settling {
			facts = append(facts, f)
		}
	}
	return verdict(facts)
}

// started is when the youngest process of that name began, or the zero time.
func started(s *snapshot.Snapshot, name string) time.Time {
	var t time.Time
	if s.Processes != nil {
		for _, p := range s.Processes.ByName(name) {
			if p.Start.After(t) {
				t = p.Start
			}
		}
	}
	return t
}

func etcdReadOnly(s *snapshot.Snapshot) (State, []finding.Fact) {
	e := s.Etcd
	if e == nil || !e.Reachable && !e.Offline {
		return NotLooked, nil
	}
	var facts []finding.Fact
	for _, a := range e.Alarms {
		if a.Kind == "NOSPACE" {
			facts = append(facts, finding.Fact{Source: orWords(e.Endpoint, e.DBPath), Got: fmt.Sprintf("alarm NOSPACE of member %s", a.Member), Want: "no alarm"})
		}
	}
	return verdict(facts)
}

// etcdNoQuorum counts the members that answer, when this one knows no leader.
// A learner has no vote.
func etcdNoQuorum(s *snapshot.Snapshot) (State, []finding.Fact) {
	e := s.Etcd
	switch {
	case e == nil || len(e.Members) == 0:
		return NotLooked, nil
	case e.Reachable && e.Status != nil && e.Status.Leader != "0" && e.Status.Leader != "":
		return Absent, nil
	case len(e.Members) == 1 || !e.Reachable && e.Failure != snapshot.EtcdNoLeader:
		return NotLooked, nil
	}
	voters, there := 0, map[string]bool{}
	for _, m := range e.Members {
		if !m.Learner {
			voters++
		}
	}
	for _, x := range e.Endpoints {
		if x.Reachable && !x.Learner {
			there[orWords(x.ID, x.URL)] = true
		}
	}
	if len(there) > voters/2 {
		return Absent, nil
	}
	return saw(orWords(e.Endpoint, e.DBPath), fmt.Sprintf("no leader, and %d of %d members that vote answer", len(there), voters), fmt.Sprintf("%d or more", voters/2+1))
}

// grown is how long after its authority was made a cluster has what it is made
// with.
const grown = 15 * time.Minute

// objectsGone looks for what kubeadm makes, where its manifests are: the
// settings that it keeps, and any workload of the system.
func objectsGone(s *snapshot.Snapshot) (State, []finding.Fact) {
	c := s.Cluster
	if c == nil || !c.API.Reachable || c.Source != "api" || !c.ControlPlane || s.Static == nil || s.PKI == nil || len(c.API.Denied) > 0 {
		return NotLooked, nil
	}
	made, old := false, false
	for _, m := range s.Static.Manifests {
		for _, f := range m.Fields {
			made = made || strings.HasPrefix(f.Path, "metadata.annotations.kubeadm.kubernetes.io/")
		}
	}
	for _, x := range s.PKI.Certificates {
		old = old || x.CA && s.At.Sub(x.NotBefore) > grown
	}
	if !made || !old {
		return NotLooked, nil
	}
	if len(c.Workloads) > 0 || len(c.Settings) > 0 {
		return Absent, nil
	}
	return saw(c.API.URL, "no workload, and not the ConfigMap kubeadm-config", "what kubeadm and people made")
}
