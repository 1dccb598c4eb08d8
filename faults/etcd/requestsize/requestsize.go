// Package requestsize is the fault of an etcd that takes no request of the
// size that the API server makes.
package requestsize

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "etcd/requestsize",
	Layer:  fault.Etcd,
	Needs:  []snapshot.Section{snapshot.SectionStatic},
	Uses:   []snapshot.Section{snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.APIWritesFail, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.ControllersIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.SchedulerIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.APIDown, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.EtcdDown, Strength: symptom.Sometimes},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
	Drill:  drill,
}

// A limit is a flag that bounds requests.
type limit struct {
	flag  string
	own   int // etcd's default
	least int // from which the API server is served
	what  string
}

// limits: the API server makes requests of up to 1.5 MiB, as large as etcd's
// own limit lets them be, and no transaction of more than a few operations.
var limits = []limit{
	{"max-request-bytes", 1536 * 1024, 1536 * 1024, "bytes"},
	{"max-txn-ops", 128, 8, "operations"},
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	etcd, ok := manifest.Find(s, "etcd")
	if !ok {
		return nil
	}
	var out []finding.Finding
	for _, l := range limits {
		f, ok := etcd.Flag(l.flag)
		n, err := strconv.Atoi(f.Value)
		if !ok || err != nil || n >= l.least {
			continue
		}
		x := finding.Finding{
			Subject: etcd.Subject(l.flag), Summary: fmt.Sprintf("etcd takes requests of %d %s at most, and the API server makes larger ones", n, l.what),
			Facts:    []finding.Fact{etcd.Quote(f.Line, fmt.Sprintf("%d or more; etcd's own is %d", l.least, l.own))},
			Commands: []string{"grep -n -- --" + l.flag + " " + etcd.File.Path, manifest.Log("kube-apiserver")},
		}
		if s.Logs != nil {
			for _, id := range []string{"etcd-too-large", "apiserver-etcd-error"} {
				for _, o := range s.Logs.Observations {
					if o.ID == id && len(x.Facts) < 3 {
						x.Facts = append(x.Facts, finding.Fact{Source: o.Source, Got: o.Sample, At: o.Last})
					}
				}
			}
		}
		out = append(out, x)
	}
	return out
}

// remedy drops the flags: etcd's own limits are made for the API server.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	etcd, ok := manifest.Find(s, "etcd")
	if !ok {
		return nil, errors.New("cannot change etcd's limits: its manifest was not read")
	}
	change := etcd.Change()
	for _, x := range etcd.Container.Flags {
		if etcd.Subject(x.Name) == f.Subject {
			change.Drop(x)
		}
	}
	return change.Plan("etcd's own limit is made for the API server")
}

// drill lowers a limit so far that leases are refused.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	etcd, ok := manifest.Find(s, "etcd")
	if !ok {
		return nil, errors.New("cannot change etcd's limits: no manifest of this node starts it")
	}
	return etcd.Change().Set(etcd, "max-request-bytes", strconv.Itoa(d.Int(90, 250))).Plan("another limit")
}
