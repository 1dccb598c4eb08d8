// Package diskfull is the fault of a file system that the node needs and that
// has no room.
package diskfull

import (
	"errors"
	"fmt"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/ground"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. What may be deleted is for a
// person: it has no remedy.
var Fault = &fault.Fault{
	ID:       "host/diskfull",
	Layer:    fault.Host,
	Needs:    []snapshot.Section{snapshot.SectionHost},
	Uses:     []snapshot.Section{snapshot.SectionStorage, snapshot.SectionView, snapshot.SectionDescriptors, snapshot.SectionLogs},
	Detect:   detect,
	Explains: []symptom.Edge{{Symptom: symptom.DiskFull, Strength: symptom.Always}},
	Drill:    drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, p := range ground.Places(s) {
		m := p.Mount
		full, _ := m.Full()
		if !full {
			continue
		}
		f := finding.Finding{
			Subject: finding.Subject{Kind: "filesystem", Name: m.Target},
			Summary: fmt.Sprintf("the file system at %s has no room: %s of %s are free, and it holds %s", m.Target, ground.Size(m.Free), ground.Size(m.Total), p.Kept()),
			Facts: []finding.Fact{{Source: m.Target, Got: fmt.Sprintf("%s (%s): %s free of %s, %s of them for root alone", m.Source, m.FSType, ground.Size(m.Free+m.Reserved), ground.Size(m.Total), ground.Size(m.Reserved)),
				Want: "room to write"}},
			Commands: []string{"df -h " + m.Target, "du -xah " + m.Target + " | sort -h | tail -20", "lsof +L1"},
		}
		f.Facts = append(append(f.Facts, ground.Largest(s, m.Target)...), said(s, m.Target)...)
		out = append(out, f)
	}
	return out
}

// said quotes who could not write there.
func said(s *snapshot.Snapshot, target string) []finding.Fact {
	if s.Logs == nil {
		return nil
	}
	var out []finding.Fact
	for _, o := range s.Logs.Observations {
		if strings.HasSuffix(o.ID, "disk-full") && strings.HasPrefix(o.Params["path"], target) && len(out) < 2 {
			out = append(out, finding.Fact{Source: o.Source, Got: o.Sample, At: o.Last})
		}
	}
	return out
}

// drill gives the logs of containers a small file system, and fills it.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Host == nil || s.Kubelet == nil || !s.Kubelet.Running {
		return nil, errors.New("cannot fill a file system: this is no node")
	}
	const page, at = 4096, ground.PodLogs
	kept, err := ground.Kept(s, d)
	if err != nil {
		return nil, err
	}
	pages := d.Int(64, 128)
	return op.Plan{
		op.MountOver{Mount: op.Mount{Path: at, Type: "tmpfs", Source: "tmpfs", Root: "/", Options: fmt.Sprintf("size=%dk,mode=0755", pages*page/1024)}},
		op.WriteFile{Path: at + "/" + d.Name() + kept, Data: []byte(strings.Repeat(".", (pages-1)*page)), Mode: 0o640, Why: "a file that takes all room"},
	}, nil
}
