package faulttest

import (
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// hostEffects are the consequences of faults of that area.
var hostEffects = []func(*Machine, *snapshot.Snapshot){diskStarved}

// diskStarved: a limit on etcd's group makes its writes wait; with cgroup v2
// so does one on a group above it.
func diskStarved(m *Machine, s *snapshot.Snapshot) {
	if s.Cgroups == nil || s.Processes == nil || s.Etcd == nil {
		return
	}
	group := ""
	for _, p := range s.Processes.ByName("etcd") {
		group = p.Cgroup
	}
	for _, l := range s.Cgroups.Limits {
		above := l.Cgroup == group || s.Cgroups.Mode == "v2" && (l.Cgroup == "/" || strings.HasPrefix(group, l.Cgroup+"/"))
		low := strings.HasSuffix(l.Kind, "bps") && l.Value < 4<<20 || strings.HasSuffix(l.Kind, "iops") && l.Value < 100
		if group == "" || !above || !low || l.Device != s.Etcd.Device {
			continue
		}
		*s.Etcd.Latency = snapshot.EtcdLatency{
			LinearizableMs: 900, SerializableMs: 2, FsyncP99Ms: 1800, FsyncRecentMs: 700, CommitP99Ms: 2000, CommitRecentMs: 850,
			LeaderChanges: 4, ProposalsPending: 3, SlowApplies: 80, WindowMs: 400,
		}
		if s.Host != nil {
			for i := range s.Host.Pressure {
				if p := &s.Host.Pressure[i]; p.Resource == "io" {
					p.Some10, p.Some60, p.Full10, p.Full60 = 70, 60, 55, 50
				}
			}
		}
		if s.Cluster != nil {
			s.Cluster.API.LatencyMs, s.Cluster.API.WriteMs = []float64{900, 1200, 700}, 1900
		}
		observe(s, "etcd-slow-fdatasync", "/var/log/pods/etcd/0.log", `{"msg":"slow fdatasync","took":"1.2s","expected-duration":"1s"}`, map[string]string{"took": "1.2s"})
		return
	}
}
