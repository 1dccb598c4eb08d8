// Package preset is the fault of a kuberc whose defaults have kubectl do
// another thing than what is typed.
package preset

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
	"github.com/klustered/klustered/trust"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "access/preset",
	Layer:  fault.Trust,
	Needs:  []snapshot.Section{snapshot.SectionKubeconfigs},
	Uses:   []snapshot.Section{snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.CommandsMislead, Strength: symptom.Always},
		{Symptom: symptom.AdminLockedOut, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding { return trust.Findings(trust.Preset(s)) }

// remedy takes the entries that mislead out of the file. What else the person
// who wrote it prefers stays.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	i := slices.IndexFunc(s.Kubeconfigs.Kubercs, func(k snapshot.Kuberc) bool { return k.Path == f.Subject.Name })
	if i < 0 || s.Kubeconfigs.Kubercs[i].Link != "" || s.Kubeconfigs.Kubercs[i].Truncated {
		return nil, fmt.Errorf("cannot change %s: it is a link, too long, or not in the snapshot", f.Subject.Name)
	}
	k := s.Kubeconfigs.Kubercs[i]
	var at []int
	for _, fact := range f.Facts {
		if !slices.Contains(at, fact.Line) {
			at = append(at, fact.Line)
		}
	}
	slices.Sort(at)
	var lines []string
	for n, line := range k.Lines() {
		gone := slices.ContainsFunc(at, func(first int) bool { return n+1 >= first && n+1 <= last(k, first) })
		if !gone {
			lines = append(lines, line)
		}
	}
	if len(at) == 0 || len(lines) == len(k.Lines()) {
		return nil, fmt.Errorf("cannot change %s: its lines were not found; edit it by hand", k.Path)
	}
	from, to := at[0], last(k, at[len(at)-1])
	keep := len(k.Lines()) - to
	return op.Plan{op.EditLine{Path: k.Path, Pin: k.SHA256, Line: from, Old: k.Lines()[from-1 : to], New: lines[from-1 : len(lines)-keep],
		Why: "kubectl does what is typed"}}, nil
}

// last is the last line of the list's item that begins on line at.
func last(k snapshot.Kuberc, at int) int {
	lines := k.Lines()
	deep := indent(lines[at-1])
	for at < len(lines) && (strings.TrimSpace(lines[at]) == "" || indent(lines[at]) > deep) {
		at++
	}
	return at
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// drill gives a user of kubectl defaults, beside some that nobody minds.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	const file = "/root/.kube/kuberc"
	if s.Kubeconfigs == nil || slices.ContainsFunc(s.Kubeconfigs.Kubercs, func(k snapshot.Kuberc) bool { return k.Path == file }) {
		return nil, fmt.Errorf("cannot write %s: there is one", file)
	}
	items := []string{
		"- command: delete\n  options:\n  - name: interactive\n    default: \"true\"\n",
		fault.Pick(d, []string{
			fmt.Sprintf("- command: get\n  options:\n  - name: server\n    default: https://127.0.0.1:%d\n", d.Int(7000, 7999)),
			fmt.Sprintf("- command: apply\n  options:\n  - name: dry-run\n    default: %s\n  - name: server-side\n    default: \"true\"\n", fault.Pick(d, []string{"server", "client"})),
			fmt.Sprintf("- command: get\n  options:\n  - name: as\n    default: %s\n", d.Name()),
			fmt.Sprintf("- command: get\n  options:\n  - name: namespace\n    default: %s\n", d.Name()),
			fmt.Sprintf("- command: scale\n  options:\n  - name: context\n    default: %s\n", d.Name()),
		}),
	}
	if d.Int(0, 1) == 0 {
		slices.Reverse(items)
	}
	text := "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\ndefaults:\n" + strings.Join(items, "")
	return op.Plan{op.WriteFile{Path: path.Clean(file), Data: []byte(text), Mode: 0o600, Why: "preferences of kubectl"}}, nil
}
