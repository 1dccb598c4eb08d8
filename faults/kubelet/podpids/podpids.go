// Package podpids is the fault of a kubelet that lets a pod have fewer
// processes and threads than pods need.
package podpids

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/kubelet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. It has no drill: pods that run
// keep the limit that they were made with, and nothing is seen until others
// are made.
var Fault = &fault.Fault{
	ID:     "kubelet/podpids",
	Layer:  fault.Kubelet,
	Needs:  []snapshot.Section{snapshot.SectionKubelet},
	Uses:   []snapshot.Section{snapshot.SectionProcesses, snapshot.SectionCgroups},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.LimitReached, Strength: symptom.Sometimes},
		{Symptom: symptom.ContainersFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
		{Symptom: symptom.SandboxFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
}

// key is the setting.
const key = "podPidsLimit"

// detect goes by what the pods of this node have, or were refused: the limit by
// itself may be low and enough.
func detect(s *snapshot.Snapshot) []finding.Finding {
	k := s.Kubelet
	most, err := strconv.Atoi(k.Effective[key].Value)
	if err != nil || most <= 0 || !kubelet.Set(k, key) {
		return nil
	}
	facts, why := refused(s, most), "pods have been refused processes"
	if len(facts) == 0 {
		facts, why = above(s, most), "most pods of this node need more, and do not start again"
	}
	if len(facts) == 0 {
		return nil
	}
	e := k.Effective[key]
	return []finding.Finding{{
		Subject:  finding.Subject{Kind: "file", Name: e.Source},
		Summary:  fmt.Sprintf("%s (%s) is all that a pod may have of processes and threads: %s", kubelet.Says(key, e.Origin), kubelet.Where(e.Origin), why),
		Facts:    append(kubelet.Facts(k, key, key+": -1, the default, or hundreds"), facts...),
		Commands: kubelet.Commands("grep -rn -e podPidsLimit -e pod-max-pids /var/lib/kubelet/config.yaml /var/lib/kubelet/kubeadm-flags.env /etc/default/kubelet", "find /sys/fs/cgroup -path '*kubepods*pod*' -name pids.max | xargs grep -H ."),
	}}
}

// refused quotes groups of pods that have that limit and were refused a fork.
func refused(s *snapshot.Snapshot, most int) []finding.Fact {
	if s.Cgroups == nil {
		return nil
	}
	var out []finding.Fact
	for _, c := range s.Cgroups.Controls {
		if p := c.Pids; c.Kind == "pod" && p != nil && p.Max != nil && *p.Max == uint64(most) && p.Refused > 0 {
			out = append(out, finding.Fact{Source: c.File("pids", "pids.events"), Got: fmt.Sprintf("%d forks refused, with %d of %d", p.Refused, p.Current, most), Want: "none"})
		}
	}
	return out[:min(len(out), 5)]
}

// above quotes pods that have more now, since they were made before the limit
// was, when they are most of those that run a program.
func above(s *snapshot.Snapshot, most int) []finding.Fact {
	if s.Processes == nil {
		return nil
	}
	type pod struct {
		uid, name string
		tasks     int
	}
	var pods []pod
	for _, p := range s.Processes.List {
		if p.Pod == "" || p.Name == "pause" {
			continue
		}
		i := slices.IndexFunc(pods, func(x pod) bool { return x.uid == p.Pod })
		if i < 0 {
			i, pods = len(pods), append(pods, pod{uid: p.Pod, name: p.Name})
		}
		pods[i].tasks += max(1, p.Threads)
	}
	order.By(pods, func(a, b pod) int { return cmp.Compare(b.tasks, a.tasks) })
	var out []finding.Fact
	for _, p := range pods {
		if p.tasks > most {
			out = append(out, finding.Fact{Source: "pod " + p.uid, Got: fmt.Sprintf("%s and what belongs to it have %d processes and threads", p.name, p.tasks), Want: fmt.Sprintf("a limit above that, not %d", most)})
		}
	}
	if len(out)*2 <= len(pods) {
		return nil
	}
	return out[:min(len(out), 5)]
}

func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	return kubelet.Want(s.Kubelet, map[string]string{key: ""}, "the default, which is no limit")
}
