package ground

import (
	"fmt"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// A Place is a file system that the node needs, with the folders that lie on
// it.
type Place struct {
	Mount snapshot.Mount
	Dirs  []string
}

// Places are the file systems beneath the folders that a node needs. One that
// hides what it was mounted over is not among them: that is another fault.
func Places(s *snapshot.Snapshot) []Place {
	var out []Place
	at := map[string]int{}
	for _, dir := range symptom.Needed() {
		m, ok := s.Host.Under(dir)
		if !ok || hides(s, m.Target) {
			continue
		}
		i, ok := at[m.Target]
		if !ok {
			i = len(out)
			at[m.Target] = i
			out = append(out, Place{Mount: m})
		}
		out[i].Dirs = append(out[i].Dirs, dir)
	}
	return out
}

func hides(s *snapshot.Snapshot, target string) bool {
	if s.View == nil {
		return false
	}
	for _, o := range s.View.Over {
		if o.Target == target && symptom.Hides(o) {
			return true
		}
	}
	return false
}

// keeps are what the node keeps in a folder.
var keeps = map[string]string{
	"/run": "sockets and the state of containers", "/run/containerd": "the state of containers", "/var/lib/etcd": "the cluster's objects",
	"/var/lib/kubelet": "the kubelet's state and the volumes of pods", "/var/lib/kubelet/pods": "the volumes of pods", "/var/lib/containerd": "images and the layers of containers",
	"/var/lib/containers": "images and the layers of containers", "/var/lib/docker": "images and the layers of containers", "/var/lib/cni": "the addresses of pods",
	"/var/log": "logs", "/var/log/pods": "the logs of containers", "/etc/kubernetes": "manifests, keys and kubeconfigs", "/etc/cni/net.d": "the pod network's configuration",
}

// Kept says what the node keeps on a file system.
func (p Place) Kept() string {
	var out []string
	for _, d := range p.Dirs {
		if k := keeps[d]; k != "" && !strings.Contains(strings.Join(out, ", "), k) {
			out = append(out, k)
		}
	}
	if len(out) == 0 {
		return "the system"
	}
	return strings.Join(out[:min(len(out), 4)], ", ")
}

// Largest quotes what takes the space of a file system: the largest files that
// were found on it, and deleted ones that a process still holds.
func Largest(s *snapshot.Snapshot, target string) []finding.Fact {
	var out []finding.Fact
	if s.Storage != nil {
		for _, f := range s.Storage.Large {
			if m, ok := s.Host.Under(f.Path); ok && m.Target == target && f.Used > 0 && len(out) < 4 {
				out = append(out, finding.Fact{Source: f.Path, Got: Size(f.Used) + " on the disk", At: f.Modified})
			}
		}
	}
	if s.Descriptors == nil {
		return out
	}
	for _, f := range s.Descriptors.Deleted {
		if m, ok := s.Host.Under(f.Path); ok && m.Target == target && len(out) < 6 {
			out = append(out, finding.Fact{Source: f.Path, Got: fmt.Sprintf("deleted, and %s are still held", Size(f.Used))})
		}
	}
	return out
}
