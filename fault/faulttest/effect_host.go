package faulttest

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// hostEffects are the consequences of faults of that area.
var hostEffects = []func(*Machine, *snapshot.Snapshot){diskStarved, componentsHeld, foldersHidden, mountsShown, foldersFixed, podsThrottled}

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

// componentsHeld: a stopped component answers nobody.
func componentsHeld(m *Machine, s *snapshot.Snapshot) {
	for _, p := range m.World.Processes.List {
		if p.State != "T" {
			continue
		}
		switch p.Name {
		case "kubelet":
			if s.Kubelet == nil || !s.Kubelet.Running {
				continue
			}
			s.Kubelet.Healthz, s.Kubelet.HealthErr = "", "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
			silent(s)
		case "containerd":
			if s.Runtime == nil || !s.Runtime.Reachable {
				continue
			}
			r := s.Runtime
			s.Runtime = &snapshot.Runtime{Name: r.Name, Socket: r.Socket, Running: true, CNIConfDir: r.CNIConfDir, CNIBinDirs: r.CNIBinDirs,
				CNIMaxConf: r.CNIMaxConf, Config: r.Config, Error: "dial unix " + r.Socket + ": context deadline exceeded"}
			notReady(s, "False", "KubeletNotReady", "container runtime is down")
		}
	}
}

// foldersHidden: what was mounted after the node was installed lies over what
// is there, and an empty folder of manifests has no static pods.
func foldersHidden(m *Machine, s *snapshot.Snapshot) {
	f, err := m.ReadFile(mountinfo)
	if err != nil || s.View == nil {
		return
	}
	for line := range strings.Lines(string(f.Data)) {
		w := strings.Fields(line)
		if len(w) < 10 || w[2] != "0:77" || w[3] != "/" {
			continue // the simulation mounts with that device
		}
		beneath := &snapshot.Look{Type: "folder"}
		for name := range m.all() {
			if path.Dir(name) == w[4] {
				beneath.Count++
				beneath.Entries = append(beneath.Entries, path.Base(name))
			}
		}
		slices.Sort(beneath.Entries)
		s.View.Over = append(s.View.Over, snapshot.OverMount{
			Mount: snapshot.Mount{Device: w[2], Source: w[len(w)-2], Root: w[3], Target: w[4], FSType: w[len(w)-3], Options: w[5], ID: 900},
			Table: mountinfo, Kind: "folder", Late: true, Differs: true, Shown: &snapshot.Look{Type: "folder"}, Beneath: beneath,
		})
		if s.Static != nil && s.Kubelet != nil && s.Kubelet.StaticPodPath == w[4] {
			s.Static.Manifests = nil
		}
	}
}

// mountsShown: what the simulation mounted is among the host's mounts, with
// what its files leave free, and what is mounted read-only refuses writes.
func mountsShown(m *Machine, s *snapshot.Snapshot) {
	f, err := m.ReadFile(mountinfo)
	if err != nil || s.Host == nil {
		return
	}
	for line := range strings.Lines(string(f.Data)) {
		w := strings.Fields(line)
		if len(w) < 10 || w[2] != "0:77" {
			continue
		}
		x := snapshot.Mount{Device: w[2], Source: w[len(w)-2], Root: w[3], Target: w[4], FSType: w[len(w)-3], Options: w[5],
			ReadOnly: strings.HasPrefix(w[5], "ro"), Total: 30 << 30, Free: 20 << 30, Inodes: 3e6, IFree: 2e6, ID: 900, Line: 40}
		used, files := uint64(0), uint64(1)
		for name, f := range m.all() {
			if path.Dir(name) == x.Target && x.Root == "/" {
				used, files = used+uint64(len(f.Data)), files+1
			}
		}
		for o := range strings.SplitSeq(w[5], ",") {
			key, value, _ := strings.Cut(o, "=")
			n, _ := strconv.ParseUint(strings.TrimSuffix(value, "k"), 10, 64)
			switch key {
			case "size":
				x.Total, x.Free = n<<10, n<<10-min(used, n<<10)
			case "nr_inodes":
				x.Inodes, x.IFree = n, n-min(files, n)
			}
		}
		s.Host.Mounts = append(s.Host.Mounts, x)
		if x.Root == x.Target && s.View != nil {
			same := &snapshot.Look{Type: "folder", Count: 5, Inode: 77, Device: "8:0"}
			s.View.Over = append(s.View.Over, snapshot.OverMount{Mount: x, Table: mountinfo, Kind: "folder", Late: true, Shown: same, Beneath: same})
		}
	}
}

// foldersFixed: a kubelet does not start where it may not write.
func foldersFixed(m *Machine, s *snapshot.Snapshot) {
	for name, x := range m.flags() {
		if x.Immutable && strings.HasPrefix(name, "/var/lib/kubelet") && s.Kubelet != nil && s.Systemd != nil {
			ends(s, "kubelet.service", "activating", "auto-restart", "exit-code")
		}
	}
}

// podsThrottled: pods that get next to no processor time answer late, etcd and
// the API server among them.
func podsThrottled(_ *Machine, s *snapshot.Snapshot) {
	if s.Cgroups == nil {
		return
	}
	for i := range s.Cgroups.Controls {
		c := &s.Cgroups.Controls[i]
		if c.Kind != "kubepods" && c.Kind != "qos" || c.CPU == nil || c.CPU.QuotaUs == 0 || c.CPU.QuotaUs*5 > c.CPU.PeriodUs {
			continue
		}
		c.CPU.RecentMs, c.CPU.RecentPeriods, c.CPU.RecentThrottled = 210, 3, 3
		if s.Cluster != nil {
			s.Cluster.API.LatencyMs, s.Cluster.API.WriteMs = []float64{900, 1200, 1700}, 2400
		}
	}
}
