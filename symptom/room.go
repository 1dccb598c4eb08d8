package symptom

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

func rooms() []Symptom {
	// What cannot write, or is killed, may be any of them.
	any := []Edge{here(EtcdDown, Sometimes), here(APIDown, Sometimes), here(RuntimeDown, Sometimes), here(KubeletCrashing, Sometimes), here(KubeletDown, Sometimes),
		here(SandboxFailing, Sometimes), here(PodsNotStarting, Sometimes)}
	return []Symptom{{
		ID: FolderHidden, Title: "a mount lies over a folder or file that a component needs",
		LeadsTo: append([]Edge{here(DiskFull, Sometimes), here(DiskReadOnly, Sometimes), here(PodNetworkDown, Sometimes), here(ControllersIdle, Sometimes)}, any...),
		Observe: folderHidden,
	}, {
		ID: DiskFull, Title: "a file system that the node needs has no room",
		LeadsTo: append([]Edge{here(APIWritesFail, Sometimes), here(NodePressure, Sometimes)}, any...),
		Observe: diskFull,
	}, {
		ID: DiskReadOnly, Title: "a folder that the node writes to is read-only",
		LeadsTo: any,
		Observe: diskReadOnly,
	}, {
		ID: MemoryShort, Title: "the node runs out of memory",
		LeadsTo: append([]Edge{here(EtcdSlow, Sometimes), here(APISlow, Sometimes), here(NodePressure, Sometimes)}, any...),
		Observe: memoryShort,
	}}
}

// Needed are the folders that a node of Kubernetes writes to. What lies below
// them on file systems of its own, such as the volumes of pods, is for those
// who use it.
func Needed() []string {
	return []string{"/", "/run", "/run/containerd", "/var", "/var/lib/etcd", "/var/lib/kubelet", "/var/lib/kubelet/pods", "/var/lib/containerd",
		"/var/lib/containers", "/var/lib/docker", "/var/lib/cni", "/var/log", "/var/log/pods", "/var/log/containers", "/etc/kubernetes", "/etc/cni/net.d"}
}

// diskFull looks at the file systems beneath the folders that a node needs,
// and at who says that he cannot write.
func diskFull(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Host == nil || !KubernetesNode(s) {
		return NotLooked, nil
	}
	var facts []finding.Fact
	seen := map[string]bool{}
	for _, dir := range Needed() {
		m, ok := s.Host.Under(dir)
		if !ok || seen[m.Target] {
			continue
		}
		seen[m.Target] = true
		bytes, inodes := m.Full()
		if bytes {
			facts = append(facts, finding.Fact{Source: m.Target, Got: fmt.Sprintf("%s free of %s (%s)", size(m.Free), size(m.Total), m.FSType), Want: "room to write"})
		}
		if inodes {
			facts = append(facts, finding.Fact{Source: m.Target, Got: fmt.Sprintf("%d inodes free of %d (%s)", m.IFree, m.Inodes, m.FSType), Want: "inodes for new files"})
		}
	}
	return verdict(append(facts, unwritten(s)...))
}

// unwritten quotes who could not write. Where the path that is named lies on a
// file system that has room again, that is over.
func unwritten(s *snapshot.Snapshot) []finding.Fact {
	if s.Logs == nil {
		return nil
	}
	var facts []finding.Fact
	for _, id := range []string{logDiskFull, logContainerdFull, logEtcdDiskFull} {
		for _, o := range s.Logs.Seen(id, s.At, recent) {
			m, ok := s.Host.Under(o.Params["path"])
			bytes, inodes := m.Full()
			if o.Params["path"] == "" || !ok || bytes || inodes {
				facts = append(facts, finding.Fact{Source: o.Source, Got: clip(o.Sample), At: o.Last})
			}
		}
	}
	return facts
}

// size writes bytes as a person would.
func size(n uint64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

// diskReadOnly looks for folders that a node writes to on what is mounted
// read-only. The root may be so by intent, as long as these are not.
func diskReadOnly(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Host == nil || !KubernetesNode(s) {
		return NotLooked, nil
	}
	var facts []finding.Fact
	for _, dir := range []string{"/run", "/var/lib/etcd", "/var/lib/kubelet", "/var/lib/containerd", "/var/log/pods"} {
		m, ok := s.Host.Under(dir)
		if ok && m.ReadOnly && (m.Target != "/" || !immutableRoot(m)) {
			facts = append(facts, finding.Fact{Source: m.Target, Got: fmt.Sprintf("%s is mounted read-only, and %s lies on it", m.FSType, dir), Want: "rw"})
		}
	}
	return verdict(append(facts, refusedWrites(s)...))
}

// refusedWrites quotes who could not write to a folder of the node itself. A
// pod whose own root, or a volume of it, is read-only is so by intent.
func refusedWrites(s *snapshot.Snapshot) []finding.Fact {
	if s.Logs == nil {
		return nil
	}
	var facts []finding.Fact
	for _, o := range s.Logs.Seen(logReadOnly, s.At, recent) {
		name := o.Params["path"]
		mine := slices.ContainsFunc(Needed(), func(dir string) bool { return strings.Count(dir, "/") > 1 && strings.HasPrefix(name+"/", dir+"/") })
		if (name == "" || mine || strings.HasPrefix(name, "/run/")) && !strings.Contains(name, "/rootfs/") && !strings.Contains(name, "/volumes/") {
			facts = append(facts, finding.Fact{Source: o.Source, Got: clip(o.Sample), At: o.Last})
		}
	}
	return facts
}

// immutableRoot reports whether a file system can only be read.
func immutableRoot(m snapshot.Mount) bool {
	return m.FSType == "squashfs" || m.FSType == "erofs" || m.FSType == "iso9660"
}

// componentPaths are folders that belong to Kubernetes, its runtime and its
// pod network.
var componentPaths = []string{"/etc/kubernetes", "/etc/cni", "/etc/containerd", "/opt/cni", "/var/lib/etcd", "/var/lib/kubelet", "/var/lib/cni",
	"/etc/systemd/system/kubelet.service", "/etc/systemd/system/kubelet.service.d", "/etc/systemd/system/containerd.service",
	"/usr/bin/kubelet", "/usr/local/bin/kubelet", "/usr/bin/containerd", "/usr/local/bin/containerd", "/usr/bin/runc", "/usr/local/sbin/runc"}

// Hides reports whether a mount lies over what a component needs and shows
// something else: another file, or a folder with less in it. What was mounted
// with a node that is a container, and a disk that holds what the folder
// beneath once held, hides nothing.
func Hides(o snapshot.OverMount) bool {
	mine := slices.ContainsFunc(componentPaths, func(dir string) bool {
		rest, ok := strings.CutPrefix(o.Target, dir)
		return ok && (rest == "" || rest[0] == '/')
	}) || o.Target == "/var/lib/containerd" || o.Target == "/var/lib" || o.Target == "/var"
	if !mine || o.Origin != "" || o.Shown == nil || o.Beneath == nil || strings.HasPrefix(o.Target, "/var/lib/kubelet/pods/") || strings.HasPrefix(o.Target, "/var/lib/kubelet/plugins/") {
		return false
	}
	if o.Kind == "file" {
		return o.Differs
	}
	fleeting := o.FSType == "tmpfs" || o.FSType == "ramfs" || strings.HasPrefix(o.Source, "/dev/loop") || o.FSType == "overlay"
	return o.Kind == "folder" && o.Beneath.Count > 0 && (o.Shown.Count == 0 || fleeting && o.Shown.Count < o.Beneath.Count)
}

// Looks says what was seen at a path.
func Looks(l *snapshot.Look) string {
	switch {
	case l == nil || l.Type == "absent":
		return "nothing"
	case l.Type == "folder":
		return fmt.Sprintf("a folder of %d", l.Count)
	}
	return fmt.Sprintf("a %s of %d bytes", l.Type, l.Size)
}

func folderHidden(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.View == nil || !s.View.CleanFiles {
		return NotLooked, nil
	}
	var facts []finding.Fact
	for _, o := range s.View.Over {
		if Hides(o) {
			facts = append(facts, finding.Fact{Source: o.Target, Got: fmt.Sprintf("a %s lies over it; it shows %s, and %s lies beneath", o.FSType, Looks(o.Shown), Looks(o.Beneath)), Want: "no mount"})
		}
	}
	return verdict(facts)
}

const (
	// littleMemory is the bytes, and its share of all, below which the kubelet
	// evicts pods where nobody told it otherwise.
	littleMemory = 100 << 20
	twentieth    = 20
	// memoryStalled is the share of time, in percent, in which all tasks waited
	// for memory at once, from which nothing gets on.
	memoryStalled = 20
	// killed is how long ago a process may have been killed for want of
	// memory, and still tell of the present.
	killed = 10 * time.Minute
)

func memoryShort(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Host == nil || s.Host.MemTotal == 0 {
		return NotLooked, nil
	}
	var facts []finding.Fact
	if h := s.Host; h.MemFree < min(littleMemory, h.MemTotal/twentieth) {
		facts = append(facts, finding.Fact{Source: "/proc/meminfo", Got: fmt.Sprintf("MemAvailable %s of %s", size(h.MemFree), size(h.MemTotal)), Want: "more than 100 MiB"})
	}
	for _, p := range s.Host.Pressure {
		if p.Resource == "memory" && p.Full10 >= memoryStalled {
			facts = append(facts, finding.Fact{Source: "/proc/pressure/memory", Got: fmt.Sprintf("full avg10=%.0f", p.Full10), Want: "near 0"})
		}
	}
	if s.Logs != nil {
		for _, o := range s.Logs.Seen(logOOMKill, s.At, killed) {
			if !strings.HasPrefix(o.Params["scope"], "Memory cgroup") {
				facts = append(facts, finding.Fact{Source: o.Source, Got: clip(o.Sample), At: o.Last})
			}
		}
	}
	return verdict(facts)
}
