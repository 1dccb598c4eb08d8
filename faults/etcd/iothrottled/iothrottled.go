// Package iothrottled is the fault of an etcd whose writes the kernel holds
// back, by an I/O limit on its control group.
package iothrottled

import (
	"fmt"
	"path"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "etcd/iothrottled",
	Layer:  fault.Etcd,
	Needs:  []snapshot.Section{snapshot.SectionCgroups, snapshot.SectionProcesses},
	Uses:   []snapshot.Section{snapshot.SectionHost, snapshot.SectionEtcd, snapshot.SectionPersistence},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.EtcdSlow, Strength: symptom.Always},
		{Symptom: symptom.DiskPressure, Strength: symptom.Sometimes},
		{Symptom: symptom.EtcdLeaderLost, Strength: symptom.Sometimes},
		{Symptom: symptom.EtcdDown, Strength: symptom.Sometimes},
		{Symptom: symptom.FixUndone, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

// floors are the limits below which etcd suffers for certain: it syncs every
// commit, and its documents ask for 50 sequential writes a second with 8 KiB
// each at the least, several hundred under load; compaction and snapshots come
// on top. Reading matters at its start alone.
var floors = map[string]uint64{"wbps": 10_000_000, "wiops": 200, "rbps": 1_000_000, "riops": 50}

// slack is how far above its floor a limit is still believed to be the cause
// when etcd's syncs are seen to be slow.
const slack, slowSync = 5, 100.0

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	seen := map[string]bool{}
	for _, p := range s.Processes.ByName("etcd") {
		limits := harmful(s, p)
		if len(limits) == 0 || seen[p.Cgroup] {
			continue
		}
		seen[p.Cgroup] = true
		f := finding.Finding{
			Subject: finding.Subject{Kind: "cgroup", Name: p.Cgroup},
			Summary: fmt.Sprintf("the kernel holds etcd to %s on its disk", amount(limits[0])),
		}
		for _, l := range limits {
			f.Facts = append(f.Facts, finding.Fact{
				Source: l.File, Line: l.Line, Got: l.Raw, Want: "no limit, or one above " + amount(snapshot.IOLimit{Kind: l.Kind, Value: floors[l.Kind]}),
			})
		}
		hands := setters(s, p.Cgroup)
		for _, h := range hands {
			f.Facts = append(f.Facts, h.facts()...)
		}
		if len(hands) > 0 {
			f.Summary += fmt.Sprintf(", and %s sets this again", hands[0].entry.Source)
		}
		f.Facts = append(f.Facts, suffering(s, p.Cgroup)...)
		f.Commands = []string{fmt.Sprintf("cat /proc/%d/cgroup", p.PID), "cat " + limits[0].File}
		out = append(out, f)
	}
	return out
}

// harmful are the limits that hold back the process, lowest floor share first
// as they stand.
func harmful(s *snapshot.Snapshot, p snapshot.Process) []snapshot.IOLimit {
	var out []snapshot.IOLimit
	for _, l := range s.Cgroups.Limits {
		if binds(l, p.Cgroup) && sameDisk(s, l.Device) && low(s, l) {
			out = append(out, l)
		}
	}
	return out
}

// binds reports whether the limit applies to a process in group. With cgroup
// v1 throttling is flat: a limit binds the processes of its own group and none
// below. With v2 it binds the whole tree.
func binds(l snapshot.IOLimit, group string) bool {
	if l.Cgroup == group {
		return true
	}
	if path.Base(l.File) != "io.max" {
		return false
	}
	above := strings.TrimSuffix(l.Cgroup, "/")
	return strings.HasPrefix(group, above+"/") || strings.Trim(above, "/.") == ""
}

func low(s *snapshot.Snapshot, l snapshot.IOLimit) bool {
	floor := floors[l.Kind]
	if s.Etcd != nil && s.Etcd.Latency != nil && s.Etcd.Latency.FsyncRecentMs > slowSync && strings.HasPrefix(l.Kind, "w") {
		floor *= slack
	}
	return l.Value < floor
}

// sameDisk reports whether the limit's device carries etcd's data, as far as
// can be told: limits name whole disks, and a volume or an overlay may lie on
// any of them.
func sameDisk(s *snapshot.Snapshot, device string) bool {
	if s.Etcd == nil || s.Etcd.Device == "" || s.Etcd.Device == device {
		return true
	}
	if s.Host == nil {
		return false
	}
	disk, ok := diskOf(s.Host, s.Etcd.Device)
	return !ok || disk.Device == device
}

// diskOf returns the whole disk that a device is, or is a partition of; false
// for one made of others.
func diskOf(h *snapshot.Host, device string) (snapshot.Disk, bool) {
	var data, disk snapshot.Disk
	for _, d := range h.Disks {
		if d.Device == device {
			data = d
		}
	}
	for _, d := range h.Disks {
		rest, ok := strings.CutPrefix(data.Name, d.Name)
		part := strings.Trim(strings.TrimPrefix(rest, "p"), "0123456789") == ""
		if ok && part && (disk.Name == "" || len(d.Name) < len(disk.Name)) {
			disk = d
		}
	}
	made := strings.HasPrefix(data.Name, "dm-") || strings.HasPrefix(data.Name, "md") || strings.HasPrefix(data.Name, "loop")
	return disk, disk.Name != "" && !made
}

func amount(l snapshot.IOLimit) string {
	verb := map[byte]string{'r': "read", 'w': "written"}[l.Kind[0]]
	if strings.HasSuffix(l.Kind, "iops") {
		return fmt.Sprintf("%d operations a second %s", l.Value, verb)
	}
	if l.Value < 10_000_000 {
		return fmt.Sprintf("%d KB a second %s", (l.Value+500)/1000, verb)
	}
	return fmt.Sprintf("%d MB a second %s", l.Value/1_000_000, verb)
}

// remedy takes out what would set the limits again, then lifts them.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	plan, err := uproot(s, f.Subject.Name)
	if err != nil {
		return nil, err
	}
	for _, p := range s.Processes.ByName("etcd") {
		if p.Cgroup != f.Subject.Name {
			continue
		}
		for _, l := range harmful(s, p) {
			plan = append(plan, op.SetIOLimit{File: l.File, Device: l.Device, Key: l.Kind, Old: l.Value})
		}
		return plan, nil
	}
	return nil, fmt.Errorf("cannot lift the limit of %s: no etcd runs in it", f.Subject.Name)
}
