// Package quota is the fault of an etcd that will soon be over its quota:
// because that is low, or because its file is mostly free pages.
package quota

import (
	"errors"
	"fmt"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "etcd/quota",
	Layer:    fault.Etcd,
	Needs:    []snapshot.Section{snapshot.SectionEtcd},
	Uses:     []snapshot.Section{snapshot.SectionStatic},
	Detect:   detect,
	Explains: []symptom.Edge{{Symptom: symptom.EtcdReadOnly, Strength: symptom.Usually, Cluster: true}},
	Remedy:   remedy,
}

const (
	// own is etcd's default, in bytes.
	own = 2 << 30
	// near is the part of a quota, in percent, from which the next compaction
	// may come too late.
	near = 60
	// hollow is the part of a quota, in percent, from which a file that is
	// mostly free pages is told: etcd counts those too.
	hollow = 75
	// filled is the part of a file, in percent, that is in use at most when
	// it is called mostly free: compaction alone leaves as much for a while.
	filled = 25
)

// detect is silent once etcd is full: that is a fault of its own.
func detect(s *snapshot.Snapshot) []finding.Finding {
	e := s.Etcd
	if e.Status == nil || e.Quota <= 0 || len(e.Alarms) > 0 || e.Status.DBSize >= e.Quota {
		return nil
	}
	part := e.Status.DBSize * 100 / e.Quota
	low, free := e.QuotaLine > 0 && e.Quota < own, fragmented(e)
	if part < near || !low && part < near+30 && !free {
		return nil
	}
	set := finding.Fact{Source: e.QuotaSource, Line: e.QuotaLine, Got: fmt.Sprintf("a quota of %d bytes", e.Quota), Want: fmt.Sprintf("%d, etcd's own, or more", int64(own))}
	if set.Source == "" || set.Source == "default" {
		set.Source, set.Want = "etcd's default", ""
	}
	f := finding.Finding{
		Subject: finding.Subject{Kind: "member", Name: name(e)},
		Summary: fmt.Sprintf("the etcd member %s has used %d%% of its quota and refuses all writes when that is full", name(e), part),
		Facts: []finding.Fact{
			{Source: e.DBPath, Got: fmt.Sprintf("%d bytes of pages, %d of them in use", e.Status.DBSize, e.Status.InUse), Want: "well below the quota"}, set,
		},
		Commands: []string{"grep -n quota-backend-bytes /etc/kubernetes/manifests/etcd.yaml", "etcdctl endpoint status -w table"},
	}
	if free {
		f.Summary += fmt.Sprintf("; %d%% of its file are free pages, which count", 100-e.Status.InUse*100/e.Status.DBSize)
		f.Facts[0].Want = "a file not much larger than what is in use: defragmented"
	}
	return []finding.Finding{f}
}

// fragmented reports whether a file near its quota is mostly free pages.
func fragmented(e *snapshot.Etcd) bool {
	used, size := e.Status.InUse, e.Status.DBSize
	return used > 0 && size/100*filled >= used && size/100*100 >= e.Quota/100*hollow
}

// name is the member's name, or its ID.
func name(e *snapshot.Etcd) string {
	for _, m := range e.Members {
		if m.ID == e.Status.MemberID && m.Name != "" {
			return m.Name
		}
	}
	return "etcd"
}

func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	etcd, ok := manifest.Find(s, "etcd")
	if low := s.Etcd != nil && s.Etcd.QuotaLine > 0 && s.Etcd.Quota < own; s.Etcd != nil && s.Etcd.Status != nil && fragmented(s.Etcd) && !low {
		return defragment(s.Etcd)
	}
	if !ok || s.Etcd == nil || s.Etcd.Quota >= own || s.Etcd.QuotaLine == 0 {
		return nil, errors.New("cannot raise etcd's quota: it is etcd's own or more; find out what fills it, compact and defragment, or give it up to 8 GiB")
	}
	f, ok := etcd.Flag("quota-backend-bytes")
	if !ok {
		return nil, fmt.Errorf("cannot raise etcd's quota: %s does not set it", etcd.File.Path)
	}
	return etcd.Change().Drop(f).Plan("etcd's own quota is larger")
}

// defragment plans that this member gives its free pages back. It answers
// nothing meanwhile; other members have files of their own.
func defragment(e *snapshot.Etcd) (op.Plan, error) {
	if !e.Reachable || e.Endpoint == "" {
		return nil, errors.New("cannot defragment etcd: the member does not answer; start it first")
	}
	return op.Plan{op.EtcdDefragment{Endpoint: e.Endpoint}}, nil
}
