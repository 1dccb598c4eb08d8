// Package readonly is the fault of a folder that the node writes to and that
// is mounted read-only.
package readonly

import (
	"errors"
	"fmt"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/ground"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "host/readonly",
	Layer:    fault.Host,
	Needs:    []snapshot.Section{snapshot.SectionHost},
	Uses:     []snapshot.Section{snapshot.SectionStorage, snapshot.SectionView, snapshot.SectionPersistence, snapshot.SectionLogs},
	Detect:   detect,
	Explains: []symptom.Edge{{Symptom: symptom.DiskReadOnly, Strength: symptom.Always}},
	Remedy:   remedy,
	Drill:    drill,
}

// written are the folders that a node cannot do without writing to.
var written = map[string]bool{"/run": true, "/run/containerd": true, "/var/lib/etcd": true, "/var/lib/kubelet": true, "/var/lib/containerd": true, "/var/log/pods": true}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, p := range ground.Places(s) {
		m, dir := p.Mount, ""
		for _, d := range p.Dirs {
			if written[d] && dir == "" {
				dir = d
			}
		}
		if !m.ReadOnly || dir == "" || m.FSType == "squashfs" || m.FSType == "erofs" || m.FSType == "iso9660" {
			continue
		}
		f := finding.Finding{
			Subject:  finding.Subject{Kind: "filesystem", Name: m.Target},
			Summary:  fmt.Sprintf("%s is mounted read-only, and %s lies on it", m.Target, dir),
			Facts:    []finding.Fact{{Source: "/proc/self/mountinfo", Line: m.Line, Got: fmt.Sprintf("%s on %s type %s (%s)", m.Source, m.Target, m.FSType, m.Options), Want: "rw"}},
			Commands: []string{"findmnt -T " + dir, "dmesg | tail -50", "touch " + dir + "/.probe && rm " + dir + "/.probe"},
		}
		if n := beneath(s, m); n > 0 {
			f.Facts = append(f.Facts, finding.Fact{Source: "/proc/self/mountinfo", Got: fmt.Sprintf("%d more mounts lie beneath it at the same place or above", n)})
		}
		f.Facts = append(f.Facts, why(s, m)...)
		does := remounts(m.Target)
		f.Facts = append(f.Facts, ground.Facts(ground.Hands(s, does), does)...)
		out = append(out, f)
	}
	return out
}

// why quotes what the kernel and the file system say of errors.
func why(s *snapshot.Snapshot, m snapshot.Mount) []finding.Fact {
	if s.Storage == nil {
		return nil
	}
	var out []finding.Fact
	for _, r := range s.Storage.ReadOnly {
		if r.Target == m.Target && r.Whole {
			out = append(out, finding.Fact{Source: "/proc/self/mountinfo", Got: "the whole file system is read-only (" + r.Super + ")", Want: "rw"})
			for _, k := range r.Kernel[:min(len(r.Kernel), 3)] {
				out = append(out, finding.Fact{Source: "/dev/kmsg", Got: k})
			}
		}
	}
	for _, e := range s.Storage.Errors {
		if e.Count > 0 {
			out = append(out, finding.Fact{Source: e.Source, Got: fmt.Sprintf("%d errors of %s, the last in %s", e.Count, e.Name, e.Function), Want: "0", At: e.Last})
		}
	}
	return out
}

// remounts reports whether a line of shell or of a table makes it read-only.
func remounts(target string) func(string) bool {
	return func(line string) bool {
		return strings.Contains(line, "mount") && ground.Names(line, target) &&
			(strings.Contains(line, "remount,ro") || strings.Contains(line, "-o ro") || strings.Contains(line, "bind,ro") || strings.Contains(line, "ro,bind"))
	}
}

// beneath counts the mounts of the same place that lie under m.
func beneath(s *snapshot.Snapshot, m snapshot.Mount) int {
	n := -1
	for _, x := range s.Host.Mounts {
		if x.Target == m.Target {
			n++
		}
	}
	return n
}

// same reports whether the mount shows the very folder that it lies on: a bind
// of it on itself, which only makes it read-only.
func same(s *snapshot.Snapshot, m snapshot.Mount) bool {
	if s.View == nil {
		return false
	}
	for _, o := range s.View.Over {
		if o.Target == m.Target && o.Origin == "" && o.Declared == "" && !o.Differs && o.Shown != nil && o.Beneath != nil && o.Shown.Inode == o.Beneath.Inode && o.Shown.Device == o.Beneath.Device {
			return true
		}
	}
	return false
}

// remedy takes a read-only view of a folder off it. A file system that is
// read-only itself may be damaged, and is for a person.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, p := range ground.Places(s) {
		m := p.Mount
		if m.Target != f.Subject.Name {
			continue
		}
		if !same(s, m) {
			return nil, fmt.Errorf("cannot make %s writable: look at the disk first, since the kernel makes a damaged file system read-only; then mount -o remount,rw %s", m.Target, m.Target)
		}
		plan, err := fault.UprootAll(ground.Hands(s, remounts(m.Target)), "it makes "+m.Target+" read-only")
		if err != nil {
			return nil, err
		}
		return append(plan, op.Unmount{Mount: op.Mount{Path: m.Target, Type: m.FSType, Source: m.Source, Root: m.Root}, Why: "a read-only view of what lies beneath"}), nil
	}
	return nil, errors.New("cannot make the file system writable: it is not known")
}

// drill lays a read-only view of a folder over it.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Kubelet == nil || !s.Kubelet.Running {
		return nil, errors.New("cannot make a folder read-only: this is no node")
	}
	at := fault.Pick(d, []string{"/var/lib/kubelet", "/var/log/pods"})
	return op.Plan{op.MountOver{Mount: op.Mount{Path: at, Type: "bind", Source: at, Options: "ro,relatime"}}}, nil
}
