package symptom

import (
	"testing"
	"time"

	"github.com/klustered/klustered/snapshot"
)

func look(t *testing.T, id ID, cases map[string]struct {
	s    *snapshot.Snapshot
	want State
}) {
	t.Helper()
	x, ok := Lookup(id)
	if !ok {
		t.Fatalf("no symptom %s", id)
	}
	for name, tc := range cases {
		got, facts := x.Look(tc.s)
		if got != tc.want || (got == Seen) != (len(facts) > 0) {
			t.Errorf("%s, %s: state %v, want %v; %+v", id, name, got, tc.want, facts)
		}
		for _, f := range facts {
			if f.Source == "" || f.Got == "" {
				t.Errorf("%s, %s: a fact that quotes nothing: %+v", id, name, f)
			}
		}
	}
}

type cases = map[string]struct {
	s    *snapshot.Snapshot
	want State
}

func mounted(list ...snapshot.Mount) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) {
		s.Host = &snapshot.Host{MemTotal: 4 << 30, MemFree: 2 << 30}
		s.Host.Mounts = append([]snapshot.Mount{{Target: "/", FSType: "ext4", Total: 50 << 30, Free: 20 << 30, Inodes: 3e6, IFree: 2e6}}, list...)
	}
}

func TestDiskFull(t *testing.T) {
	look(t, DiskFull, cases{
		"room":                      {snap(mounted()), Absent},
		"a full disk":               {snap(mounted(snapshot.Mount{Target: "/var", FSType: "ext4", Total: 9 << 30, Free: 1 << 20, Inodes: 1e6, IFree: 1e5})), Seen},
		"a full one of a pod":       {snap(mounted(snapshot.Mount{Target: "/var/lib/kubelet/pods/x/volumes/y", FSType: "tmpfs", Total: 1 << 20, Inodes: 9, IFree: 9})), Absent},
		"no inodes":                 {snap(mounted(snapshot.Mount{Target: "/run", FSType: "tmpfs", Total: 9 << 30, Free: 9 << 30, Inodes: 1e6, IFree: 3})), Seen},
		"inodes are not counted":    {snap(mounted(snapshot.Mount{Target: "/var", FSType: "btrfs", Total: 9 << 30, Free: 5 << 30})), Absent},
		"small and half full":       {snap(mounted(snapshot.Mount{Target: "/var/log", FSType: "tmpfs", Total: 16 << 20, Free: 8 << 20, Inodes: 100, IFree: 50})), Absent},
		"read-only is always full":  {snap(mounted(snapshot.Mount{Target: "/var", FSType: "squashfs", Total: 9 << 30, ReadOnly: true})), Absent},
		"covered by one with room":  {snap(mounted(snapshot.Mount{Target: "/run", Total: 9 << 20}, snapshot.Mount{Target: "/run", Total: 9 << 20, Free: 9 << 20})), Absent},
		"said by the kubelet":       {snap(mounted(), logs(logDiskFull, "journal:kubelet.service", time.Second)), Seen},
		"said an hour ago":          {snap(mounted(), logs(logDiskFull, "journal:kubelet.service", time.Hour)), Absent},
		"no node of Kubernetes":     {&snapshot.Snapshot{Node: "n", At: now, Host: &snapshot.Host{}}, NotLooked},
		"nobody looked at the host": {snap(), NotLooked},
	})
}

func TestDiskReadOnly(t *testing.T) {
	refused := func(path string) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			logs(logReadOnly, "journal:containerd.service", time.Second)(s)
			s.Logs.Observations[0].Params = map[string]string{"path": path}
		}
	}
	look(t, DiskReadOnly, cases{
		"all is written to":      {snap(mounted()), Absent},
		"its folder is not":      {snap(mounted(snapshot.Mount{Target: "/var/lib/kubelet", ReadOnly: true, FSType: "ext4"})), Seen},
		"an image beside it":     {snap(mounted(snapshot.Mount{Target: "/usr", ReadOnly: true, FSType: "ext4"})), Absent},
		"a root that is so made": {snap(mounted(snapshot.Mount{Target: "/", ReadOnly: true, FSType: "squashfs"})), Absent},
		"said by etcd":           {snap(mounted(), logs(logReadOnly, "/var/log/pods/etcd/0.log", time.Second)), Seen},
		"a folder of the node":   {snap(mounted(), refused("/var/lib/kubelet/device-plugins/x")), Seen},
		"the root of a pod":      {snap(mounted(), refused("/run/containerd/io.containerd.runtime.v2.task/k8s.io/7/rootfs/data")), Absent},
		"a volume of a pod":      {snap(mounted(), refused("/var/lib/kubelet/pods/7/volumes/x")), Absent},
		"a path within a pod":    {snap(mounted(), refused("/app/cache")), Absent},
		"nobody looked":          {snap(), NotLooked},
	})
}

func TestMemoryShort(t *testing.T) {
	short := func(s *snapshot.Snapshot) { s.Host.MemFree = 40 << 20 }
	small := func(s *snapshot.Snapshot) { s.Host.MemTotal, s.Host.MemFree = 1<<30, 70<<20 }
	stalled := func(s *snapshot.Snapshot) {
		s.Host.Pressure = []snapshot.Pressure{{Resource: "memory", Some10: 60, Full10: 44}}
	}
	kill := func(scope string) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			logs(logOOMKill, "/dev/kmsg", time.Minute)(s)
			s.Logs.Observations[0].Params = map[string]string{"scope": scope}
		}
	}
	look(t, MemoryShort, cases{
		"enough":                  {snap(mounted()), Absent},
		"little is left":          {snap(mounted(), short), Seen},
		"a small machine":         {snap(mounted(), small), Absent},
		"all wait for memory":     {snap(mounted(), stalled), Seen},
		"the kernel killed":       {snap(mounted(), kill("Out")), Seen},
		"a pod reached its limit": {snap(mounted(), kill("Memory cgroup out")), Absent},
		"nobody looked":           {snap(), NotLooked},
	})
}

func TestFolderHidden(t *testing.T) {
	folder := func(target, kind string, shown, beneath int) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			s.View = &snapshot.View{CleanFiles: true, Over: []snapshot.OverMount{{Mount: snapshot.Mount{Target: target, FSType: kind}, Kind: "folder",
				Shown: &snapshot.Look{Type: "folder", Count: shown}, Beneath: &snapshot.Look{Type: "folder", Count: beneath}}}}
		}
	}
	file := func(target string, differs bool) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			folder(target, "overlay", 0, 0)(s)
			s.View.Over[0].Kind, s.View.Over[0].Differs = "file", differs
		}
	}
	engine := func(s *snapshot.Snapshot) { s.View.Over[0].Origin = "engine" }
	look(t, FolderHidden, cases{
		"an empty tmpfs":              {snap(folder("/etc/kubernetes/manifests", "tmpfs", 0, 4)), Seen},
		"an empty disk":               {snap(folder("/var/lib/etcd", "ext4", 0, 1)), Seen},
		"a disk with what it had":     {snap(folder("/var/lib/etcd", "ext4", 1, 1)), Absent},
		"over an empty folder":        {snap(folder("/var/lib/kubelet", "ext4", 9, 0)), Absent},
		"memory with all that it had": {snap(folder("/var/lib/etcd", "tmpfs", 1, 1)), Absent},
		"made with the node":          {snap(folder("/var", "ext4", 0, 9), engine), Absent},
		"of nobody's concern":         {snap(folder("/srv", "tmpfs", 0, 9)), Absent},
		"a volume of a pod":           {snap(folder("/var/lib/kubelet/pods/x/volumes/y", "tmpfs", 0, 9)), Absent},
		"another file":                {snap(file("/var/lib/kubelet/config.yaml", true)), Seen},
		"the same file":               {snap(file("/var/lib/kubelet/config.yaml", false)), Absent},
		"a name service's file":       {snap(file("/etc/resolv.conf", true)), Absent},
		"nobody looked beneath":       {snap(func(s *snapshot.Snapshot) { s.View = &snapshot.View{} }), NotLooked},
	})
}
