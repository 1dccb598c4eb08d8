// Package wrongsocket is the fault of a kubelet that asks for the container
// runtime where it does not listen.
package wrongsocket

import (
	"fmt"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/cri"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "runtime/wrongsocket",
	Layer:  fault.Runtime,
	Needs:  []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionKubelet, snapshot.SectionSystemd},
	Uses:   []snapshot.Section{snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.RuntimeDown, Strength: symptom.Always},
		{Symptom: symptom.KubeletDown, Strength: symptom.Usually},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually},
	},
	Remedy: remedy,
	Drill:  drill,
}

// address is the setting of containerd that moves its socket.
const address = "plugins/io.containerd.server.v1.grpc/address"

// detect compares where the kubelet asks with where the runtime of this node
// is told to listen. Who listens at the first is asked before either file.
func detect(s *snapshot.Snapshot) []finding.Finding {
	told, ok := cri.Path(s.Kubelet.Endpoint)
	r := s.Runtime
	if !ok || r.Settings == nil || r.Settings.Address == "" || !cri.Readable(r) || cri.Same(told, r.Settings.Address) || r.Reachable {
		return nil
	}
	for _, e := range r.Endpoints {
		if e.Listening && cri.Same(e.Path, told) {
			return nil
		}
	}
	// Another runtime may serve that socket, which is merely not running.
	if unit := cri.Served(s, told); unit != "" && unit != r.Settings.Kind+".service" {
		return nil
	}
	asks := finding.Fact{Source: "kubelet", Got: "containerRuntimeEndpoint " + s.Kubelet.Endpoint + ", its default", Want: "unix://" + r.Settings.Address}
	where := "by default"
	if e, ok := s.Kubelet.Effective["containerRuntimeEndpoint"]; ok && e.Source != "default" {
		asks.Source, asks.Line, asks.Got = e.Source, e.Line, "containerRuntimeEndpoint: "+e.Value
		if e.Flag != "" {
			asks.Got = "--" + e.Flag + "=" + e.Value + ", which wins over the configuration file"
		}
		where = fmt.Sprintf("%s:%d", e.Source, e.Line)
	}
	facts := append([]finding.Fact{asks}, serves(s)...)
	return []finding.Finding{{
		Subject:  finding.Subject{Kind: "socket", Name: told},
		Summary:  fmt.Sprintf("the kubelet asks for the container runtime at %s (%s), which listens at %s", told, where, r.Settings.Address),
		Facts:    append(facts, cri.Said(s, "kubelet-runtime-refused", "kubelet-exits")...),
		Commands: cri.Commands(s, "grep -rn -i runtime.*endpoint /var/lib/kubelet/*.yaml /var/lib/kubelet/*.env /etc/default/kubelet", "ss -xlp | grep -e containerd -e crio"),
	}}
}

// serves are the facts of where the runtime listens.
func serves(s *snapshot.Snapshot) []finding.Fact {
	r := s.Runtime
	var facts []finding.Fact
	if x, ok := cri.Setting(r, address); ok {
		facts = cri.Quote(r, x, "")
	} else {
		facts = []finding.Fact{{Source: r.Settings.Kind, Got: "listens at " + r.Settings.Address + ", its default or its flag's"}}
	}
	for _, e := range r.Endpoints {
		if e.Listening && cri.Same(e.Path, r.Settings.Address) {
			facts = append(facts, finding.Fact{Source: e.Path, Got: strings.Join(e.Processes, ", ") + " listens here"})
		}
	}
	return append(facts, cri.Answer(r)...)
}
