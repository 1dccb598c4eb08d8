// Package memberlost is the fault of an etcd member that is on the list and
// not there.
package memberlost

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "etcd/memberlost",
	Layer:  fault.Etcd,
	Needs:  []snapshot.Section{snapshot.SectionEtcd},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.EtcdNoQuorum, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.EtcdLeaderLost, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.EtcdDown, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	e := s.Etcd
	if len(e.Members) < 2 || !e.Reachable && e.Failure != snapshot.EtcdNoLeader {
		return nil // nobody else can be told of by a member that does not run
	}
	voters, lost := 0, []snapshot.EtcdMember(nil)
	for _, m := range e.Members {
		if !m.Learner {
			voters++
		}
		if absent(e, m) {
			lost = append(lost, m)
		}
	}
	var out []finding.Finding
	for _, m := range lost {
		out = append(out, tell(e, m, voters, lost))
	}
	return out
}

// absent reports whether nobody answers at the member's addresses. One that
// answers and refuses us is there.
func absent(e *snapshot.Etcd, m snapshot.EtcdMember) bool {
	if started(m) {
		asked := false
		for _, x := range e.Endpoints {
			if x.Member != m.Name && x.ID != m.ID && !slices.Contains(m.ClientURLs, x.URL) {
				continue
			}
			asked = true
			if x.Reachable || x.Failure != snapshot.EtcdRefused && x.Failure != snapshot.EtcdSilent && x.Failure != snapshot.EtcdUnreachable {
				return false
			}
		}
		return asked
	}
	return true
}

// started reports whether the member ever ran: its name and the addresses for
// clients are told by itself.
func started(m snapshot.EtcdMember) bool { return m.Name != "" && len(m.ClientURLs) > 0 }

func tell(e *snapshot.Etcd, m snapshot.EtcdMember, voters int, lost []snapshot.EtcdMember) finding.Finding {
	gone := 0
	for _, x := range lost {
		if !x.Learner {
			gone++
		}
	}
	left, need := voters-gone, voters/2+1
	how := "does not answer"
	if !started(m) {
		how = "was added and never started"
	}
	name := called(m)
	state := fmt.Sprintf("%d of %d members that vote are there, and %d are needed", left, voters, need)
	switch {
	case m.Learner:
		state += "; it is a learner, which has no vote"
	case left < need:
		state += ": nothing can be written"
	case left == need:
		state += ": without one more nothing can be written"
	}
	f := finding.Finding{
		Subject: finding.Subject{Kind: "member", Name: name}, Summary: fmt.Sprintf("the etcd member %s %s: %s", name, how, state),
		Facts:    []finding.Fact{{Source: place(e), Got: fmt.Sprintf("member %s %q, peers at %s, clients at %s", m.ID, m.Name, list(m.PeerURLs), list(m.ClientURLs)), Want: "a member that answers"}},
		Commands: []string{"etcdctl member list -w table", "etcdctl endpoint status --cluster -w table"},
	}
	for _, x := range e.Endpoints {
		if slices.Contains(m.ClientURLs, x.URL) {
			f.Facts = append(f.Facts, finding.Fact{Source: x.URL, Got: x.Error})
		}
	}
	f.Facts = slices.DeleteFunc(f.Facts, func(x finding.Fact) bool { return x.Got == "" })
	return f
}

// called is how a member is told of: one that never started has no name.
func called(m snapshot.EtcdMember) string {
	if m.Name == "" {
		return strings.Join(m.PeerURLs, ",")
	}
	return m.Name
}

func list(x []string) string {
	if len(x) == 0 {
		return "none"
	}
	return strings.Join(x, ", ")
}

func place(e *snapshot.Etcd) string {
	if e.Endpoint != "" {
		return e.Endpoint
	}
	return e.DBPath
}
