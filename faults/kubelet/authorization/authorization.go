// Package authorization is the fault of a kubelet whose own port does not serve the API
// server, or serves everybody.
package authorization

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/kubelet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "kubelet/authorization",
	Layer:  fault.Kubelet,
	Needs:  []snapshot.Section{snapshot.SectionKubelet},
	Uses:   []snapshot.Section{snapshot.SectionPKI, snapshot.SectionNetwork},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletPortDead, Strength: symptom.Always},
	},
	Remedy: remedy,
	Drill:  drill,
}

// Who may ask the kubelet, and where it listens.
const (
	enabled   = "enableServer"
	address   = "address"
	anonymous = "authentication.anonymous.enabled"
	webhook   = "authentication.webhook.enabled"
	mode      = "authorization.mode"
)

// shut says which settings keep the API server out: then there are no logs, no
// exec, no metrics.
func shut(s *snapshot.Snapshot) (keys []string, why, want string) {
	k := s.Kubelet
	if v := k.Effective[enabled].Value; v == "false" {
		return []string{enabled}, "the kubelet serves nobody: no logs, no exec, no port-forward, no metrics", "true"
	}
	ip, err := netip.ParseAddr(k.Effective[address].Value)
	switch {
	case err != nil || ip.IsUnspecified():
	case ip.IsLoopback():
		return []string{address}, "the kubelet listens on " + ip.String() + " alone, where the API server does not reach it", "0.0.0.0"
	case s.Network != nil && !has(s.Network, ip):
		return []string{address}, "the kubelet is to listen on " + ip.String() + ", which is no address of the node", "0.0.0.0"
	}
	return nil, "", ""
}

func has(n *snapshot.Network, ip netip.Addr) bool {
	for _, x := range n.Namespaces {
		for _, l := range x.Links {
			for _, a := range l.Addresses {
				if p, err := netip.ParsePrefix(a); x.Host && err == nil && p.Addr() == ip {
					return true
				}
			}
		}
	}
	return false
}

// open says which settings let everybody in.
func open(k *snapshot.Kubelet) []string {
	if kubelet.Read(k) && k.Effective[anonymous].Value == "true" && k.Effective[mode].Value == "AlwaysAllow" {
		return []string{anonymous, mode}
	}
	return nil
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	k := s.Kubelet
	keys, why, want := shut(s)
	if keys == nil {
		keys, why, want = open(k), "whoever reaches the port may run programs in every pod of the node", "a kubelet that asks who calls, and the API server what they may do"
	}
	if len(keys) == 0 {
		return nil
	}
	e := k.Effective[keys[0]]
	f := finding.Finding{
		Subject:  finding.Subject{Kind: "file", Name: e.Source},
		Summary:  fmt.Sprintf("%s (%s): %s", kubelet.Says(keys[0], e.Origin), kubelet.Where(e.Origin), why),
		Commands: kubelet.Commands("ss -ltnp | grep 10250", "curl -sk https://127.0.0.1:10250/pods | head -c 200"),
	}
	for _, key := range keys {
		f.Facts = append(f.Facts, kubelet.Facts(k, key, want)...)
	}
	if r := k.Server; r != nil {
		f.Facts = append(f.Facts, finding.Fact{Source: r.URL, Got: strings.TrimSpace(fmt.Sprintf("%d %s %s", r.Status, r.Body, r.Error)), Want: "401 to one without credentials"})
	}
	if f.Subject.Name == "default" || f.Subject.Name == "" {
		f.Subject.Name = kubelet.Unit
	}
	return []finding.Finding{f}
}

// remedy opens what is shut to the API server, and closes what is open to
// everybody.
func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	if keys, _, want := shut(s); keys != nil {
		return kubelet.Want(s.Kubelet, map[string]string{keys[0]: want}, "the API server asks this port")
	}
	return kubelet.Want(s.Kubelet, map[string]string{anonymous: "false", webhook: "true", mode: "Webhook"}, "ask who calls, and what they may do")
}

// drill lets the kubelet serve nobody, or itself alone.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if d.Int(0, 1) == 0 {
		return kubelet.Vary(s.Kubelet, d, enabled, "false")
	}
	return kubelet.Vary(s.Kubelet, d, address, fault.Pick(d, []string{"127.0.0.1", "127.0.0.1", "127.0.0.53"}))
}
