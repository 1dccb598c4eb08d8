// Package heartbeat is the fault of an etcd whose heartbeat and election
// timeout contradict each other.
package heartbeat

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "etcd/heartbeat",
	Layer:  fault.Etcd,
	Needs:  []snapshot.Section{snapshot.SectionStatic},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.EtcdDown, Strength: symptom.Usually},
		{Symptom: symptom.ComponentDown, Strength: symptom.Usually},
		{Symptom: symptom.APIDown, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.EtcdLeaderLost, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

const (
	beat     = "heartbeat-interval"
	election = "election-timeout"
	// etcd's own, in milliseconds.
	defaultBeat     = 100
	defaultElection = 1000
	// ratio and most are what etcd itself demands before it starts.
	ratio = 5
	most  = 50000
	// least is the heartbeat below which members disturb each other: etcd's
	// guide asks for about the round trip between them, and timers of a busy
	// machine are late by some milliseconds.
	least = 10
	// long is the election timeout from which a cluster without a leader stays
	// so for longer than the API server's clients wait.
	long = 30000
)

func detect(s *snapshot.Snapshot) []finding.Finding {
	etcd, ok := manifest.Find(s, "etcd")
	if !ok {
		return nil
	}
	b, bFlag, okB := value(etcd, beat, defaultBeat)
	e, eFlag, okE := value(etcd, election, defaultElection)
	if !okB || !okE || bFlag == nil && eFlag == nil {
		return nil // a value that is no number is a fault of the flag
	}
	why := judge(b, e)
	if why == "" {
		return nil
	}
	name := election
	if eFlag == nil {
		name = beat
	}
	x := finding.Finding{
		Subject: etcd.Subject(name), Summary: fmt.Sprintf("etcd's heartbeat of %d ms and election timeout of %d ms do not go together: %s", b, e, why),
		Commands: []string{"grep -nE 'heartbeat-interval|election-timeout' " + etcd.File.Path, manifest.Log("etcd")},
	}
	for _, f := range []*snapshot.Flag{bFlag, eFlag} {
		if f != nil {
			x.Facts = append(x.Facts, etcd.Quote(f.Line, fmt.Sprintf("%d and %d, etcd's own", defaultBeat, defaultElection)))
		}
	}
	return []finding.Finding{x}
}

// judge says what is wrong with the two, in milliseconds.
func judge(b, e int) string {
	switch {
	case b <= 0 || e <= 0:
		return "etcd does not start with one that is not above 0"
	case e < ratio*b:
		return fmt.Sprintf("etcd does not start where the timeout is not at least %d times the heartbeat", ratio)
	case e > most:
		return fmt.Sprintf("etcd does not start with a timeout above %d ms", most)
	case b < least:
		return "at that pace members take each other for dead whenever the machine is busy"
	case e >= long:
		return "without a leader nothing is written until the timeout is over"
	}
	return ""
}

// value is what the flag sets, in milliseconds; f is nil where it is not set.
func value(etcd manifest.Part, name string, without int) (ms int, f *snapshot.Flag, ok bool) {
	x, set := etcd.Flag(name)
	if !set {
		return without, nil, true
	}
	ms, err := strconv.Atoi(x.Value)
	return ms, &x, err == nil
}

// remedy drops both: etcd's own go together.
func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	etcd, ok := manifest.Find(s, "etcd")
	if !ok {
		return nil, errors.New("cannot change etcd's timing: its manifest was not read")
	}
	change := etcd.Change()
	for _, f := range etcd.Container.Flags {
		if f.Name == beat || f.Name == election {
			change.Drop(f)
		}
	}
	return change.Plan("etcd's own heartbeat and election timeout go together")
}

// drill sets one of the two so that etcd does not start.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	etcd, ok := manifest.Find(s, "etcd")
	if !ok {
		return nil, errors.New("cannot change etcd's timing: no manifest of this node starts it")
	}
	name, ms := beat, d.Int(4, 20)*100
	if d.Int(0, 1) == 0 {
		name, ms = election, d.Int(10, 49)*10
	}
	return etcd.Change().Set(etcd, name, strconv.Itoa(ms)).Plan("another timing")
}
