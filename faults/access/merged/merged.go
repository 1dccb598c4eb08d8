// Package merged is the fault of a list of kubeconfigs in which one file
// completes another's context with entries of its own.
package merged

import (
	"fmt"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/kubeconf"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
	"github.com/klustered/klustered/trust"
)

// Fault is declared once and never changed. Which of the files is to hold is
// for the person to say whose shell it is, so that it has no remedy.
var Fault = &fault.Fault{
	ID:     "access/merged",
	Layer:  fault.Trust,
	Needs:  []snapshot.Section{snapshot.SectionKubeconfigs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.AdminAstray, Strength: symptom.Always},
		{Symptom: symptom.AdminLockedOut, Strength: symptom.Sometimes},
	},
	Drill: drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding { return trust.Findings(trust.Merged(s)) }

// drill puts a file before an administrator's in the list that login shells
// have: it has the cluster of that one's context, at another address.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	k, err := kubeconf.Pick(s, d)
	if err != nil {
		return nil, err
	}
	name := d.Name()
	file := "/root/.kube/" + name + ".conf"
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters:\n- name: %s\n  cluster:\n    server: https://127.0.0.1:%d\n    insecure-skip-tls-verify: true\ncontexts: []\nusers: []\n",
		k.Clusters[0].Name, d.Int(7000, 7999))
	return op.Plan{
		op.WriteFile{Path: file, Data: []byte(text), Mode: 0o600, Why: "one more cluster"},
		op.WriteFile{Path: "/etc/profile.d/" + name + ".sh", Data: []byte("export KUBECONFIG=" + file + ":" + k.Path + "\n"), Mode: 0o644, Why: "all clusters at hand"},
	}, nil
}
