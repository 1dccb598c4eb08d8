// Package corrupt is the fault of an etcd whose files cannot be read as what
// they are.
package corrupt

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. What to restore, and from which
// snapshot or member, is for a person.
var Fault = &fault.Fault{
	ID:     "etcd/corrupt",
	Layer:  fault.Etcd,
	Needs:  []snapshot.Section{snapshot.SectionEtcd},
	Uses:   []snapshot.Section{snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.EtcdDown, Strength: symptom.Usually},
		{Symptom: symptom.ComponentDown, Strength: symptom.Usually},
		{Symptom: symptom.APIDown, Strength: symptom.Usually, Cluster: true},
	},
}

// detect believes the files of a member that does not answer: those of one
// that runs change while they are read.
func detect(s *snapshot.Snapshot) []finding.Finding {
	e := s.Etcd
	var facts []finding.Fact
	for _, a := range e.Alarms {
		if a.Kind == "CORRUPT" {
			facts = append(facts, finding.Fact{Source: place(e), Got: "alarm CORRUPT of member " + a.Member, Want: "no alarm"})
		}
	}
	if !e.Reachable {
		facts = append(facts, files(e)...)
		facts = append(facts, gaps(s)...)
	}
	if len(facts) == 0 {
		return nil
	}
	return []finding.Finding{{
		Subject: finding.Subject{Kind: "file", Name: place(e)}, Summary: fmt.Sprintf("etcd's data in %s is damaged: %s", e.DataDir, strings.TrimPrefix(facts[0].Got, facts[0].Source+": ")),
		Facts:    facts,
		Commands: []string{manifest.Log("etcd"), "ls -l " + path.Join(e.DataDir, "member/snap") + " " + path.Join(e.DataDir, "member/wal"), "etcdutl snapshot status " + path.Join(e.DataDir, "member/snap/db")},
	}}
}

// files are what is wrong with them.
func files(e *snapshot.Etcd) []finding.Fact {
	var out []finding.Fact
	if e.Store != nil {
		for _, d := range e.Store.Damage {
			out = append(out, finding.Fact{Source: e.DBPath, Got: d, Want: "pages and pairs that make sense"})
		}
	}
	if w := e.WAL; w != nil {
		for _, p := range w.Problems {
			out = append(out, finding.Fact{Source: w.Dir, Got: p, Want: "records with their sums"})
		}
		for _, m := range w.Missing {
			out = append(out, finding.Fact{Source: w.Dir, Got: "segment " + m + " is not there", Want: "all segments in a row"})
		}
	}
	return out
}

// recent is how old what it said may be: a container that fails again and
// again is started every five minutes.
const recent = 6 * time.Minute

// gaps are what etcd itself said of its files when it ended.
func gaps(s *snapshot.Snapshot) []finding.Fact {
	if s.Logs == nil {
		return nil
	}
	var out []finding.Fact
	for _, id := range []string{"etcd-corrupt", "etcd-data-bad"} {
		for _, o := range s.Logs.Seen(id, s.At, recent) {
			if strings.Contains(o.Sample, `"level":"fatal"`) || strings.Contains(o.Sample, `"level":"panic"`) || id == "etcd-corrupt" {
				out = append(out, finding.Fact{Source: o.Source, Got: o.Sample, At: o.Last})
			}
		}
	}
	return out
}

func place(e *snapshot.Etcd) string {
	if e.DBPath != "" {
		return e.DBPath
	}
	return e.DataDir
}
