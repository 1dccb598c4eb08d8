package faulttest

import (
	"slices"
	"time"

	"github.com/klustered/klustered/snapshot"
)

// standard are the consequences of faults, as far as rules and symptoms look
// at them, in the order in which they follow from each other. What is here was
// seen on a real node; the laws do not rest on it for anything that a rule
// finds by itself. Each list is in the file effect_AREA.go.
var standard = slices.Concat(hostEffects, unitEffects, runtimeEffects, networkEffects, etcdEffects, kubeletEffects, controlEffects, objectEffects)

// observe adds a log line that was written a moment ago.
func observe(s *snapshot.Snapshot, id, source, sample string, params map[string]string) {
	if s.Logs == nil {
		return
	}
	s.Logs.Observations = append(s.Logs.Observations, snapshot.Observation{
		ID: id, Source: source, Sample: sample, Params: params, Count: 12,
		First: s.At.Add(-3 * time.Minute), Last: s.At.Add(-5 * time.Second),
	})
}

// notReady marks this node's object.
func notReady(s *snapshot.Snapshot, status, reason, message string) {
	if s.Cluster == nil {
		return
	}
	for i := range s.Cluster.Nodes {
		if n := &s.Cluster.Nodes[i]; n.Name == s.Node && n.Ready == "True" {
			n.Ready = status
			n.Conditions = []snapshot.Condition{{Type: "Ready", Status: status, Reason: reason, Message: message, Since: s.At.Add(-time.Minute)}}
		}
	}
}
