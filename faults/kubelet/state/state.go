// Package state is the fault of a kubelet that does not start since it cannot
// take up what it wrote down of processors, memory or devices.
package state

import (
	"errors"
	"fmt"
	"path"
	"strings"
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
	ID:     "kubelet/state",
	Layer:  fault.Kubelet,
	Needs:  []snapshot.Section{snapshot.SectionKubelet},
	Uses:   []snapshot.Section{snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletCrashing, Strength: symptom.Always},
		{Symptom: symptom.KubeletDown, Strength: symptom.Usually},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

// A manager is a part of the kubelet that ends it where its file is not as it
// wrote it, and the setting that the file has to agree with.
type manager struct{ file, name, policy, free string }

var managers = []manager{
	{"cpu_manager_state", "CPU manager", "cpuManagerPolicy", "none"},
	{"memory_manager_state", "memory manager", "memoryManagerPolicy", "None"},
	{"dra_manager_state", "manager of dynamic resources", "", ""},
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	k := s.Kubelet
	if kubelet.Up(k) && k.Running {
		return nil
	}
	var out []finding.Finding
	for _, x := range k.States {
		m, ok := of(x)
		if !ok {
			continue
		}
		why, got := wrong(s, x, m)
		if why == "" {
			continue
		}
		f := finding.Finding{
			Subject:  finding.Subject{Kind: "file", Name: x.Path},
			Summary:  fmt.Sprintf("the kubelet does not start: %s, in which its %s wrote down what it gave away, %s", x.Path, m.name, why),
			Facts:    append([]finding.Fact{got}, kubelet.Exits(s, "checkpoint", m.file)...),
			Commands: kubelet.Commands("head -c 300 "+x.Path, "grep -n -e cpuManagerPolicy -e memoryManagerPolicy /var/lib/kubelet/config.yaml"),
		}
		if m.policy != "" && kubelet.Set(k, m.policy) {
			f.Facts = append(f.Facts, kubelet.Facts(k, m.policy, "the policy that the file was written with")...)
		}
		out = append(out, f)
	}
	return out
}

func of(x snapshot.StateFile) (manager, bool) {
	for _, m := range managers {
		if m.file == path.Base(x.Path) {
			return m, true
		}
	}
	return manager{}, false
}

// wrong says why the kubelet does not take the file, and quotes it. Sums of
// older files cannot be made again: of those the kubelet's own word counts.
func wrong(s *snapshot.Snapshot, x snapshot.StateFile, m manager) (string, finding.Fact) {
	wrote := x.Values["policyName"]
	now := s.Kubelet.Effective[m.policy].Value
	switch {
	case x.Error != "":
		return "is damaged", finding.Fact{Source: x.Path, Got: fmt.Sprintf("%d bytes: it %s", x.Size, strings.TrimPrefix(x.Error, "it ")), Want: "what the kubelet wrote"}
	case x.Sum == "wrong":
		return "was changed by another hand", finding.Fact{Source: x.Path, Got: "its sum is not that of its data", Want: "what the kubelet wrote"}
	case m.policy != "" && wrote != "" && now != "" && wrote != now:
		return fmt.Sprintf("is of the policy %s, and it is told to have %s", wrote, now), finding.Fact{Source: x.Path, Got: "policyName " + wrote, Want: m.policy + ": " + now}
	}
	if s.Logs == nil {
		return "", finding.Fact{}
	}
	for _, o := range s.Logs.Seen("kubelet-state-bad", s.At, 5*time.Minute) {
		if o.Params["path"] == x.Path {
			return "is not as it wrote it", finding.Fact{Source: o.Source, Got: o.Sample, At: o.Last, Want: "what the kubelet wrote"}
		}
	}
	return "", finding.Fact{}
}

// remedy takes the file away: the kubelet writes another. What it had given to
// containers of its own would be given again, so that such a node is drained
// before.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, x := range s.Kubelet.States {
		m, ok := of(x)
		if !ok || x.Path != f.Subject.Name {
			continue
		}
		now := s.Kubelet.Effective[m.policy].Value
		wrote := x.Values["policyName"]
		if m.policy == "" || now != m.free && now != "" || wrote != "" && wrote != m.free {
			return nil, fmt.Errorf("cannot take %s away: what it gave to pods would be given to others as well; drain the node, remove the file and start the kubelet, or set the policy back", x.Path)
		}
		if x.SHA256 == "" {
			return nil, fmt.Errorf("cannot take %s away: the evidence is of an older version", x.Path)
		}
		return append(op.Plan{op.RemoveFile{Path: x.Path, Pin: x.SHA256, Why: "the kubelet writes another", Anew: true}}, kubelet.Restart()...), nil
	}
	return nil, fmt.Errorf("cannot take %s away: it is gone", f.Subject.Name)
}

// drill damages the file of a manager that has given nothing away.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	var list []snapshot.StateFile
	if s.Kubelet != nil {
		for _, x := range s.Kubelet.States {
			if m, ok := of(x); ok && m.policy != "" && x.Values["policyName"] == m.free && x.Size > 20 && x.SHA256 != "" && x.Error == "" {
				list = append(list, x)
			}
		}
	}
	if len(list) == 0 {
		return nil, errors.New("cannot damage the kubelet's state: it has written none down")
	}
	x := fault.Pick(d, list)
	o := op.Splice{Path: x.Path, Pin: x.SHA256, Why: "it is damaged"}
	switch d.Int(0, 2) {
	case 0:
		o.Offset = d.Int(2, int(x.Size)-4)
		o.Remove = int(x.Size) - o.Offset
	case 1:
		o.Offset, o.Insert = 1, []byte(d.Name())
	default:
		o.Remove = int(x.Size)
	}
	return append(op.Plan{o}, kubelet.Restart()...), nil
}
