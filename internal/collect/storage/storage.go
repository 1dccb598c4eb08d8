// Package storage collects the disks beneath the data that matters, and what
// takes their space.
package storage

import (
	"context"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klustered/klustered/internal/collect/kmsg"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// Collectors are those of this package.
func Collectors() []source.Collector {
	return []source.Collector{{Section: snapshot.SectionStorage, Collect: collect}}
}

// dataDirs are the folders that components keep their data in.
var dataDirs = []string{
	"/", "/var/lib/etcd", "/var/lib/kubelet", "/var/lib/containerd", "/var/lib/containers", "/var/lib/docker",
	"/var/log", "/etc/kubernetes", "/run", "/tmp", "/opt/cni/bin", "/boot",
}

// collect looks for large files while it asks for the rest.
func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	x := &snapshot.Storage{}
	var wg sync.WaitGroup
	wg.Go(func() { x.Large = large(ctx, e) })
	data, err := e.ReadFile("/proc/self/mountinfo")
	if e.Live {
		e.Gap(snapshot.SectionStorage, "/proc/self/mountinfo", err)
	}
	mounts := parseMounts(data)
	for _, dir := range dataDirs {
		if d, ok := dataDir(e, mounts, dir); ok {
			x.Data = append(x.Data, d)
		}
	}
	x.ReadOnly = readOnly(e, mounts)
	x.Loops = loops(e, mounts)
	x.Errors = fsErrors(e)
	wg.Wait()
	s.Storage = x
	return ctx.Err()
}

// read returns a file's bytes, nil when it cannot be read.
func read(e *source.Env, name string) []byte {
	data, _ := e.ReadFile(name)
	return data
}

func text(data []byte) string {
	return strings.ToValidUTF8(strings.TrimSpace(string(data[:min(len(data), 4096)])), "?")
}

func number(data []byte) uint64 {
	n, _ := strconv.ParseUint(text(data), 10, 64)
	return n
}

// dataDir finds the mount that a folder is in: of those whose target is above
// it the longest, of equal ones the last, which lies on top.
func dataDir(e *source.Env, mounts []mount, dir string) (snapshot.DataDir, bool) {
	if !e.Exists(dir) {
		return snapshot.DataDir{}, false
	}
	d := snapshot.DataDir{Path: dir}
	real := e.Resolve(dir)
	if real != dir {
		d.Link = real
	}
	best := -1
	for i, m := range mounts {
		if within(real, m.target) && (best < 0 || len(m.target) >= len(mounts[best].target)) {
			best = i
		}
	}
	if best < 0 {
		return d, false
	}
	m := mounts[best]
	d.Target, d.Source, d.FSType, d.Device, d.Options = m.target, m.source, m.fsType, m.device, m.options+","+m.super
	d.Disks = disks(e, m.device)
	return d, true
}

func within(name, dir string) bool {
	rest, ok := strings.CutPrefix(name, strings.TrimSuffix(dir, "/"))
	return ok && (rest == "" || rest[0] == '/')
}

// disks are a device and those it is made of, down to the disk: a partition's
// folder lies in that of its disk, and others name theirs in slaves.
func disks(e *source.Env, device string) []snapshot.BlockDisk {
	var out []snapshot.BlockDisk
	queue := []string{e.Resolve("/sys/dev/block/" + device)}
	for len(queue) > 0 && len(out) < 16 {
		dir := queue[0]
		queue = queue[1:]
		if !e.Exists(dir + "/dev") {
			continue // such as that of a tmpfs
		}
		out = append(out, disk(e, dir))
		if e.Exists(dir + "/partition") {
			queue = append(queue, path.Dir(dir))
		}
		for _, x := range e.Glob(dir + "/slaves/*") {
			queue = append(queue, e.Resolve(x))
		}
	}
	return out
}

func disk(e *source.Env, dir string) snapshot.BlockDisk {
	get := func(name string) string { return text(read(e, path.Join(dir, name))) }
	return snapshot.BlockDisk{
		Device: get("dev"), Name: path.Base(dir), Model: get("device/model"), Size: number(read(e, dir+"/size")) * 512,
		ReadOnly: get("ro") == "1", Rotational: get("queue/rotational") == "1", Scheduler: chosen(get("queue/scheduler")), State: get("device/state"),
	}
}

// chosen is the word in brackets.
func chosen(s string) string {
	_, rest, _ := strings.Cut(s, "[")
	word, _, _ := strings.Cut(rest, "]")
	return word
}

// readOnly are the mounts of disks that cannot be written to, once each
// device and target, with what the kernel says of it.
func readOnly(e *source.Env, mounts []mount) []snapshot.ReadOnly {
	var out []snapshot.ReadOnly
	for _, m := range mounts {
		if !strings.HasPrefix(m.source, "/dev/") || len(out) >= 100 || !has(m.options, "ro") && !has(m.super, "ro") {
			continue
		}
		out = append(out, snapshot.ReadOnly{Target: m.target, Source: m.source, Device: m.device, FSType: m.fsType,
			Mount: m.options, Super: m.super, Whole: has(m.super, "ro")})
	}
	if len(out) == 0 || !e.Live {
		return out
	}
	records, _, err := kmsg.Read(kmsg.Path)
	e.Gap(snapshot.SectionStorage, kmsg.Path, err)
	for i := range out {
		out[i].Kernel = said(records, path.Base(out[i].Source))
	}
	return out
}

// said are the last errors that the kernel wrote of a device.
func said(records []kmsg.Record, name string) []string {
	var out []string
	for _, r := range records {
		if r.Kernel() && (r.Priority <= 4 || strings.Contains(r.Text, "emount")) && strings.Contains(r.Text, name) {
			out = append(out, r.Text[:min(len(r.Text), 256)])
		}
	}
	return out[max(0, len(out)-5):]
}

// loops are the loop devices that are in use.
func loops(e *source.Env, mounts []mount) []snapshot.LoopDevice {
	var out []snapshot.LoopDevice
	for _, dir := range e.Glob("/sys/block/loop*") {
		backing, err := e.ReadFile(dir + "/loop/backing_file")
		if err != nil {
			continue // not in use
		}
		l := snapshot.LoopDevice{Name: path.Base(dir), Device: text(read(e, dir+"/dev")), Size: number(read(e, dir+"/size")) * 512,
			Offset: number(read(e, dir+"/loop/offset")), Limit: number(read(e, dir+"/loop/sizelimit")), ReadOnly: text(read(e, dir+"/ro")) == "1"}
		l.Backing, l.Deleted = strings.CutSuffix(strings.ToValidUTF8(strings.TrimRight(string(backing), "\n"), "?"), " (deleted)")
		for _, m := range mounts {
			if m.device == l.Device && len(l.Mounted) < 20 {
				l.Mounted = append(l.Mounted, m.target)
			}
		}
		out = append(out, l)
	}
	return out
}

// fsErrors are the errors that ext4 counted, and keeps over a restart.
func fsErrors(e *source.Env) []snapshot.StorageError {
	var out []snapshot.StorageError
	for _, file := range e.Glob("/sys/fs/ext4/*/errors_count") {
		if n := number(read(e, file)); n > 0 {
			dir := path.Dir(file)
			x := snapshot.StorageError{Name: path.Base(dir), Source: file, Count: n, Function: text(read(e, dir+"/last_error_func"))}
			if at := number(read(e, dir+"/last_error_time")); at > 0 && at < 1<<40 {
				x.Last = time.Unix(int64(at), 0).UTC()
			}
			out = append(out, x)
		}
	}
	return out
}
