package view

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/klustered/klustered/internal/collect/host"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

const (
	maxSpaces = 24 // mount namespaces looked at
	maxOwn    = 48 // mounts kept of one
)

// services are the programs whose view of the file system decides.
var services = []string{"kubelet", "containerd", "crio", "dockerd", "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}

// namespaces reads the mounts of each distinct mount namespace of the services,
// by /proc/PID/mountinfo, and compares them with those of PID 1.
func namespaces(ctx context.Context, e *source.Env, all *snapshot.Processes) []snapshot.MountNamespace {
	if all == nil {
		return nil
	}
	first := host.ParseMountinfo(mountinfo(e, 1))
	byInode := map[uint64]*snapshot.MountNamespace{}
	var out []*snapshot.MountNamespace
	add := func(p snapshot.Process) {
		if p.MntNS == 0 {
			return
		}
		n := byInode[p.MntNS]
		if n == nil {
			n = &snapshot.MountNamespace{Inode: p.MntNS}
			byInode[p.MntNS] = n
			out = append(out, n)
		}
		if !slices.Contains(n.PIDs, p.PID) {
			n.PIDs, n.Names = append(n.PIDs, p.PID), append(n.Names, p.Name)
		}
	}
	for _, p := range all.List {
		if p.PID == 1 {
			add(p)
		}
	}
	for _, name := range services {
		for _, p := range all.ByName(name) {
			add(p)
		}
	}
	var list []snapshot.MountNamespace
	for i, n := range out {
		if i >= maxSpaces || ctx.Err() != nil {
			e.Gap(snapshot.SectionView, "namespaces", fmt.Errorf("%d more mount namespaces were left out", len(out)-i))
			break
		}
		fill(ctx, e, n, first)
		list = append(list, *n)
	}
	return list
}

func mountinfo(e *source.Env, pid int) []byte {
	data, _ := e.ReadFile("/proc/" + strconv.Itoa(pid) + "/mountinfo")
	return data
}

// fill compares one namespace with that of PID 1.
func fill(ctx context.Context, e *source.Env, n *snapshot.MountNamespace, first []snapshot.Mount) {
	mounts := host.ParseMountinfo(mountinfo(e, n.PIDs[0]))
	n.Mounts = len(mounts)
	n.Host = place(root(mounts)) == place(root(first)) && n.Mounts > 0
	if n.PIDs[0] == 1 {
		return
	}
	own := beyond(mounts, first)
	n.Own = own[:min(len(own), maxOwn)]
	if len(own) > maxOwn {
		e.Gap(snapshot.SectionView, fmt.Sprintf("/proc/%d/mountinfo", n.PIDs[0]), fmt.Errorf("%d more mounts were left out", len(own)-maxOwn))
	}
	if !n.Host {
		return
	}
	for _, m := range beyond(first, mounts) {
		if len(n.Lacks) < maxOwn && matters(m.Target) {
			n.Lacks = append(n.Lacks, m)
		}
	}
	n.Unlike = unlike(ctx, e, n.PIDs[0])
}

// unlike are the files that matter where a process sees another one than PID 1.
func unlike(ctx context.Context, e *source.Env, pid int) (out []snapshot.Unlike) {
	inside := "/proc/" + strconv.Itoa(pid) + "/root"
	for _, name := range files {
		a, errA := e.Lstat("/proc/1/root" + name)
		b, errB := e.Lstat(inside + name)
		if errA != nil && errB != nil || errA == nil && errB == nil && a.Ino == b.Ino && a.Dev == b.Dev {
			continue
		}
		out = append(out, snapshot.Unlike{Path: name, Shown: *look(ctx, e, "/proc/1/root"+name), Inside: *look(ctx, e, inside+name)})
	}
	return out
}

// root is the mount that a namespace begins with.
func root(mounts []snapshot.Mount) snapshot.Mount {
	for _, m := range mounts {
		if m.Target == "/" {
			return m
		}
	}
	return snapshot.Mount{}
}

// place is what tells a mount from others in another namespace too; it may be
// read-only in one of them.
func place(m snapshot.Mount) snapshot.Spot {
	return snapshot.Spot{Device: m.Device, Root: m.Root, Target: m.Target, FSType: m.FSType}
}

// beyond are the mounts of a that b does not have. The kernel's own file
// systems, which each container has of its own, and those of pods are left out.
func beyond(a, b []snapshot.Mount) (out []snapshot.Spot) {
	known := map[snapshot.Spot]bool{}
	for _, m := range b {
		known[place(m)] = true
	}
	for _, m := range a {
		if !known[place(m)] && !usual(m) {
			x := place(m)
			x.ReadOnly = m.ReadOnly
			out = append(out, x)
		}
	}
	return out
}

// usual are mounts that every container has, and those of pods.
func usual(m snapshot.Mount) bool {
	switch m.FSType {
	case "sysfs", "cgroup", "cgroup2", "devpts", "mqueue", "bpf", "debugfs", "tracefs", "securityfs", "nsfs", "pstore":
		return true
	case "proc":
		return m.Target == "/proc" || !process.MatchString(m.Target)
	case "tmpfs":
		if below(m.Target, "/dev") || below(m.Target, "/sys") || below(m.Target, "/proc") && !process.MatchString(m.Target) {
			return true
		}
	}
	return ofRuntime(m.Target)
}
