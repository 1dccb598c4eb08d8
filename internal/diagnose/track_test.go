package diagnose

import (
	"fmt"
	"testing"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

func TestTracker(t *testing.T) {
	disk := rule("etcd/disk", fault.Etcd, snapshot.SectionEtcd, func(s *snapshot.Snapshot) bool { return s.Etcd.Latency.FsyncRecentMs > 500 },
		symptom.Edge{Symptom: symptom.EtcdSlow, Strength: symptom.Always})
	at := func(sec int, change func(*snapshot.Snapshot)) *Diagnosis {
		s := node("a", change)
		s.At = now.Add(time.Duration(sec) * time.Second)
		return Run([]*snapshot.Snapshot{s}, []*fault.Fault{disk})
	}
	tell := func(list []Event) string {
		out := ""
		for _, e := range list {
			sign := "+"
			if e.Gone {
				sign = fmt.Sprintf("-%s", e.After)
			}
			out += fmt.Sprintf("%s %s %s; ", sign, e.Kind, e.ID)
		}
		return out
	}
	var tr Tracker
	missed := Run([]*snapshot.Snapshot{node("b", func(s *snapshot.Snapshot) {
		s.At = now.Add(30 * time.Second)
		s.Cluster.Nodes = append(s.Cluster.Nodes, snapshot.Node{Name: "a", Ready: "True"})
	})}, []*fault.Fault{disk})
	unread := func(s *snapshot.Snapshot) {
		s.Etcd = nil
		s.Gaps = []snapshot.Gap{{Section: snapshot.SectionEtcd, Source: "etcd", Reason: "no answer"}}
	}
	for i, step := range []struct {
		d    *Diagnosis
		want string
	}{
		{at(0, nil), ""},
		{at(10, syncSlow), "+ cause etcd/disk; + symptom etcd-slow; "},
		{at(20, syncSlow), ""},
		{missed, ""},         // another node tells of it, and it was not read: nothing is gone
		{at(35, unread), ""}, // nor where the evidence of it could not be had
		{at(40, nil), "-30s cause etcd/disk; -30s symptom etcd-slow; "},
		{at(50, syncSlow), "+ cause etcd/disk; + symptom etcd-slow; "},
	} {
		if got := tell(tr.Update(step.d)); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
}
