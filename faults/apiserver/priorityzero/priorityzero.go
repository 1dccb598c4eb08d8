// Package priorityzero is the fault of a priority level without any share,
// and of the system's requests being sent there.
package priorityzero

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "apiserver/priorityzero",
	Layer:  fault.APIServer,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.SchedulerIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ControllersIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.KubeletRejected, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.APISlow, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
}

// shares are those that the API server gives its own levels.
var shares = map[string]int64{
	"node-high": 40, "system": 30, "leader-election": 10, "workload-high": 40, "workload-low": 100, "global-default": 20, "catch-all": 5,
}

// starved reports whether a level lets one request through at a time, and
// no more: it has no share and may not borrow any.
func starved(l snapshot.PriorityLevel) bool {
	return l.Type == "Limited" && l.Shares == 0 && l.Name != "exempt" && (shares[l.Name] > 0 || l.Borrow != nil && *l.Borrow == 0)
}

// system are the subjects without whose requests a cluster does not live.
func system(subjects []string) []string {
	var out []string
	for _, s := range subjects {
		switch {
		case s == "User:system:kube-scheduler", s == "User:system:kube-controller-manager", s == "Group:system:nodes", s == "Group:system:serviceaccounts",
			s == "Group:system:authenticated", s == "User:*", s == "Group:*", strings.HasPrefix(s, "ServiceAccount:kube-system/"), strings.HasPrefix(s, "User:system:node:"):
			out = append(out, s)
		}
	}
	return out
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, l := range s.Cluster.PriorityLevels {
		if !starved(l) {
			continue
		}
		want := "a share above 0"
		if n := shares[l.Name]; n > 0 {
			want = fmt.Sprintf("nominalConcurrencyShares: %d", n)
		}
		facts := []finding.Fact{{Source: "PriorityLevelConfiguration " + l.Name, Got: fmt.Sprintf("nominalConcurrencyShares: %d, %s", l.Shares, l.Response), Want: want}}
		who := []string{}
		for _, f := range s.Cluster.FlowSchemas {
			if list := system(f.Subjects); f.Level == l.Name && len(list) > 0 && !outranked(s.Cluster, f) {
				who = append(who, list...)
				facts = append(facts, finding.Fact{Source: "FlowSchema " + f.Name, Got: fmt.Sprintf("matchingPrecedence %d: %s goes there with %s", f.Precedence, strings.Join(list, ", "), strings.Join(f.Rules, "; "))})
			}
		}
		if len(who) == 0 {
			continue
		}
		out = append(out, finding.Finding{
			Subject:  object.Subject("PriorityLevelConfiguration", "", l.Name),
			Summary:  fmt.Sprintf("priority level %s has no share, and requests of %s go there", l.Name, strings.Join(slices.Compact(who), ", ")),
			Facts:    facts,
			Commands: []string{"kubectl get prioritylevelconfigurations,flowschemas --sort-by=.spec.matchingPrecedence", "kubectl get --raw /debug/api_priority_and_fairness/dump_priority_levels"},
		})
	}
	return out
}

// outranked reports whether everybody's requests, of anything, come to a
// schema before f: what is after it has no effect.
func outranked(c *snapshot.Cluster, f snapshot.FlowSchema) bool {
	return slices.ContainsFunc(c.FlowSchemas, func(x snapshot.FlowSchema) bool {
		return x.Precedence < f.Precedence && slices.Contains(x.Subjects, "Group:system:authenticated") && slices.Contains(x.Rules, "* on */*")
	})
}

// remedy gives the level the share that it has by default, or the one of all
// that nobody thought of.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	_, name, _ := strings.Cut(f.Subject.Name, " ")
	n := shares[name]
	if n == 0 {
		n = shares["global-default"]
	}
	if !slices.ContainsFunc(s.Cluster.PriorityLevels, func(l snapshot.PriorityLevel) bool { return l.Name == name }) {
		return nil, errors.New("cannot change the priority level: it is gone")
	}
	set, err := object.Set("PriorityLevelConfiguration", "", name, n, 0, "give the priority level "+name+" a share", "spec", "limited", "nominalConcurrencyShares")
	return op.Plan{set}, err
}
