// Package ipamexhausted is the fault of a node that has no address left for
// its pods.
package ipamexhausted

import (
	"fmt"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/podnet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "cni/ipamexhausted",
	Layer:  fault.CNI,
	Needs:  []snapshot.Section{snapshot.SectionCNI},
	Uses:   podnet.Sections,
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.SandboxFailing, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually},
		{Symptom: symptom.PodNetworkDown, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

// A used is a set of ranges of which nothing is left.
type used struct {
	file   snapshot.CNIFile
	net    snapshot.IPAMNetwork
	ranges []snapshot.IPAMRange
}

// find returns the first set that is used up, of the configuration in force:
// each pod needs an address of every set.
func find(s *snapshot.Snapshot) (used, bool) {
	files := podnet.Loaded(s)
	if len(files) == 0 || podnet.Look(s).Kind != podnet.Fine {
		return used{}, false
	}
	for _, n := range s.CNI.IPAM {
		sets, free := map[int][]snapshot.IPAMRange{}, map[int]uint64{}
		for _, r := range n.Ranges {
			sets[r.Set], free[r.Set] = append(sets[r.Set], r), free[r.Set]+r.Free
		}
		for i := range len(sets) {
			if n.Config == files[0].Path && len(sets[i]) > 0 && free[i] == 0 {
				return used{files[0], n, sets[i]}, true
			}
		}
	}
	return used{}, false
}

func (u used) span() string {
	var out []string
	for _, r := range u.ranges {
		out = append(out, r.From+" to "+r.To)
	}
	return strings.Join(out, ", ")
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	u, ok := find(s)
	if !ok {
		return nil
	}
	n := u.net
	var total uint64
	for _, r := range u.ranges {
		total += r.Total
	}
	summary := fmt.Sprintf("network %q has no address left for pods: all %d of %s are given", n.Name, total, u.span())
	if n.Leaked > 0 {
		summary += fmt.Sprintf(", %d of them to containers that are gone", n.Leaked)
	}
	facts := []finding.Fact{{Source: n.Dir, Got: fmt.Sprintf("%d addresses are given, %d of them to containers that the runtime does not have", n.Used, n.Leaked), Want: "an address that is free"}}
	for _, word := range []string{"rangeStart", "rangeEnd", u.ranges[0].Subnet, "subnet"} {
		if _, line := u.file.Find(word); line > 0 {
			facts = append(facts, finding.Fact{Source: u.file.Path, Line: line, Got: podnet.Line(u.file, line)})
			break
		}
	}
	return []finding.Finding{{
		Subject:  finding.Subject{Kind: "network", Name: n.Name},
		Summary:  summary,
		Facts:    append(facts, podnet.Facts(s)...),
		Commands: podnet.Commands(s, "ls "+n.Dir+" | wc -l", "crictl pods -q | wc -l", "grep -r -L -f <(crictl pods -q --no-trunc) "+n.Dir),
	}}
}

// fresh is how long ago an address may have been given to a pod that the
// runtime does not list yet, or how long after the collection began.
const fresh = time.Minute

// remedy puts back the ranges with which the node's pods were attached, where
// the file has others, and else frees what containers that are gone hold.
func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	u, ok := find(s)
	if !ok {
		return nil, fmt.Errorf("cannot free addresses: some are left")
	}
	if own, ok := podnet.Own(s); ok && podnet.Same(own, u.file) && strings.TrimSpace(own.Content) != strings.TrimSpace(u.file.Content) && !strings.Contains(own.Content, `"rangeEnd"`) {
		return podnet.Replace(s, u.file)
	}
	var plan op.Plan
	for _, a := range u.net.Addresses {
		age := s.At.Sub(a.Modified)
		if a.Known != snapshot.No || a.Sum == "" || age.Abs() < fresh {
			continue
		}
		plan = append(plan, op.RemoveFile{Path: u.net.Dir + "/" + a.IP, Pin: a.Sum, Why: "its container is gone"})
	}
	if len(plan) == 0 {
		return nil, fmt.Errorf("cannot free addresses of %s: containers that are there hold them all; give the node a larger podCIDR, or lower the kubelet's maxPods", u.net.Name)
	}
	return plan, nil
}
