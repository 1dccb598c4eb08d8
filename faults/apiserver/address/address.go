// Package address is the fault of an API server that listens where its clients do not
// call.
package address

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "apiserver/address",
	Layer:  fault.APIServer,
	Needs:  manifest.Needs,
	Uses:   []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionNetwork},
	Detect: manifest.DetectFlags(check),
	// It runs, and answers where nobody calls, until its probes end it.
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletCutOff, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes},
		{Symptom: symptom.APIDown, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ControllersIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.SchedulerIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: manifest.RemedyFlags(check),
	Drill:  drill,
}

// check compares where the API server listens with what kubeadm noted of it
// when this node was made.
func check(s *snapshot.Snapshot) []manifest.Wrong {
	p, ok := manifest.Find(s, "kube-apiserver")
	port, noted := manifest.Kubeadm(s, "kube-apiserver", "secure-port")
	address, _ := manifest.Kubeadm(s, "kube-apiserver", "advertise-address")
	if !ok || !noted {
		return nil
	}
	var out []manifest.Wrong
	if got := p.Value("secure-port"); got != "" && got != port {
		out = append(out, manifest.Wrong{Part: p, Flag: "secure-port", Why: "its clients call port " + port, Want: port, Set: port, Serves: true})
	}
	if got, err := netip.ParseAddr(p.Value("bind-address")); err == nil && !got.IsUnspecified() && got.String() != address {
		why := "this node has no such address"
		if got.IsLoopback() || own(s, got) {
			why = "its clients call " + address
		}
		out = append(out, manifest.Wrong{Part: p, Flag: "bind-address", Why: why, Want: "no --bind-address, which is all addresses", Drop: true, Serves: true})
	}
	if got, err := netip.ParseAddr(p.Value("advertise-address")); err == nil && got.String() != address && s.Network != nil && !own(s, got) {
		out = append(out, manifest.Wrong{Part: p, Flag: "advertise-address", Why: "this node has no such address, and pods are sent there", Want: address, Set: address, Serves: true})
	}
	return out
}

// own reports whether the node has the address.
func own(s *snapshot.Snapshot, a netip.Addr) bool {
	if s.Network == nil {
		return false
	}
	return slices.ContainsFunc(s.Network.Namespaces, func(n snapshot.NetNS) bool {
		return n.Host && slices.ContainsFunc(n.Links, func(l snapshot.Link) bool {
			return slices.ContainsFunc(l.Addresses, func(x string) bool { return strings.HasPrefix(x, a.String()+"/") })
		})
	})
}

// drill moves the API server to another port, or to the loopback alone.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, "kube-apiserver")
	if _, given := p.Flag("secure-port"); !ok || !given {
		return nil, fmt.Errorf("cannot find the API server's port")
	}
	if d.Int(0, 1) == 0 {
		return p.Change().Set(p, "secure-port", fmt.Sprint(fault.Pick(d, []int{6444, 8443, 7443, d.Int(6450, 6499)}))).Plan("another port")
	}
	return p.Change().Add(p, "--bind-address="+fault.Pick(d, []string{"127.0.0.1", "127.0.0.2", fmt.Sprintf("198.51.100.%d", d.Int(2, 250))})).Plan("another address")
}
