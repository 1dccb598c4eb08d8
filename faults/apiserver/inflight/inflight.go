// Package inflight is the fault of limits on requests in flight that leave room for next to
// none.
package inflight

import (
	"fmt"
	"strconv"

	"github.com/klustered/klustered/symptom"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "apiserver/inflight",
	Layer:    fault.APIServer,
	Needs:    manifest.Needs,
	Uses:     manifest.Uses,
	Detect:   manifest.DetectFlags(check),
	Explains: explains,
	Remedy:   manifest.RemedyFlags(check),
	Drill:    drill,
}

// explains is what shows when requests are turned away.
var explains = append([]symptom.Edge{
	{Symptom: symptom.APISlow, Strength: symptom.Sometimes, Cluster: true},
	{Symptom: symptom.APIWritesFail, Strength: symptom.Sometimes, Cluster: true},
	{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes, Cluster: true},
}, manifest.Explains...)

// few is the sum of both limits below which the components of an empty cluster
// get in each other's way. The defaults add up to 600.
const few = 30

// check adds up the two limits, which the API server shares out among all.
func check(s *snapshot.Snapshot) []manifest.Wrong {
	p, ok := manifest.Find(s, "kube-apiserver")
	if !ok {
		return nil
	}
	defaults := map[string]int{"max-requests-inflight": 400, "max-mutating-requests-inflight": 200}
	sum, negative := 0, ""
	var given []string
	for _, name := range []string{"max-requests-inflight", "max-mutating-requests-inflight"} {
		n := defaults[name]
		if f, ok := p.Flag(name); ok {
			x, err := strconv.ParseInt(f.Value, 0, 32)
			if err != nil {
				return nil // another fault
			}
			n = int(x)
			given = append(given, name)
			if n < 0 {
				negative = name
			}
		}
		sum += n
	}
	var out []manifest.Wrong
	for _, name := range given {
		w := manifest.Wrong{Part: p, Flag: name, Want: fmt.Sprintf("no --%s, which is %d", name, defaults[name]), Drop: true}
		switch {
		case negative == name:
			w.Why = "the API server takes no negative limit"
		case negative == "" && sum < few:
			w.Why, w.Serves = fmt.Sprintf("the API server handles %d requests at a time in all, and turns the rest away", sum), true
		default:
			continue
		}
		out = append(out, w)
		if w.Serves {
			break // one of the two is told; the fix of either is enough
		}
	}
	return out
}

// drill gives the API server a limit that it does not take.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, "kube-apiserver")
	if !ok {
		return nil, fmt.Errorf("cannot find the API server's manifest")
	}
	return p.Change().Add(p, fmt.Sprintf("--%s=-%d", fault.Pick(d, []string{"max-requests-inflight", "max-mutating-requests-inflight"}), fault.Pick(d, []int{1, 1, 10, 100}))).Plan("a limit")
}
