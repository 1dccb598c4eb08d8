// Package manifesturl is the fault of a kubelet that takes manifests of static pods from
// a URL.
package manifesturl

import (
	"fmt"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/kubelet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "kubelet/manifesturl",
	Layer:  fault.Kubelet,
	Needs:  []snapshot.Section{snapshot.SectionKubelet, snapshot.SectionStatic},
	Uses:   []snapshot.Section{snapshot.SectionRuntime},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.NodeFull, Strength: symptom.Sometimes},
		{Symptom: symptom.StaticPodsMissing, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
}

const key = "staticPodURL"

// detect tells of the URL. What comes from there is as good as what lies in
// the folder of manifests, and can be seen nowhere on the node.
func detect(s *snapshot.Snapshot) []finding.Finding {
	k := s.Kubelet
	if s.Static.URL == "" || !kubelet.Set(k, key) {
		return nil
	}
	e := k.Effective[key]
	f := finding.Finding{
		Subject:  finding.Subject{Kind: "file", Name: e.Source},
		Summary:  fmt.Sprintf("the kubelet runs static pods from a URL (%s) that no file of the node shows: %s", kubelet.Where(e.Origin), e.Value),
		Facts:    kubelet.Facts(k, key, "static pods of a folder alone"),
		Commands: kubelet.Commands("crictl pods -o json | grep -c config.source"),
	}
	if s.Runtime != nil {
		for _, x := range s.Runtime.Sandboxes {
			if x.Source == "http" {
				f.Facts = append(f.Facts, finding.Fact{Source: s.Runtime.Socket, Got: "pod " + x.Namespace + "/" + x.Name + " came from there"})
			}
		}
	}
	return []finding.Finding{f}
}

func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	return kubelet.Want(s.Kubelet, map[string]string{key: ""}, "no manifests from elsewhere")
}
