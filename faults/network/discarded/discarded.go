// Package discarded is the fault of a filter of traffic control (tc) that drops
// what Kubernetes lives by.
package discarded

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/packet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. Programs of BPF are not judged:
// what one lets through is not to be seen.
var Fault = &fault.Fault{
	ID:    "network/discarded",
	Layer: fault.Network,
	Needs: []snapshot.Section{snapshot.SectionNetwork},
	Uses: []snapshot.Section{snapshot.SectionStatic, snapshot.SectionKubelet, snapshot.SectionKubeconfigs, snapshot.SectionCluster,
		snapshot.SectionNames, snapshot.SectionPersistence},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletPortDead, Strength: symptom.Sometimes},
		{Symptom: symptom.ControlPlanePortBlocked, Strength: symptom.Sometimes},
		{Symptom: symptom.APIDown, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.EtcdDown, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.EtcdNoQuorum, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodTrafficSlow, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.NodePortDegraded, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ControllersIdle, Strength: symptom.Sometimes},
		{Symptom: symptom.SchedulerIdle, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes, Cluster: true},
	},
}

var tool = regexp.MustCompile(`\btc\b`)

func detect(s *snapshot.Snapshot) []finding.Finding {
	host := s.Network.Host()
	if host == nil {
		return nil
	}
	var flows []packet.Flow
	var out []finding.Finding
	for _, f := range host.Filters {
		if !drops(f) {
			continue
		}
		if flows == nil {
			flows = packet.Flows(s)
		}
		ended := ends(host.Filters, f, flows)
		if len(ended) == 0 {
			continue
		}
		x := finding.Finding{
			Subject:  finding.Subject{Kind: "filter", Name: fmt.Sprintf("%s %s prio %d", f.Link, f.Parent, f.Priority)},
			Summary:  fmt.Sprintf("a filter of tc drops what comes through %s (%s): %s", f.Link, f.Parent, strings.Join(ended, ", ")),
			Facts:    []finding.Fact{{Source: "tc filter show dev " + f.Link + " " + f.Parent, Got: text(f), Want: "no filter that drops this"}},
			Commands: []string{"tc -s filter show dev " + f.Link + " " + f.Parent, fmt.Sprintf("tc filter del dev %s %s prio %d", f.Link, f.Parent, f.Priority)},
		}
		x.Facts = append(x.Facts, packet.SetterFacts(packet.Setters(s, tool, "filter", f.Link))...)
		out = append(out, x)
	}
	return out
}

// drops reports whether a filter drops what it matches, and has done so: one
// that nothing has come to yet stops nothing.
func drops(f snapshot.TrafficFilter) bool {
	if f.Kind == "bpf" || f.Chain != 0 || f.Undecoded > 0 || len(f.Actions) == 0 {
		return false
	}
	a := f.Actions[len(f.Actions)-1]
	return a.Kind == "gact" && a.Control == "drop" && a.Packets > 0
}

// ends are the conversations of which a filter drops packets for sure, and that
// no filter before it on the same way may take out of its hands.
func ends(all []snapshot.TrafficFilter, f snapshot.TrafficFilter, flows []packet.Flow) []string {
	var out []string
	for _, flow := range flows {
		hit := slices.ContainsFunc(flow.Packets, func(p packet.Packet) bool {
			return fits(f, p) == packet.Yes && !slices.ContainsFunc(all, func(x snapshot.TrafficFilter) bool {
				return x.Link == f.Link && x.Parent == f.Parent && x.Priority < f.Priority && fits(x, p) != packet.No
			})
		})
		if hit && !slices.Contains(out, flow.String()) && len(out) < 5 {
			out = append(out, flow.String())
		}
	}
	return out
}

func text(f snapshot.TrafficFilter) string {
	match := strings.Join(f.Match, " ")
	if match == "" {
		match = "everything"
	}
	a := f.Actions[len(f.Actions)-1]
	return fmt.Sprintf("filter protocol %s pref %d %s %s: action %s, %d packets", f.Protocol, f.Priority, f.Kind, match, a.Control, a.Packets)
}
