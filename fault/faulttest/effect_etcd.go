package faulttest

import (
	"time"

	"github.com/klustered/klustered/snapshot"
)

// etcdEffects are the consequences of faults of that area.
var etcdEffects = []func(*Machine, *snapshot.Snapshot){etcdFull}

func etcdFull(m *Machine, s *snapshot.Snapshot) {
	if !m.full() || s.Cluster == nil {
		return
	}
	s.Cluster.API.Write = "etcdserver: mvcc: database space exceeded"
	observe(s, "etcd-nospace", "/var/log/pods/etcd/0.log", `{"msg":"alarm raised","alarm":"NOSPACE"}`, nil)
	for i := range s.Cluster.Leases {
		s.Cluster.Leases[i].Renewed = s.At.Add(-4 * time.Minute)
	}
}
