package bpf

import (
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/snapshot"
)

const (
	// maxGroups bounds the control groups that are asked for their programs.
	maxGroups = 600
	// maxPins bounds the pinned objects.
	maxPins = 500
)

// groupAttach are the ways in which a control group runs programs, as numbers
// of attachTypes.
var groupAttach = []uint32{0, 1, 2, 3, 6, 8, 9, 10, 11, 12, 13, 14, 15, 18, 19, 20, 21, 22, 29, 30, 31, 32, 34}

// deviceAttach are those of a device of the network.
var deviceAttach = []uint32{46, 47}

// trees finds the control groups of v2, whose IDs are their inodes.
func (c *collection) trees() {
	for _, root := range mounts(c.env, "cgroup2") {
		queue := []string{root}
		for len(queue) > 0 && c.ctx.Err() == nil {
			dir := queue[0]
			queue = queue[1:]
			i, err := c.env.Stat(dir)
			if err != nil {
				continue
			}
			if len(c.dirs) >= maxGroups {
				c.env.Gap(snapshot.SectionBPF, root, fmt.Errorf("more than the %d control groups that are asked", maxGroups))
				return
			}
			c.groups[i.Ino] = dir
			c.dirs = append(c.dirs, dir)
			list, _ := c.env.ReadDir(dir)
			for _, x := range list {
				if x.IsDir() {
					queue = append(queue, path.Join(dir, x.Name()))
				}
			}
		}
		return // a second mount shows the same
	}
}

// attached asks control groups and devices for programs attached to them.
// Those that a link attaches are told by the link.
func (c *collection) attached() {
	linked := map[string]bool{}
	for _, l := range c.out.Links {
		linked[fmt.Sprint(l.Prog, l.Cgroup, l.Attach)] = true
	}
	for _, dir := range c.dirs {
		f, err := os.Open(dir)
		if err != nil || c.ctx.Err() != nil {
			continue
		}
		for _, kind := range groupAttach {
			ids, err := query(uint32(f.Fd()), kind)
			if err == unix.EPERM || err == unix.ENOSYS {
				f.Close()
				return // a gap already
			}
			for _, id := range ids {
				if a := (snapshot.BPFAttach{Prog: id, Attach: attachTypes[kind], Cgroup: dir}); !linked[fmt.Sprint(id, dir, a.Attach)] {
					c.attach(a)
				}
			}
		}
		f.Close()
	}
	for _, file := range c.env.Glob("/sys/class/net/*/ifindex") {
		data, _ := c.env.ReadFile(file)
		index, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 32)
		if err != nil {
			continue
		}
		for _, kind := range deviceAttach {
			ids, _ := query(uint32(index), kind) // a kernel before 6.6 has none
			for _, id := range ids {
				c.attach(snapshot.BPFAttach{Prog: id, Attach: attachTypes[kind], Device: path.Base(path.Dir(file))})
			}
		}
	}
}

func (c *collection) attach(a snapshot.BPFAttach) {
	if len(c.out.Attached) < maxObjects {
		c.out.Attached = append(c.out.Attached, a)
	}
}

// pins goes through the mounted file systems of pinned objects.
func (c *collection) pins() {
	for _, root := range mounts(c.env, "bpf") {
		c.pinsIn(root)
	}
}

// pinsIn goes through one of them.
func (c *collection) pinsIn(root string) {
	queue := []string{root}
	for len(queue) > 0 && len(c.out.Pins) < maxPins && c.ctx.Err() == nil {
		dir := queue[0]
		queue = queue[1:]
		list, err := c.env.ReadDir(dir)
		c.env.Gap(snapshot.SectionBPF, dir, err)
		for _, x := range list {
			name := path.Join(dir, x.Name())
			if x.IsDir() {
				queue = append(queue, name)
			} else if x.Type().IsRegular() && len(c.out.Pins) < maxPins {
				c.out.Pins = append(c.out.Pins, pin(name))
			}
		}
	}
}

// pin tells what a pinned object is. What kind of descriptor it gives is told
// by its link in /proc.
func pin(file string) snapshot.BPFPin {
	p := snapshot.BPFPin{Path: file}
	fd, err := pinned(file)
	if err != nil {
		return p
	}
	defer unix.Close(fd)
	link, _ := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	p.Kind = strings.TrimPrefix(strings.TrimPrefix(strings.Trim(strings.TrimPrefix(link, "anon_inode:"), "[]"), "bpf-"), "bpf_")
	if b, err := info(fd, sizeOfLinkInfo, nil); err == nil {
		p.ID = u32(b, 4) // in all three
	}
	return p
}
