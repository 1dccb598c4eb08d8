// Package merged is the fault of a list of kubeconfigs in which one file
// completes another's context with entries of its own.
package merged

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/kubeconf"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
	"github.com/klustered/klustered/trust"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "access/merged",
	Layer:  fault.Trust,
	Needs:  []snapshot.Section{snapshot.SectionKubeconfigs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.AdminAstray, Strength: symptom.Always},
		{Symptom: symptom.AdminLockedOut, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding { return trust.Findings(trust.Merged(s)) }

// remedy puts the file of the context first in the line that sets the list, so
// that its own entries complete it. All files stay in the list.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, m := range s.Kubeconfigs.Merged {
		i := slices.IndexFunc(m.Entries, func(e snapshot.MergedEntry) bool { return e.Kind == "context" && e.Name == m.Current })
		if i < 0 || !slices.Contains(m.Files, f.Subject.Name) || m.Files[0] == m.Entries[i].Path {
			continue
		}
		own := m.Entries[i].Path
		t, n, ok := setBy(s, m.From)
		if !ok {
			return nil, fmt.Errorf("cannot put %s first: the list is set by %s, and not by a file of shells", own, m.From)
		}
		list := strings.Join(m.Files, ":")
		first := append([]string{own}, slices.DeleteFunc(slices.Clone(m.Files), func(x string) bool { return x == own })...)
		line := strings.Replace(t.LineAt(n), list, strings.Join(first, ":"), 1)
		if line == t.LineAt(n) {
			return nil, fmt.Errorf("cannot put %s first: line %d of %s does not have the list as it is", own, n, t.Path)
		}
		edit, err := fault.EditLines(t, n, n, []string{line}, "let the context of "+own+" have its own cluster and user")
		return op.Plan{edit}, err
	}
	return nil, errors.New("cannot put the file of the context first: the list was not found again")
}

// setBy is the file of shells and the line that FILE:LINE names.
func setBy(s *snapshot.Snapshot, from string) (snapshot.Text, int, bool) {
	name, line, _ := strings.Cut(from, ":")
	n, err := strconv.Atoi(line)
	if err != nil || s.Shell == nil {
		return snapshot.Text{}, 0, false
	}
	for _, f := range s.Shell.Files {
		if f.Path == name {
			return f.Text(), n, true
		}
	}
	return snapshot.Text{}, 0, false
}

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
