// Package quota is the fault of an etcd whose quota is so low that it will
// soon be full.
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
)

// detect is silent once etcd is full: that is a fault of its own.
func detect(s *snapshot.Snapshot) []finding.Finding {
	e := s.Etcd
	if e.Status == nil || e.Quota <= 0 || len(e.Alarms) > 0 || e.Status.DBSize >= e.Quota {
		return nil
	}
	part := e.Status.DBSize * 100 / e.Quota
	low := e.QuotaLine > 0 && e.Quota < own
	if part < near || !low && part < near+30 {
		return nil
	}
	set := finding.Fact{Source: e.QuotaSource, Line: e.QuotaLine, Got: fmt.Sprintf("a quota of %d bytes", e.Quota), Want: fmt.Sprintf("%d, etcd's own, or more", int64(own))}
	if set.Source == "" || set.Source == "default" {
		set.Source, set.Want = "etcd's default", ""
	}
	return []finding.Finding{{
		Subject: finding.Subject{Kind: "member", Name: name(e)},
		Summary: fmt.Sprintf("the etcd member %s has used %d%% of its quota and refuses all writes when that is full", name(e), part),
		Facts: []finding.Fact{
			{Source: e.DBPath, Got: fmt.Sprintf("%d bytes of pages, %d of them in use", e.Status.DBSize, e.Status.InUse), Want: "well below the quota"}, set,
		},
		Commands: []string{"grep -n quota-backend-bytes /etc/kubernetes/manifests/etcd.yaml", "etcdctl endpoint status -w table"},
	}}
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
	if !ok || s.Etcd == nil || s.Etcd.Quota >= own || s.Etcd.QuotaLine == 0 {
		return nil, errors.New("cannot raise etcd's quota: it is etcd's own or more; find out what fills it, compact and defragment, or give it up to 8 GiB")
	}
	f, ok := etcd.Flag("quota-backend-bytes")
	if !ok {
		return nil, fmt.Errorf("cannot raise etcd's quota: %s does not set it", etcd.File.Path)
	}
	return etcd.Change().Drop(f).Plan("etcd's own quota is larger")
}
