package symptom

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Symptoms of the API server.
const (
	APIDown       ID = "apiserver-down"  // it does not answer
	APISlow       ID = "apiserver-slow"  // writes or small reads take long
	APIWritesFail ID = "api-writes-fail" // objects cannot be created
)

const (
	// slowRequestMs is the time of a small request from which the API server
	// is said to be slow: Kubernetes' own objective for one object is 1 s at
	// the 99th percentile, and half of that is far above a healthy median.
	slowRequestMs = 500
)

func apis() []Symptom {
	return []Symptom{{
		ID: APIDown, Title: "the API server does not answer, or is not ready",
		LeadsTo: []Edge{everywhere(ControllersIdle, Usually), everywhere(SchedulerIdle, Usually), everywhere(ComponentDown, Usually),
			everywhere(KubeletCutOff, Usually), everywhere(NodeNotReady, Sometimes), everywhere(PodsNotStarting, Sometimes), everywhere(PodsCrashing, Sometimes), everywhere(PodsUnready, Sometimes),
			everywhere(APISlow, Sometimes), everywhere(APIWritesFail, Sometimes)}, // between two deaths, or while it is not ready
		Observe: apiDown,
	}, {
		ID: APISlow, Title: "requests to the API server take long",
		LeadsTo: []Edge{everywhere(ControllersIdle, Sometimes), everywhere(SchedulerIdle, Sometimes), everywhere(KubeletCutOff, Sometimes), everywhere(NodeNotReady, Sometimes)},
		Observe: apiSlow,
	}, {
		ID: APIWritesFail, Title: "objects cannot be written",
		LeadsTo: []Edge{everywhere(ControllersIdle, Usually), everywhere(SchedulerIdle, Usually), everywhere(NodeNotReady, Sometimes),
			everywhere(PodsNotStarting, Sometimes)},
		Observe: apiWritesFail,
	}}
}

func apiDown(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Cluster == nil || s.Cluster.API.URL == "" {
		return NotLooked, nil
	}
	a := s.Cluster.API
	switch {
	case !a.Reachable:
		return saw(a.URL, orWords(a.Error, "no answer"), "an answer")
	case a.Ready:
		return Absent, nil
	case len(a.Failing) > 0:
		return saw(a.URL+"/readyz", "failing: "+strings.Join(a.Failing, ", "), "ok")
	case a.Error != "":
		return saw(a.URL+"/readyz", a.Error, "ok")
	}
	return NotLooked, nil
}

// apiSlow goes by the writes that the API server counts and by the median of
// small reads, so that one late answer is none. Reads do not wait for etcd's
// disk: while no write was counted, quick ones say nothing of a server whose
// etcd is slow.
func apiSlow(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Cluster == nil || !s.Cluster.API.Reachable {
		return NotLooked, nil
	}
	a, limit := s.Cluster.API, slowRequestMs*slack(s)
	var facts []finding.Fact
	if w := a.Writes; w != nil && w.Recent > 0 && w.RecentMs >= limit {
		facts = append(facts, finding.Fact{Source: a.URL + "/metrics", Want: "under " + ms(limit),
			Got: fmt.Sprintf("the mean of %d writes in %s is %s, and %s since it started", w.Recent, ms(w.WindowMs), ms(w.RecentMs), ms(w.MeanMs))})
	}
	sorted := slices.Sorted(slices.Values(a.LatencyMs))
	if n := len(sorted); n > 0 && sorted[n/2] >= limit {
		facts = append(facts, finding.Fact{Source: a.URL, Want: "under " + ms(limit),
			Got: fmt.Sprintf("half of %d small reads take %s or more", n, ms(sorted[n/2]))})
	}
	written := a.Writes != nil && a.Writes.Recent > 0
	if len(facts) > 0 || written {
		return verdict(facts)
	}
	if slow, _ := etcdSlow(s); slow == Seen {
		if facts = slowWrites(s); len(facts) == 0 {
			return NotLooked, nil
		}
		return Seen, facts
	}
	if len(sorted) == 0 {
		return NotLooked, nil
	}
	return Absent, nil
}

// slowWrites are recent lines in which the API server says that a write took
// longer than half a second, which is where it begins to say so.
func slowWrites(s *snapshot.Snapshot) []finding.Fact {
	if s.Logs == nil {
		return nil
	}
	var facts []finding.Fact
	for _, o := range s.Logs.Seen(logAPISlowRequest, s.At, recent) {
		name, _, _ := strings.Cut(o.Params["name"], " ")
		switch name {
		case "Create", "Update", "Patch", "Delete", "GuaranteedUpdate":
			facts = append(facts, finding.Fact{Source: o.Source, Got: clip(o.Sample), At: o.Last, Want: "under " + ms(slowRequestMs)})
		}
	}
	return facts
}

// apiWritesFail believes a write that was refused; a lease that was renewed
// proves that others are taken, which a dry run does not: it ends before etcd.
func apiWritesFail(s *snapshot.Snapshot) (State, []finding.Fact) {
	c := s.Cluster
	if c == nil || !c.API.Reachable {
		return NotLooked, nil
	}
	w := c.API.Write
	if w != "" && w != "ok" && !decided(w) {
		return saw(c.API.URL, clip(w), "the write is taken")
	}
	if state, facts := etcdReadOnly(s); state == Seen {
		if more := noSpace(s); len(more) > 0 {
			facts = more
		}
		return Seen, facts
	}
	if facts := noSpace(s); len(facts) > 0 && !writtenSince(s, facts[0].At) {
		return Seen, facts
	}
	if facts := logged(s, recent, logEtcdTooLarge); len(facts) > 0 && !writtenSince(s, s.At.Add(-leaseFresh)) {
		return Seen, facts
	}
	if writtenSince(s, s.At.Add(-leaseFresh)) {
		return Absent, nil
	}
	return NotLooked, nil
}

// decided reports whether a write was refused by a decision about it, which
// tells that writes as such are taken.
func decided(w string) bool {
	for _, x := range []string{"forbidden", "denied the request", "denied request", "does not support dry run"} {
		if strings.Contains(strings.ToLower(w), x) {
			return true
		}
	}
	return false
}

// noSpace are recent lines of etcd or of the API server that say so.
func noSpace(s *snapshot.Snapshot) []finding.Fact {
	var facts []finding.Fact
	for _, f := range logged(s, recent, logEtcdNoSpace, logAPIEtcdError) {
		if strings.Contains(f.Got, "space") {
			facts = append(facts, f)
		}
	}
	return facts
}

// writtenSince reports whether a lease was renewed after t.
func writtenSince(s *snapshot.Snapshot, t time.Time) bool {
	return slices.ContainsFunc(s.Cluster.Leases, func(l snapshot.Lease) bool { return l.Renewed.After(t) })
}
