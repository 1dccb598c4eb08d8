// Package drift is the fault of a node that is not as its baseline has it.
package drift

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/drift"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. It is the cause of what nothing
// else explains: where another fault knows what is wrong, the drift only tells
// since when and by whom.
var Fault = &fault.Fault{
	ID:       "host/drift",
	Layer:    fault.Host,
	Needs:    []snapshot.Section{snapshot.SectionBaseline},
	Uses:     []snapshot.Section{snapshot.SectionTrail, snapshot.SectionSystemd, snapshot.SectionKubelet, snapshot.SectionRuntime, snapshot.SectionStatic, snapshot.SectionEtcd},
	Detect:   detect,
	Explains: explains(),
	Follows:  shown,
	Remedy:   remedy,
}

// shown are what a changed file of the node's components may bring about.
var shown = []symptom.ID{
	symptom.RuntimeDown, symptom.KubeletDown, symptom.PodNetworkDown, symptom.EtcdDown, symptom.APIDown, symptom.ComponentDown,
	symptom.NodeNotReady, symptom.SandboxFailing, symptom.ImagesFailing, symptom.ObjectsRefused,
}

func explains() []symptom.Edge {
	var out []symptom.Edge
	for _, id := range shown {
		out = append(out, symptom.Edge{Symptom: id, Strength: symptom.Sometimes})
	}
	return out
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	marks := map[string]int{} // index in out by folder
	for _, d := range s.Baseline.Drifts {
		if d.Kind == "certificate" || d.Kind == "key" {
			dir := path.Dir(d.Name)
			i, ok := marks[dir]
			if !ok {
				i = len(out)
				marks[dir] = i
				out = append(out, finding.Finding{Subject: finding.Subject{Kind: "certificate", Name: dir},
					Summary:  fmt.Sprintf("certificates or keys in %s are not those of the baseline, %s", dir, drift.Origin(d.Since)),
					Commands: []string{"kubeadm certs check-expiration", "klustered baseline diff"}})
			}
			out[i].Facts = append(out[i].Facts, drift.Facts(s, d, s.Baseline.Commit.At)...)
			continue
		}
		kind := d.Kind
		if kind != "file" {
			kind = "object"
		}
		out = append(out, finding.Finding{
			Subject:  finding.Subject{Kind: kind, Name: d.Name},
			Summary:  summary(d),
			Facts:    drift.Facts(s, d, s.Baseline.Commit.At),
			Only:     only(d),
			Commands: []string{"klustered baseline diff " + d.Name},
		})
	}
	return out
}

// only are the symptoms that a file of this kind may bring about.
func only(d snapshot.Drift) []string {
	var ids []symptom.ID
	switch base := path.Base(d.Name); {
	case d.Kind == "webhook" || d.Kind == "policy":
		ids = []symptom.ID{symptom.ObjectsRefused}
	case strings.HasPrefix(d.Name, "/etc/kubernetes/") && strings.HasPrefix(base, "etcd"):
		ids = []symptom.ID{symptom.EtcdDown, symptom.APIDown, symptom.ComponentDown}
	case strings.HasPrefix(base, "kube-apiserver"):
		ids = []symptom.ID{symptom.APIDown, symptom.ComponentDown, symptom.ObjectsRefused}
	case strings.HasPrefix(d.Name, "/etc/kubernetes/"):
		ids = []symptom.ID{symptom.ComponentDown, symptom.APIDown}
	case strings.Contains(d.Name, "kubelet"):
		ids = []symptom.ID{symptom.KubeletDown, symptom.NodeNotReady}
	case strings.Contains(d.Name, "/cni/"):
		ids = []symptom.ID{symptom.PodNetworkDown, symptom.SandboxFailing, symptom.NodeNotReady}
	case strings.Contains(d.Name, "containerd") || strings.Contains(d.Name, "crio") || strings.Contains(d.Name, "docker"):
		ids = []symptom.ID{symptom.RuntimeDown, symptom.SandboxFailing, symptom.ImagesFailing, symptom.NodeNotReady}
	}
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = string(id)
	}
	return out
}

func summary(d snapshot.Drift) string {
	what := map[string]string{snapshot.DriftChanged: "is not as the baseline has it", snapshot.DriftGone: "is gone, and the baseline has it", snapshot.DriftAdded: "is new since the baseline"}[d.State]
	return fmt.Sprintf("%s %s", d.Name, what)
}

// remedy puts a file back. What was added may be meant, and is left to a person.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	if s.Baseline != nil {
		for _, d := range s.Baseline.Drifts {
			if d.Name != f.Subject.Name {
				continue
			}
			if d.State == snapshot.DriftAdded {
				return nil, fmt.Errorf("cannot tell whether %s is wanted: klustered baseline restore %s removes it, klustered baseline capture keeps it", d.Name, d.Name)
			}
			return drift.Restore(s, d)
		}
	}
	return nil, errors.New("cannot put back certificates from the baseline, which has their fingerprints alone: renew them, or capture a new baseline if they were renewed")
}
