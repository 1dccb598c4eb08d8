// Package blackholed is the fault of a route, or of a rule of routing, that
// ends what Kubernetes sends.
package blackholed

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/packet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is the declaration.
var Fault = &fault.Fault{
	ID:    "network/blackholed",
	Layer: fault.Network,
	Needs: []snapshot.Section{snapshot.SectionNetwork},
	Uses: []snapshot.Section{snapshot.SectionStatic, snapshot.SectionKubelet, snapshot.SectionKubeconfigs, snapshot.SectionCluster,
		snapshot.SectionNames, snapshot.SectionPersistence},
	Explains: []symptom.Edge{
		{Symptom: symptom.PodTrafficSlow, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.NodePortDegraded, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.KubeletPortDead, Strength: symptom.Sometimes},
		{Symptom: symptom.ControlPlanePortBlocked, Strength: symptom.Sometimes},
		{Symptom: symptom.APIDown, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.EtcdNoQuorum, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.FixUndone, Strength: symptom.Sometimes},
	},
	Detect: detect,
	Remedy: remedy,
	Drill:  drill,
}

// A hole is an entry that ends packets, and the flows that it ends.
type hole struct {
	kind  string // route or rule; "" where no route leads on
	text  string
	words []string // by which a command that makes it is known
	ends  string
	flows []packet.Flow
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, h := range holes(s) {
		out = append(out, finding.Finding{Subject: h.subject(), Summary: h.summary(), Facts: h.facts(s), Commands: h.commands()})
	}
	return out
}

func holes(s *snapshot.Snapshot) []hole {
	var out []hole
	for _, f := range packet.Flows(s) {
		for _, p := range f.Packets {
			if p.Hook != "output" && p.Hook != "forward" || p.In != "" && p.In == p.Out { // the last stay on a bridge
				continue
			}
			w := packet.Routed(s.Network.Host(), p)
			if w.Ends == "" || !w.Known {
				continue
			}
			h := holeOf(w, p)
			i := slices.IndexFunc(out, func(x hole) bool { return x.kind == h.kind && x.text == h.text })
			if i < 0 {
				i = len(out)
				out = append(out, h)
			}
			if !slices.ContainsFunc(out[i].flows, func(y packet.Flow) bool { return y.String() == f.String() }) {
				out[i].flows = append(out[i].flows, f)
			}
		}
	}
	return out
}

func holeOf(w packet.Way, p packet.Packet) hole {
	switch {
	case w.Route != nil:
		return hole{kind: "route", text: w.Route.Text(), ends: w.Ends, words: []string{w.Ends, strings.TrimSuffix(w.Route.Dst, "/32")}}
	case w.Rule != nil:
		words := []string{w.Ends}
		for _, x := range []string{w.Rule.From, w.Rule.To} {
			if x != "" {
				words = append(words, strings.TrimSuffix(x, "/32"))
			}
		}
		return hole{kind: "rule", text: w.Rule.Text(), ends: w.Ends, words: words}
	}
	return hole{text: p.To.String(), ends: w.Ends}
}

func (h hole) subject() finding.Subject {
	if h.kind == "" {
		return finding.Subject{Kind: "destination", Name: h.text}
	}
	return finding.Subject{Kind: h.kind, Name: h.text}
}

func (h hole) summary() string {
	f := h.flows[0]
	what := fmt.Sprintf("%s at %s", f.Name, f.To)
	if n := len(h.flows); n > 1 {
		what += fmt.Sprintf(", and %d more", n-1)
	}
	if h.kind == "" {
		return "no route leads to " + what
	}
	return fmt.Sprintf("the %s %q ends packets to %s", h.kind, h.text, what)
}

func (h hole) facts(s *snapshot.Snapshot) []finding.Fact {
	source := "ip " + h.kind
	want := "none that ends these packets"
	if h.kind == "" {
		source, want = "ip route", "a route, or a default route"
	}
	facts := []finding.Fact{{Source: source, Got: h.ends + ": " + h.text, Want: want}}
	for i, f := range h.flows {
		if i < 3 {
			facts = append(facts, finding.Fact{Source: source, Got: fmt.Sprintf("ends %s, %s to %s", f.Name, f.From, f.To)})
		}
	}
	return append(facts, packet.SetterFacts(h.setters(s))...)
}

func (h hole) setters(s *snapshot.Snapshot) []snapshot.Persistent {
	if h.kind == "" {
		return nil
	}
	return packet.Setters(s, packet.RouteTools, h.words...)
}

func (h hole) commands() []string {
	return []string{"ip rule; ip route show table all", fmt.Sprintf("ip route get %s", h.flows[0].To)}
}

func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, h := range holes(s) {
		if h.subject() != f.Subject {
			continue
		}
		if h.kind == "" {
			return nil, fmt.Errorf("cannot tell which way leads to %s: add the route, or bring up the interface that had it", h.text)
		}
		plan, err := fault.UprootAll(h.setters(s), "it sets the "+h.kind+" again")
		if err != nil {
			return nil, err
		}
		return append(plan, op.DeleteRoute{Route: op.Route{Kind: h.kind, Text: h.text}, Why: "it ends packets to " + h.flows[0].Name}), nil
	}
	return nil, fmt.Errorf("cannot find %s: the snapshot does not show it", f.Subject)
}

// drill ends what this node sends to a Service, by a route that is narrower
// than the default one, or by a rule before all tables; half of the time again
// after a boot.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	var targets []packet.Flow
	for _, f := range packet.Flows(s) {
		if strings.HasPrefix(f.Name, "the Service ") && !strings.Contains(f.Name, "default/") && f.Protocol == "tcp" {
			targets = append(targets, f)
		}
	}
	if len(targets) == 0 {
		return nil, errors.New("cannot choose a Service: none was seen")
	}
	f, kind := fault.Pick(d, targets), fault.Pick(d, []string{"blackhole", "unreachable", "prohibit"})
	r, command := op.Route{Kind: "route", Text: fmt.Sprintf("%s %s/32 table 254 proto static", kind, f.To)}, fmt.Sprintf("/usr/sbin/ip route add %s %s proto static", kind, f.To)
	if d.Int(0, 1) == 0 {
		n := d.Int(20, 900)
		r = op.Route{Kind: "rule", Text: fmt.Sprintf("priority %d from all to %s/32 %s", n, f.To, kind)}
		command = fmt.Sprintf("/usr/sbin/ip rule add priority %d to %s %s", n, f.To, kind)
	}
	plan := op.Plan{op.AddRoute{Route: r}}
	if d.Int(0, 1) == 0 {
		return plan, nil
	}
	return append(packet.AtBoot(d.Name(), command), plan...), nil
}
