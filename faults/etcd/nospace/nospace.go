// Package nospace is the fault of an etcd that is over its quota and refuses
// writes.
package nospace

import (
	"fmt"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:    "etcd/nospace",
	Layer: fault.Etcd,
	Needs: []snapshot.Section{snapshot.SectionEtcd},
	Uses: []snapshot.Section{
		snapshot.SectionStatic, snapshot.SectionPersistence, snapshot.SectionProcesses, snapshot.SectionCluster,
	},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.EtcdReadOnly, Strength: symptom.Always, Cluster: true},
		{Symptom: symptom.APIWritesFail, Strength: symptom.Always, Cluster: true},
		{Symptom: symptom.ControllersIdle, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.SchedulerIdle, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
	Drill:  drill,
}

// defaultQuota is etcd's own: what its documents call enough for most.
const defaultQuota = 2 << 30

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	e := s.Etcd
	for _, a := range e.Alarms {
		if a.Kind != "NOSPACE" {
			continue
		}
		f := finding.Finding{
			Subject: finding.Subject{Kind: "member", Name: name(e, a.Member)},
			Facts:   []finding.Fact{{Source: place(e), Got: fmt.Sprintf("alarm NOSPACE of member %s", a.Member), Want: "no alarm"}},
		}
		if e.Status != nil && (e.Status.MemberID == a.Member || e.Status.MemberID == "") {
			f.Facts = append(f.Facts, sizes(e)...)
		}
		out = append(out, f)
	}
	if len(out) == 0 && full(e) {
		out = append(out, finding.Finding{Subject: finding.Subject{Kind: "member", Name: name(e, e.Status.MemberID)}, Facts: sizes(e)})
	}
	for i := range out {
		tell(s, &out[i])
	}
	return out
}

// full reports whether the next write raises the alarm.
func full(e *snapshot.Etcd) bool {
	return (e.Reachable || e.Offline) && e.Status != nil && e.Quota > 0 && e.Status.DBSize >= e.Quota
}

// tell adds what fills etcd, and who.
func tell(s *snapshot.Snapshot, f *finding.Finding) {
	f.Summary = fmt.Sprintf("etcd member %s is over its quota and refuses writes", f.Subject.Name)
	fillers := fillers(s.Etcd)
	if len(fillers) > 0 {
		w := fillers[0]
		f.Summary += fmt.Sprintf("; %s, written %d times%s, fills it", object(w), w.Version, by(w))
	}
	if len(s.Etcd.Prefixes) > 0 {
		p := s.Etcd.Prefixes[0]
		got := fmt.Sprintf("%s has %d keys of %s, written %d times", p.Prefix, p.Keys, size(p.Bytes), p.Versions)
		if p.History > p.Bytes {
			got += ", with a history of " + size(p.History)
		}
		f.Facts = append(f.Facts, finding.Fact{Source: s.Etcd.DBPath, Got: got})
	}
	for _, w := range fillers {
		f.Facts = append(f.Facts, finding.Fact{
			Source: s.Etcd.DBPath, At: w.Last, Got: fmt.Sprintf("%s is at version %d with %s%s", w.Key, w.Version, size(w.Bytes), by(w)),
		})
	}
	hands := hands(s, fillers)
	for _, h := range hands {
		f.Facts = append(f.Facts, h.facts...)
	}
	if len(hands) > 0 {
		f.Summary += ", by way of " + hands[0].facts[0].Source
	}
	const pki = "/etc/kubernetes/pki/etcd/"
	etcdctl := "etcdctl --cacert " + pki + "ca.crt --cert " + pki + "server.crt --key " + pki + "server.key "
	f.Commands = []string{etcdctl + "alarm list", etcdctl + "endpoint status -w table"}
}

// sizes are the size and the quota, and where that is set.
func sizes(e *snapshot.Etcd) []finding.Fact {
	got := fmt.Sprintf("%s of pages, %s of them in use", size(e.Status.DBSize), size(e.Status.InUse))
	quota := finding.Fact{Source: e.QuotaSource, Line: e.QuotaLine, Got: fmt.Sprintf("quota of %d bytes", e.Quota)}
	if e.QuotaLine > 0 {
		quota.Got = fmt.Sprintf("--quota-backend-bytes=%d", e.Quota)
	}
	if quota.Source == "" || quota.Source == "default" {
		quota.Source = "etcd's default"
	}
	if e.Quota < defaultQuota {
		quota.Want = fmt.Sprintf("%d, as etcd has it by default", int64(defaultQuota))
	}
	return []finding.Fact{{Source: e.DBPath, Got: got, Want: "less than the quota of " + size(e.Quota)}, quota}
}

// place is where the alarm was read.
func place(e *snapshot.Etcd) string {
	if e.Offline || e.Endpoint == "" {
		return e.DBPath
	}
	return e.Endpoint
}

// name is the member's name, or its ID.
func name(e *snapshot.Etcd, id string) string {
	for _, m := range e.Members {
		if m.ID == id && m.Name != "" {
			return m.Name
		}
	}
	if id == "" {
		return "etcd"
	}
	return id
}

// size writes bytes for people.
func size(n int64) string {
	switch {
	case n < 10<<10:
		return fmt.Sprintf("%d bytes", n)
	case n < 10<<20:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}
