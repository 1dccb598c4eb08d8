package faulttest

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/snapshot"
)

// etcdEffects are the consequences of faults of that area.
var etcdEffects = append([]func(*Machine, *snapshot.Snapshot){etcdFull, etcdRefuses, etcdForgets, etcdAsks}, pkiEffects...)

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

// etcdRefuses: etcd does not start with some values of its flags, or nobody
// finds it.
func etcdRefuses(m *Machine, s *snapshot.Snapshot) {
	etcd, ok := manifest.Find(s, "etcd")
	if !ok || s.Cluster == nil {
		return
	}
	number := func(name string, without int) int {
		if n, err := strconv.Atoi(etcd.Value(name)); err == nil {
			return n
		}
		return without
	}
	log := ""
	if beat, election := number("heartbeat-interval", 100), number("election-timeout", 1000); election < 5*beat || election > 50000 {
		log = `{"level":"fatal","msg":"failed to verify flags","error":"--election-timeout should be at least as 5 times as --heartbeat-interval"}`
	}
	lost := true
	for _, name := range []string{"listen-client-urls", "listen-peer-urls"} {
		for v := range strings.SplitSeq(etcd.Value(name), ",") {
			u, err := url.Parse(v)
			if err != nil || u.Hostname() != "127.0.0.1" && u.Hostname() != "172.20.0.2" {
				log = `{"level":"fatal","msg":"discovery failed","error":"listen tcp: bind: cannot assign requested address"}`
			}
			lost = lost && (err != nil || name != "listen-client-urls" || u.Port() != "2379")
		}
	}
	switch {
	case log != "":
		componentDown(s, "etcd", end{ID: "etcd-exits", Log: log})
		etcdDown(s, "dial tcp 127.0.0.1:2379: connect: connection refused")
	case lost && etcd.Value("listen-client-urls") != "":
		etcdDown(s, "dial tcp 127.0.0.1:2379: connect: connection refused")
	}
	if number("max-request-bytes", 1<<20) < 1000 {
		observe(s, "etcd-too-large", "/var/log/pods/kube-apiserver/0.log", "etcdserver: request is too large", nil)
		for i := range s.Cluster.Leases {
			s.Cluster.Leases[i].Renewed = s.At.Add(-4 * time.Minute)
		}
	}
}

// etcdForgets: data in the container is empty data.
func etcdForgets(_ *Machine, s *snapshot.Snapshot) {
	etcd, ok := manifest.Find(s, "etcd")
	if dir := etcd.Value("data-dir"); !ok || dir == "/var/lib/etcd" || s.Cluster == nil || strings.HasPrefix(dir, "/var/lib/etcd/") {
		return
	}
	c := s.Cluster
	c.Workloads, c.Settings, c.ConfigMaps, c.Services, c.Endpoints = nil, nil, nil, nil, nil
	c.Pods = slices.DeleteFunc(c.Pods, func(p snapshot.Pod) bool { return !p.HostNet })
	c.Nodes = slices.DeleteFunc(c.Nodes, func(n snapshot.Node) bool { return n.Name != s.Node })
}

// etcdAsks: with authentication on, the API server may do nothing.
func etcdAsks(m *Machine, s *snapshot.Snapshot) {
	if s.Etcd == nil || s.Etcd.Store == nil || !s.Etcd.Store.AuthEnabled {
		return
	}
	store := s.Etcd.Store
	etcdDown(s, "etcdserver: user name is empty")
	s.Etcd.Store, s.Etcd.Failure, s.Etcd.Running = store, snapshot.EtcdAuth, true
}
