// Package resolvconf is the fault of a kubelet that takes the node's name servers from a
// file which is not there, or which leads pods back to themselves.
package resolvconf

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
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
	ID:     "kubelet/resolvconf",
	Layer:  fault.Kubelet,
	Needs:  []snapshot.Section{snapshot.SectionKubelet},
	Uses:   []snapshot.Section{snapshot.SectionNames, snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually},
		{Symptom: symptom.SandboxFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
}

const key = "resolvConf"

func detect(s *snapshot.Snapshot) []finding.Finding {
	k := s.Kubelet
	e := k.Effective[key]
	f := finding.Finding{Subject: finding.Subject{Kind: "file", Name: e.Value}, Commands: kubelet.Commands("ls -lL "+e.Value, "cat "+e.Value)}
	loop, line := looped(s)
	switch {
	case k.Absent[key] != "":
		f.Summary = fmt.Sprintf("the kubelet takes the node's name servers from %s (%s), which is not there", e.Value, kubelet.Where(e.Origin))
		f.Facts = append(kubelet.Facts(k, key, "a file that is there"), finding.Fact{Source: e.Value, Got: "no such file or directory"})
		f.Facts = append(f.Facts, kubelet.Logged(s, 5*time.Minute, []string{"kubelet-sandbox-failed"}, e.Value)...)
	case loop != "":
		f.Summary = fmt.Sprintf("the kubelet gives pods %s as the node's name server, which in a pod is the pod itself", loop)
		f.Facts = append(kubelet.Facts(k, key, "a file with servers that pods can reach, such as /run/systemd/resolve/resolv.conf"), finding.Fact{Source: e.Value, Line: line, Got: "nameserver " + loop})
		f.Facts = append(f.Facts, loops(s)...)
	default:
		return nil
	}
	return []finding.Finding{f}
}

// looped is a name server of the node that a pod would find in itself, where
// CoreDNS says that it asks itself.
func looped(s *snapshot.Snapshot) (server string, line int) {
	if s.Names == nil || len(loops(s)) == 0 {
		return "", 0
	}
	for _, r := range s.Names.Resolvers {
		if !slices.Contains(r.For, "kubelet") {
			continue
		}
		for _, l := range r.Servers {
			if ip, err := netip.ParseAddr(l.Value); err == nil && ip.IsLoopback() {
				return l.Value, l.Line
			}
		}
	}
	return "", 0
}

func loops(s *snapshot.Snapshot) []finding.Fact {
	if s.Logs == nil {
		return nil
	}
	var out []finding.Fact
	for _, o := range s.Logs.Seen("dns-loop", s.At, 15*time.Minute) {
		out = append(out, finding.Fact{Source: o.Source, Got: o.Sample, At: o.Last})
	}
	return out
}

// resolved is the file with the servers that systemd-resolved itself asks.
const resolved = "/run/systemd/resolve/resolv.conf"

// remedy names a file that is there and has servers that pods can reach.
func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	if s.Names == nil {
		return nil, errors.New("cannot say which file has the node's name servers: none was read")
	}
	for _, name := range []string{resolved, "/etc/resolv.conf"} {
		for _, r := range s.Names.Resolvers {
			good := slices.ContainsFunc(r.Servers, func(l snapshot.ConfLine) bool {
				ip, err := netip.ParseAddr(l.Value)
				return err == nil && (!ip.IsLoopback() || s.Kubelet.Absent[key] != "")
			})
			if r.Path == name && r.Error == "" && good {
				return kubelet.Want(s.Kubelet, map[string]string{key: name}, "it has the node's name servers")
			}
		}
	}
	return nil, errors.New("cannot say which file has the node's name servers: no other has any that pods can reach")
}
