package faulttest

import (
	"strings"
	"time"

	"github.com/klustered/klustered/snapshot"
)

// standard are the consequences of faults, as far as rules and symptoms look
// at them. What is here was seen on a real node; the laws do not rest on it
// for anything that a rule finds by itself.
var standard = []func(*Machine, *snapshot.Snapshot){
	runtimeStopped, kubeletStopped, podNetwork, diskStarved, packetsHeld, etcdFull,
}

// observe adds a log line that was written a moment ago.
func observe(s *snapshot.Snapshot, id, source, sample string, params map[string]string) {
	if s.Logs == nil {
		return
	}
	s.Logs.Observations = append(s.Logs.Observations, snapshot.Observation{
		ID: id, Source: source, Sample: sample, Params: params, Count: 12,
		First: s.At.Add(-3 * time.Minute), Last: s.At.Add(-5 * time.Second),
	})
}

// notReady marks this node's object.
func notReady(s *snapshot.Snapshot, status, reason, message string) {
	if s.Cluster == nil {
		return
	}
	for i := range s.Cluster.Nodes {
		if n := &s.Cluster.Nodes[i]; n.Name == s.Node && n.Ready == "True" {
			n.Ready = status
			n.Conditions = []snapshot.Condition{{Type: "Ready", Status: status, Reason: reason, Message: message, Since: s.At.Add(-time.Minute)}}
		}
	}
}

func kubeletStopped(m *Machine, s *snapshot.Snapshot) {
	if m.World.Units["kubelet.service"] == "active" {
		return
	}
	notReady(s, "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
	if s.Cluster == nil {
		return
	}
	for i := range s.Cluster.Leases {
		if l := &s.Cluster.Leases[i]; l.Namespace == "kube-node-lease" && l.Name == s.Node {
			l.Renewed = s.At.Add(-5 * time.Minute)
		}
	}
}

func runtimeStopped(m *Machine, s *snapshot.Snapshot) {
	if m.World.Units["containerd.service"] != "active" {
		notReady(s, "False", "KubeletNotReady", "container runtime is down")
	}
}

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

// slowed reports whether a qdisc holds packets back so that it shows.
func slowed(q snapshot.Qdisc) bool {
	return q.DelayUs >= 5000 || q.LossPct >= 1 || q.RateBps > 0 && q.RateBps < 2_000_000
}

// packetsHeld: a qdisc on the way makes probes late, or loses packets.
func packetsHeld(m *Machine, s *snapshot.Snapshot) {
	if s.Network == nil || s.Probes == nil {
		return
	}
	for i := range s.Network.Namespaces {
		n := &s.Network.Namespaces[i]
		for j := range n.Qdiscs {
			q := &n.Qdiscs[j]
			if !slowed(*q) {
				continue
			}
			q.Packets, q.Bytes, q.Overlimits, q.Drops, q.Backlog = 900, 80000, 700, 60, 1500
			for k := range s.Probes.List {
				late(&s.Probes.List[k], n.Name(), *q)
			}
		}
	}
}

// late makes a probe that crosses the qdisc suffer from it.
func late(p *snapshot.Probe, netns string, q snapshot.Qdisc) {
	for _, h := range p.Path {
		if h.NetNS != netns || h.Link != q.Link {
			continue
		}
		delay := max(float64(q.DelayUs)/1000, 5)
		if q.RateBps > 0 {
			delay = max(delay, 120)
		}
		p.MinMs, p.MedianMs, p.MaxMs = p.MinMs+delay, p.MedianMs+2*delay, p.MaxMs+4*delay
		if q.LossPct >= 1 || q.RateBps > 0 {
			p.Lost = max(p.Lost, 3)
			p.Error = "i/o timeout"
		}
		return
	}
}

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
