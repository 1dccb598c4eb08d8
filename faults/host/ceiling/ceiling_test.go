package ceiling

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4)) }

func TestUnified(t *testing.T) { faulttest.Run(t, Fault, faulttest.CgroupV2()) }

func num(n uint64) *uint64 { return &n }

func cpu(quota uint64, throttled uint64) *snapshot.CPUControl {
	return &snapshot.CPUControl{QuotaUs: quota, PeriodUs: 100000, RecentPeriods: 4, RecentThrottled: throttled}
}

func memory(most, peak, kills uint64) *snapshot.MemoryControl {
	return &snapshot.MemoryControl{Max: &most, Current: peak, Peak: peak, OOMKill: kills}
}

// node has a static pod of etcd, a kubelet, and 4 GiB for pods.
func node(manifest ...snapshot.Field) *snapshot.Snapshot {
	return &snapshot.Snapshot{
		Node: "n", Host: &snapshot.Host{CPUs: 4, Counts: &snapshot.Counts{PIDMax: 32768, ThreadsMax: 60000}},
		Kubelet: &snapshot.Kubelet{Effective: map[string]snapshot.Effective{}},
		Cluster: &snapshot.Cluster{Nodes: []snapshot.Node{{Name: "n", Allocatable: map[string]string{"memory": "4Gi"}}}},
		Static: &snapshot.Static{Dir: "/m", Manifests: []snapshot.Manifest{{Text: snapshot.Text{Path: "/m/etcd.yaml"}, Name: "etcd", Namespace: "kube-system", Fields: manifest,
			Containers: []snapshot.ManifestContainer{{Name: "etcd", Command: "etcd"}}}}},
		Cgroups: &snapshot.Cgroups{},
	}
}

// group puts a group above etcd's container, or makes it that container's.
func group(s *snapshot.Snapshot, c snapshot.Control, set ...snapshot.UnitLimit) *snapshot.Snapshot {
	dirs := map[string]string{"": "/sys/fs/cgroup" + c.Path}
	c.Dirs, c.Set = dirs, set
	etcd := snapshot.Control{Path: "/kubepods/burstable/poda/c", Kind: "container", Dirs: dirs, Members: []snapshot.GroupMember{{Name: "etcd", PID: 9}}}
	kubelet := snapshot.Control{Path: "/system.slice/kubelet.service", Kind: "service", Dirs: dirs, Members: []snapshot.GroupMember{{Name: "kubelet", PID: 5}}}
	for _, x := range []*snapshot.Control{&etcd, &kubelet} {
		if x.Path == c.Path {
			c.Members = x.Members
			*x = c
		}
	}
	s.Cgroups.Controls = []snapshot.Control{etcd, kubelet}
	if c.Path != etcd.Path && c.Path != kubelet.Path {
		s.Cgroups.Controls = append(s.Cgroups.Controls, c)
	}
	return s
}

func TestDetect(t *testing.T) {
	const pods, class, pod, box, system, service = "/kubepods", "/kubepods/burstable", "/kubepods/burstable/poda", "/kubepods/burstable/poda/c", "/system.slice", "/system.slice/kubelet.service"
	with := func(key, value string) *snapshot.Snapshot {
		s := node()
		s.Kubelet.Effective[key] = snapshot.Effective{Origin: snapshot.Origin{Value: value}}
		return s
	}
	limited := func(resource, value string) *snapshot.Snapshot {
		return node(snapshot.Field{Path: "spec.containers[0].resources.limits." + resource, Value: value})
	}
	for name, tc := range map[string]struct {
		s    *snapshot.Snapshot
		want int
	}{
		"no limits":                      {group(node(), snapshot.Control{Path: pods, Kind: "kubepods", CPU: &snapshot.CPUControl{PeriodUs: 100000}}), 0},
		"all pods throttled":             {group(node(), snapshot.Control{Path: pods, Kind: "kubepods", CPU: cpu(5000, 4)}), 1},
		"a quota that is enough":         {group(node(), snapshot.Control{Path: pods, Kind: "kubepods", CPU: cpu(5000, 0)}), 0},
		"a quota of half of the node":    {group(node(), snapshot.Control{Path: pods, Kind: "kubepods", CPU: cpu(200000, 4)}), 0},
		"memory as the kubelet has it":   {group(node(), snapshot.Control{Path: pods, Kind: "kubepods", Memory: memory(4300<<20, 4300<<20, 3)}), 0},
		"memory below that":              {group(node(), snapshot.Control{Path: pods, Kind: "kubepods", Memory: memory(1<<30, 1<<30, 3)}), 1},
		"that is full of caches":         {group(node(), snapshot.Control{Path: pods, Kind: "kubepods", Memory: memory(1<<30, 1<<30, 0)}), 0},
		"that was never reached":         {group(node(), snapshot.Control{Path: pods, Kind: "kubepods", Memory: memory(1<<30, 1<<29, 3)}), 0},
		"processes of the node":          {group(node(), snapshot.Control{Path: pods, Kind: "kubepods", Pids: &snapshot.PidsControl{Max: num(32768), Current: 32700}}), 0},
		"some are reserved":              {group(with("systemReserved.pid", "20000"), snapshot.Control{Path: pods, Kind: "kubepods", Pids: &snapshot.PidsControl{Max: num(12768), Current: 12760}}), 0},
		"few processes":                  {group(node(), snapshot.Control{Path: pods, Kind: "kubepods", Pids: &snapshot.PidsControl{Max: num(300), Current: 300, Refused: 2}}), 1},
		"few, and enough":                {group(node(), snapshot.Control{Path: pods, Kind: "kubepods", Pids: &snapshot.PidsControl{Max: num(300), Current: 80}}), 0},
		"a class throttled":              {group(node(), snapshot.Control{Path: class, Kind: "qos", CPU: cpu(5000, 3)}), 1},
		"memory of a class":              {group(node(), snapshot.Control{Path: class, Kind: "qos", Memory: memory(1<<30, 1<<30, 1)}), 1},
		"memory kept for other classes":  {group(with("qosReserved.memory", "50%"), snapshot.Control{Path: class, Kind: "qos", Memory: memory(1<<30, 1<<30, 1)}), 0},
		"etcd without a limit":           {group(node(), snapshot.Control{Path: pod, Kind: "pod", CPU: cpu(9000, 4)}), 1},
		"etcd's container":               {group(node(), snapshot.Control{Path: box, Kind: "container", Memory: memory(64<<20, 64<<20, 2)}), 1},
		"etcd with that limit":           {group(limited("cpu", "90m"), snapshot.Control{Path: box, Kind: "container", CPU: cpu(9000, 4)}), 0},
		"etcd with a higher one":         {group(limited("cpu", "2"), snapshot.Control{Path: box, Kind: "container", CPU: cpu(9000, 4)}), 1},
		"memory as its manifest":         {group(limited("memory", "64Mi"), snapshot.Control{Path: pod, Kind: "pod", Memory: memory(64<<20, 64<<20, 2)}), 0},
		"podPidsLimit":                   {group(with("podPidsLimit", "40"), snapshot.Control{Path: pod, Kind: "pod", Pids: &snapshot.PidsControl{Max: num(40), Current: 40, Refused: 3}}), 0},
		"processes of a pod":             {group(with("podPidsLimit", "-1"), snapshot.Control{Path: pod, Kind: "pod", Pids: &snapshot.PidsControl{Max: num(12), Current: 12, Refused: 3}}), 1},
		"the runtime's for a container":  {group(node(), snapshot.Control{Path: box, Kind: "container", Pids: &snapshot.PidsControl{Max: num(12), Current: 12, Refused: 3}}), 0},
		"system.slice":                   {group(node(), snapshot.Control{Path: system, Kind: "slice", CPU: cpu(9000, 4)}), 1},
		"that the kubelet holds":         {group(with("systemReservedCgroup", "/system"), snapshot.Control{Path: system, Kind: "slice", Memory: memory(1<<30, 1<<30, 2)}), 0},
		"that a package limits":          {group(node(), snapshot.Control{Path: system, Kind: "slice", CPU: cpu(9000, 4)}, snapshot.UnitLimit{Key: "CPUQuota", Value: "9%", File: "/usr/lib/systemd/system/system.slice.d/a.conf", Line: 2}), 0},
		"the kubelet's group":            {group(node(), snapshot.Control{Path: service, Kind: "service", CPU: cpu(2000, 4)}), 1},
		"as its unit says":               {group(node(), snapshot.Control{Path: service, Kind: "service", CPU: cpu(2000, 4)}, snapshot.UnitLimit{Key: "CPUQuota", Value: "2%", File: "/etc/systemd/system/kubelet.service.d/a.conf", Line: 2}), 0},
		"the manager's default of tasks": {group(node(), snapshot.Control{Path: service, Kind: "service", Pids: &snapshot.PidsControl{Max: num(40), Current: 40}}), 0},
		"a slice of users":               {group(node(), snapshot.Control{Path: "/user.slice", Kind: "slice", CPU: cpu(2000, 4)}), 0},
		"the machine is a container":     {group(node(), snapshot.Control{Path: "/", Kind: "root", CPU: cpu(2000, 4)}), 0},
		"somebody's pod":                 {group(node(), snapshot.Control{Path: "/kubepods/podz", Kind: "pod", CPU: cpu(2000, 4)}), 0},
	} {
		if got := detect(tc.s); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// With v2 the death of a process is counted in every group above it.
func TestKilledByTheirOwnLimits(t *testing.T) {
	s := group(node(), snapshot.Control{Path: "/kubepods", Kind: "kubepods", Memory: memory(1<<30, 1<<30, 3)})
	s.Cgroups.Controls = append(s.Cgroups.Controls, snapshot.Control{Path: "/kubepods/podz/c", Kind: "container", Memory: memory(8<<20, 8<<20, 3)})
	if got := detect(s); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
}

// A line of a drop-in that says what the kernel has is named, and leaves its
// file; no other is.
func TestDropIn(t *testing.T) {
	const file = "/etc/systemd/system/kubepods.slice.d/20-room.conf"
	set := []snapshot.UnitLimit{
		{Key: "MemoryMax", Value: "9G", File: file, Line: 2}, {Key: "CPUQuota", Value: "5%", File: file, Line: 3},
		{Key: "CPUQuota", Value: "5%", File: "/run/systemd/transient/kubepods.slice.d/50-CPUQuota.conf", Line: 2}, {Key: "CPUQuota", Value: "80%", File: "/etc/systemd/system/slice.d/a.conf", Line: 2},
	}
	s := group(node(), snapshot.Control{Path: "/kubepods.slice", Kind: "kubepods", CPU: cpu(5000, 4)}, set...)
	got := detect(s)
	if len(got) != 1 || !strings.Contains(got[0].Summary, "CPUQuota=5% in "+file+":3") || len(got[0].Facts) != 3 {
		t.Fatalf("got %+v", got)
	}
	if _, err := remedy(s, got[0]); err == nil {
		t.Error("a file that was not read is changed")
	}
	text := snapshot.Text{Path: file, Content: "[Slice]\nMemoryMax=9G\nCPUQuota=5%\n", Mode: 0o644}
	text.SHA256 = sum(text.Content)
	s.Systemd = &snapshot.Systemd{Units: []snapshot.Unit{{Name: "kubepods.slice", DropIns: []string{file}, Texts: []snapshot.Text{text}}}}
	plan, err := remedy(s, got[0])
	if err != nil || len(plan) != 3 || !strings.Contains(plan[1].String(), file) {
		t.Errorf("got %v, %v", plan, err)
	}
}

func sum(content string) string { return op.File{Data: []byte(content)}.Sum() }
