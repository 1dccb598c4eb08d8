// Package inodesfull is the fault of a file system that the node needs and
// that cannot have one more file.
package inodesfull

import (
	"errors"
	"fmt"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/ground"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. Which files may go is for a
// person: it has no remedy.
var Fault = &fault.Fault{
	ID:       "host/inodesfull",
	Layer:    fault.Host,
	Needs:    []snapshot.Section{snapshot.SectionHost},
	Uses:     []snapshot.Section{snapshot.SectionView},
	Detect:   detect,
	Explains: []symptom.Edge{{Symptom: symptom.DiskFull, Strength: symptom.Always}},
	Drill:    drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, p := range ground.Places(s) {
		m := p.Mount
		if _, full := m.Full(); !full {
			continue
		}
		out = append(out, finding.Finding{
			Subject: finding.Subject{Kind: "filesystem", Name: m.Target},
			Summary: fmt.Sprintf("the file system at %s takes no more files: %d of %d inodes are free, and %s of room; it holds %s", m.Target, m.IFree, m.Inodes, ground.Size(m.Free), p.Kept()),
			Facts: []finding.Fact{
				{Source: m.Target, Got: fmt.Sprintf("%s (%s): %d inodes free of %d", m.Source, m.FSType, m.IFree, m.Inodes), Want: "inodes for new files"},
				{Source: m.Target, Got: fmt.Sprintf("%s free of %s", ground.Size(m.Free), ground.Size(m.Total))},
			},
			Commands: []string{"df -i " + m.Target, "du -x --inodes -S " + m.Target + " | sort -n | tail -20"},
		})
	}
	return out
}

// drill gives the logs of containers a file system of few inodes, and uses
// them up.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Host == nil || s.Kubelet == nil || !s.Kubelet.Running {
		return nil, errors.New("cannot use up inodes: this is no node")
	}
	const at = ground.PodLogs
	kept, err := ground.Kept(s, d)
	if err != nil {
		return nil, err
	}
	n, name := d.Int(8, 14), d.Name()
	plan := op.Plan{op.MountOver{Mount: op.Mount{Path: at, Type: "tmpfs", Source: "tmpfs", Root: "/", Options: fmt.Sprintf("nr_inodes=%d,size=4096k,mode=0755", n)}}}
	for i := range n - 1 { // the folder itself has one
		plan = append(plan, op.WriteFile{Path: fmt.Sprintf("%s/%s.%04d%s", at, name, i, kept), Data: []byte("x\n"), Mode: 0o640, Why: "one more file"})
	}
	return plan, nil
}
