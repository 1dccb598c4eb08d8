// Package reserved is the fault of a kubelet that keeps so much back that nothing is
// left for pods, or evicts them at once.
package reserved

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/component"
	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/certs"
	"github.com/klustered/klustered/fault/kubelet"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "kubelet/reserved",
	Layer:  fault.Kubelet,
	Needs:  []snapshot.Section{snapshot.SectionKubelet, snapshot.SectionHost},
	Uses:   []snapshot.Section{snapshot.SectionCluster, snapshot.SectionLogs, snapshot.SectionStatic, snapshot.SectionProcesses, snapshot.SectionRuntime},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.NodePressure, Strength: symptom.Usually},
		{Symptom: symptom.NodeFull, Strength: symptom.Sometimes},
		{Symptom: symptom.KubeletCrashing, Strength: symptom.Sometimes},
		{Symptom: symptom.KubeletDown, Strength: symptom.Sometimes},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsEvicted, Strength: symptom.Usually},
		{Symptom: symptom.EtcdDown, Strength: symptom.Sometimes}, // turned away as any other pod
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsUnschedulable, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

// most is the share of the node that may be kept back before that is said to
// leave nothing, and much the share from which an eviction threshold is one
// that a healthy node lies below.
const (
	most = 0.95
	much = 0.6
)

// A greed is settings that keep too much of one resource back.
type greed struct {
	keys []string // the largest share first
	why  string
}

func amount(v string, whole float64) (float64, bool) {
	if p, ok := strings.CutSuffix(v, "%"); ok {
		x, err := strconv.ParseFloat(p, 64)
		return x / 100 * whole, err == nil
	}
	q, err := component.Quantity(v)
	if err != nil || v == "" {
		return 0, false
	}
	x, _ := q.Float64()
	return x, true
}

// greeds are the resources of which nothing is left, and the thresholds below
// which the node would always be.
func greeds(s *snapshot.Snapshot) []greed {
	k := s.Kubelet
	var out []greed
	for _, r := range []struct {
		name  string
		whole float64
	}{{"cpu", float64(s.Host.CPUs)}, {"memory", float64(s.Host.MemTotal)}} {
		sum, keys := 0.0, []string(nil)
		for _, of := range []string{"systemReserved.", "kubeReserved."} {
			if x, ok := amount(k.Effective[of+r.name].Value, r.whole); ok && x > 0 && kubelet.Set(k, of+r.name) {
				sum += x
				if keys = append(keys, of+r.name); x > sum-x && len(keys) > 1 {
					keys[0], keys[1] = keys[1], keys[0]
				}
			}
		}
		if len(keys) > 0 && r.whole > 0 && sum >= most*r.whole {
			out = append(out, greed{keys, fmt.Sprintf("%.0f%% of the node's %s is kept from pods", 100*sum/r.whole, r.name)})
		}
	}
	for _, of := range []string{"evictionHard.", "evictionSoft."} {
		for _, signal := range []string{"memory.available", "nodefs.available", "imagefs.available", "nodefs.inodesFree", "imagefs.inodesFree", "pid.available"} {
			key := of + signal
			whole := 100.0
			if signal == "memory.available" {
				whole = float64(s.Host.MemTotal)
			}
			v := k.Effective[key].Value
			x, ok := amount(v, whole)
			if whole == 100 && !strings.HasSuffix(v, "%") {
				ok = false // an amount of a disk that is not known here
			}
			if ok && whole > 0 && kubelet.Set(k, key) && x >= much*whole {
				out = append(out, greed{[]string{key}, fmt.Sprintf("pods are evicted as soon as less than %.0f%% of %s is free", 100*x/whole, what(signal))})
			}
		}
	}
	return out
}

func what(signal string) string {
	return map[string]string{"memory.available": "the memory", "nodefs.available": "the kubelet's disk", "imagefs.available": "the images' disk",
		"nodefs.inodesFree": "the inodes of the kubelet's disk", "imagefs.inodesFree": "the inodes of the images' disk", "pid.available": "the process IDs"}[signal]
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	k := s.Kubelet
	all := greeds(s)
	if len(all) == 0 {
		return nil
	}
	e := k.Effective[all[0].keys[0]]
	f := finding.Finding{
		Subject:  finding.Subject{Kind: "file", Name: e.Source},
		Summary:  fmt.Sprintf("%s (%s): %s", kubelet.Says(all[0].keys[0], e.Origin), kubelet.Where(e.Origin), all[0].why),
		Commands: kubelet.Commands("kubectl describe node " + s.Node + " | grep -A8 -e Conditions -e Allocatable"),
	}
	for _, g := range all {
		for _, key := range g.keys {
			f.Facts = append(f.Facts, kubelet.Facts(k, key, "a small part of the node: "+g.why)...)
		}
	}
	f.Facts = append(f.Facts, finding.Fact{Source: "/proc/meminfo", Got: fmt.Sprintf("%.1f GiB of memory, %.1f of it available, and %d CPUs", gib(s.Host.MemTotal), gib(s.Host.MemFree), s.Host.CPUs)})
	f.Facts = append(append(f.Facts, kubelet.Exits(s)...), kubelet.Logged(s, 2*time.Minute, []string{"kubelet-evicting", "kubelet-reserved-failed"})...)
	return []finding.Finding{f}
}

func gib(n uint64) float64 { return float64(n) / (1 << 30) }

// remedy takes the settings away: the defaults keep little back.
func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	values := map[string]string{}
	for _, g := range greeds(s) {
		for _, key := range g.keys {
			values[key] = map[string]string{"evictionHard.memory.available": "100Mi", "evictionHard.nodefs.available": "10%", "evictionHard.imagefs.available": "15%",
				"evictionHard.nodefs.inodesFree": "5%", "evictionHard.imagefs.inodesFree": "5%"}[key]
		}
	}
	plan, err := kubelet.Want(s.Kubelet, values, "pods need the node")
	if err != nil {
		return nil, err
	}
	return admitted(s, plan), nil
}

// admitted has a kubelet that runs, and has told the API what little room it
// has, find its static pods' room there when it starts again: it would turn them
// away, and end an etcd that runs. Where that has ended already the API can be
// told nothing, but still tells what it heard: it is ended too, and the kubelet
// goes by what there is.
func admitted(s *snapshot.Snapshot, plan op.Plan) op.Plan {
	i := slices.IndexFunc(plan, func(o op.Op) bool { u, ok := o.(op.Unit); return ok && u.Verb == "restart" })
	if i < 0 || !s.Kubelet.Running {
		return plan
	}
	between := untold(s)
	if room := untapped(s); len(between) == 0 && len(room) > 0 {
		between = op.Plan{op.NodeRoom{Node: s.Node, Room: room, Why: "a kubelet that starts goes by it"}}
	}
	if len(between) == 0 {
		return plan
	}
	return slices.Concat(plan[:i], op.Plan{op.Unit{Verb: "stop", Name: kubelet.Unit}}, between, op.Plan{op.Unit{Verb: "start", Name: kubelet.Unit}}, plan[i+1:])
}

// untold ends this node's API server where the etcd beside it has ended, and no
// other node's could tell the kubelet the same.
func untold(s *snapshot.Snapshot) op.Plan {
	if s.Cluster == nil || len(s.Cluster.Nodes) == 0 || slices.ContainsFunc(s.Cluster.Nodes, func(n snapshot.Node) bool { return n.ControlPlane && n.Name != s.Node }) {
		return nil
	}
	_, serves := manifest.Running(s, "kube-apiserver")
	_, stores := manifest.Running(s, "etcd")
	if _, here := manifest.Find(s, "etcd"); !here || !serves || stores {
		return nil
	}
	plan := certs.RestartStatic(s, "kube-apiserver")
	for i, o := range plan {
		if r, ok := o.(op.RestartStatic); ok {
			r.Why = "it tells the kubelet what the node had to give, and nothing can be written to it"
			plan[i] = r
		}
	}
	return plan
}

// untapped is the room of the node, of what the API knows less.
func untapped(s *snapshot.Snapshot) map[string]string {
	if s.Cluster == nil || s.Cluster.Source != "api" {
		return nil
	}
	n, _ := s.Cluster.Node(s.Node)
	room := map[string]string{}
	for _, r := range []string{"cpu", "memory"} {
		if whole := n.Capacity[r]; whole != "" && n.Allocatable[r] != whole {
			room[r] = whole
		}
	}
	return room
}

// drill keeps more back than there is, or evicts long before anything runs
// short.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Host == nil || s.Host.MemTotal == 0 {
		return nil, errors.New("cannot keep memory back: how much there is was not read")
	}
	if d.Int(0, 2) == 0 {
		gi := int(gib(s.Host.MemTotal)) + d.Int(2, 9)
		return kubelet.Vary(s.Kubelet, d, fault.Pick(d, []string{"systemReserved.memory", "kubeReserved.memory"}), fmt.Sprintf("%dGi", gi))
	}
	// Of a node with much memory a few percent are more than it uses.
	return kubelet.Vary(s.Kubelet, d, "evictionHard.memory.available", fmt.Sprintf("%dMi", int(s.Host.MemTotal>>20)-d.Int(10, 60)))
}
