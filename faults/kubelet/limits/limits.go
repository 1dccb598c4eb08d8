// Package limits is the fault of a kubelet whose times are such that it is taken
// for dead, or gives its runtime up.
package limits

import (
	"fmt"
	"strconv"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/kubelet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "kubelet/limits",
	Layer:  fault.Kubelet,
	Needs:  []snapshot.Section{snapshot.SectionKubelet},
	Uses:   []snapshot.Section{snapshot.SectionCluster, snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.PodsUnwatched, Strength: symptom.Sometimes},
		// The node goes and comes, and its pods' endpoints with it.
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.RuntimeDown, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsEvicted, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

// A limit is a setting with times that a cluster does not live with.
type limit struct {
	key  string
	bad  func(time.Duration) bool
	want string
	why  string
}

var limits = []limit{
	{"nodeLeaseDurationSeconds", func(d time.Duration) bool { return d/4 >= 40*time.Second }, "40",
		"the lease is renewed once in a quarter of that time, and the controllers take a node for dead after 50 s without it"},
	{"runtimeRequestTimeout", func(d time.Duration) bool { return d > 0 && d < 2*time.Second }, "2m0s",
		"the kubelet gives every request to the runtime up that takes longer, and those that start containers do"},
	{"nodeStatusUpdateFrequency", func(d time.Duration) bool { return d > 5*time.Minute }, "10s",
		"what befalls the node is not told for that long"},
}

// value is a setting as a time: what is a plain number is seconds.
func value(k *snapshot.Kubelet, key string) (time.Duration, bool) {
	v := k.Effective[key].Value
	if n, err := strconv.Atoi(v); err == nil {
		return time.Duration(n) * time.Second, true
	}
	d, err := time.ParseDuration(v)
	return d, err == nil
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	k := s.Kubelet
	var out []finding.Finding
	seen := map[string]bool{}
	for _, l := range limits {
		d, ok := value(k, l.key)
		e := k.Effective[l.key]
		if !ok || !l.bad(d) || !kubelet.Set(k, l.key) || seen[e.Source] {
			continue
		}
		seen[e.Source] = true
		f := finding.Finding{
			Subject:  finding.Subject{Kind: "file", Name: e.Source},
			Summary:  fmt.Sprintf("%s (%s): %s", kubelet.Says(l.key, e.Origin), kubelet.Where(e.Origin), l.why),
			Facts:    kubelet.Facts(k, l.key, l.key+": "+l.want),
			Commands: kubelet.Commands("kubectl -n kube-node-lease get lease " + s.Node + " -o yaml"),
		}
		if s.Cluster != nil && l.key == "nodeLeaseDurationSeconds" {
			for _, x := range s.Cluster.Leases {
				if x.Namespace == "kube-node-lease" && x.Name == s.Node {
					f.Facts = append(f.Facts, finding.Fact{Source: "leases/kube-node-lease/" + x.Name, Got: fmt.Sprintf("renewed %s ago", s.At.Sub(x.Renewed).Round(time.Second)), Want: "every 10 s", At: x.Renewed})
				}
			}
		}
		out = append(out, f)
	}
	return out
}

func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	values := map[string]string{}
	for _, l := range limits {
		if d, ok := value(s.Kubelet, l.key); ok && l.bad(d) && s.Kubelet.Effective[l.key].Source == f.Subject.Name {
			values[l.key] = ""
		}
	}
	return kubelet.Want(s.Kubelet, values, "the default")
}

// drill lets the kubelet renew its lease so seldom that it is taken for dead.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	return kubelet.Vary(s.Kubelet, d, "nodeLeaseDurationSeconds", fault.Pick(d, []string{"1200", "1800", "2400", "3600"}))
}
