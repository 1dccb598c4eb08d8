// Package foreignkeys is the fault of keys in etcd that are not the API
// server's.
package foreignkeys

import (
	"fmt"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. Whose the keys are, and whether
// they may go, is for a person.
var Fault = &fault.Fault{
	ID:       "etcd/foreignkeys",
	Layer:    fault.Etcd,
	Needs:    []snapshot.Section{snapshot.SectionEtcd},
	Uses:     []snapshot.Section{snapshot.SectionStatic},
	Detect:   detect,
	Explains: []symptom.Edge{{Symptom: symptom.EtcdReadOnly, Strength: symptom.Usually, Cluster: true}},
}

const (
	// registry is where the API server keeps everything, by default.
	registry = "/registry"
	// part is the share of the quota, in percent, from which keys are many.
	part = 10
	// many is how many keys of a few bytes are as bad.
	many = 100000
)

func detect(s *snapshot.Snapshot) []finding.Finding {
	e := s.Etcd
	if e.Store == nil || e.Store.ForeignKeys == 0 || prefix(s) != registry {
		return nil
	}
	var bytes int64
	var shares []finding.Fact
	for _, p := range e.Prefixes {
		if strings.HasPrefix(p.Prefix, registry+"/") || strings.HasPrefix(p.Prefix, "compact_rev_key") {
			continue
		}
		bytes += max(p.Bytes, p.History)
		if len(shares) < 3 {
			shares = append(shares, finding.Fact{Source: e.DBPath, Got: fmt.Sprintf("%s has %d keys of %d bytes, written %d times", p.Prefix, p.Keys, max(p.Bytes, p.History), p.Versions)})
		}
	}
	if e.Quota <= 0 || bytes*100/e.Quota < part && e.Store.ForeignKeys < many {
		return nil // a key here and there, of a backup or a probe, is no harm
	}
	return []finding.Finding{{
		Subject: finding.Subject{Kind: "file", Name: e.DBPath},
		Summary: fmt.Sprintf("%d keys outside of %s/ take %d%% of etcd's quota", e.Store.ForeignKeys, registry, bytes*100/e.Quota),
		Facts: append([]finding.Fact{{Source: e.DBPath, Got: fmt.Sprintf("%d keys that are not the API server's, such as %s", e.Store.ForeignKeys, strings.Join(e.Store.Foreign[:min(3, len(e.Store.Foreign))], ", ")),
			Want: "keys below " + registry + "/ alone"}}, shares...),
		Commands: []string{"etcdctl get '' --prefix --keys-only | grep -v ^/registry/ | grep . | cut -d/ -f1-3 | sort | uniq -c | sort -n | tail"},
	}}
}

// prefix is where the API server of this node keeps its objects.
func prefix(s *snapshot.Snapshot) string {
	if s.Static == nil {
		return registry
	}
	_, c, _ := s.Static.Component("kube-apiserver")
	if f, ok := c.Flag("etcd-prefix"); ok {
		return strings.TrimSuffix(f.Value, "/")
	}
	return registry
}
