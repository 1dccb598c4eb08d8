// Package bpf collects the programs, maps and links of BPF that the kernel
// holds, with where they act and who holds them.
package bpf

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// Collectors are those of this package.
func Collectors() []source.Collector {
	return []source.Collector{{
		Section: snapshot.SectionBPF, Live: true, Collect: collect, After: []snapshot.Section{snapshot.SectionDescriptors},
	}}
}

const (
	// maxObjects bounds the programs and links that are kept, and the IDs
	// that are gone through.
	maxObjects = 600
	maxIDs     = 20000
	// maxMaps bounds the maps that are kept.
	maxMaps = 200
)

// collect goes through the IDs. A kernel without bpf(2), or one that does not
// let the reader ask, is a gap in a section that is there.
func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	c := &collection{env: e, ctx: ctx, boot: bootTime(), out: &snapshot.BPF{}, groups: map[uint64]string{}}
	if s.Descriptors != nil {
		c.held = s.Descriptors.BPF
	}
	c.trees()
	c.each("programs", cmdProgNext, cmdProgFD, c.program)
	c.each("maps", cmdMapNext, cmdMapFD, c.oneMap)
	c.each("links", cmdLinkNext, cmdLinkFD, c.link)
	c.pins()
	c.attached()
	c.traced()
	s.BPF = c.out
	return ctx.Err()
}

// A collection is what is read at once.
type collection struct {
	env    *source.Env
	ctx    context.Context
	boot   time.Time
	held   []snapshot.HeldBPF
	groups map[uint64]string // ID of a control group of v2 to its folder
	dirs   []string          // those folders
	out    *snapshot.BPF
}

// bootTime is when the machine started, by today's clock.
func bootTime() time.Time {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return time.Time{}
	}
	return time.Now().Add(-time.Duration(ts.Nano()))
}

// each opens every object of one kind. An object that is gone meanwhile is
// left out.
func (c *collection) each(what string, nextCmd, openCmd uintptr, take func(fd int)) {
	id, ok := uint32(0), true
	var err error
	for n := 0; ok && c.ctx.Err() == nil; n++ {
		if n > maxIDs {
			c.env.Gap(snapshot.SectionBPF, "bpf "+what, fmt.Errorf("more than the %d that are looked at", maxIDs))
			return
		}
		if id, ok, err = next(nextCmd, id); err != nil {
			c.env.Gap(snapshot.SectionBPF, "bpf "+what, err)
			return
		}
		if !ok {
			return
		}
		fd, err := open(openCmd, id)
		if err != nil {
			if !errors.Is(err, unix.ENOENT) {
				c.env.Gap(snapshot.SectionBPF, fmt.Sprintf("bpf %s %d", what, id), err)
			}
			continue
		}
		take(fd)
		unix.Close(fd)
	}
}

func (c *collection) program(fd int) {
	b, err := info(fd, sizeOfProgInfo, nil)
	if err != nil || len(c.out.Programs) >= maxObjects {
		return
	}
	p, maps := parseProg(b, c.boot)
	p.Maps = progMaps(fd, maps)
	p.Holders = c.holders("prog", p.ID)
	for _, h := range c.held {
		if h.Kind == "link" && h.Prog == p.ID && !slices.Contains(p.Holders, h.PID) {
			p.Holders = append(p.Holders, h.PID)
		}
	}
	c.out.Programs = append(c.out.Programs, p)
}

func (c *collection) oneMap(fd int) {
	c.out.MapCount++
	b, err := info(fd, sizeOfMapInfo, nil)
	if err != nil || len(c.out.Maps) >= maxMaps {
		return
	}
	m := parseMap(b)
	m.Holders = c.holders("map", m.ID)
	c.out.Maps = append(c.out.Maps, m)
}

func (c *collection) link(fd int) {
	b, err := info(fd, sizeOfLinkInfo, nil)
	if err != nil || len(c.out.Links) >= maxObjects {
		return
	}
	l, group := parseLink(b)
	l.Cgroup = c.groups[group]
	if l.Type == "raw_tracepoint" {
		l.Target = tracepoint(fd)
	}
	l.Holders = c.holders("link", l.ID)
	c.out.Links = append(c.out.Links, l)
}

// holders are the processes that have a descriptor of an object.
func (c *collection) holders(kind string, id uint32) []int {
	var out []int
	for _, h := range c.held {
		if h.Kind == kind && h.ID == id && !slices.Contains(out, h.PID) {
			out = append(out, h.PID)
		}
	}
	return out
}

// traced reads what is hooked in the kernel's functions, where tracefs is
// mounted; a folder that is mounted when it is looked at is left alone.
func (c *collection) traced() {
	for _, dir := range mounts(c.env, "tracefs") {
		for _, name := range []string{"kprobe_events", "uprobe_events", "enabled_functions"} {
			data, err := c.env.ReadFile(dir + "/" + name)
			if err == nil {
				c.out.Traced = append(c.out.Traced, parseTraced(data, dir+"/"+name)...)
			}
		}
		return // the others show the same
	}
}

// mounts are the targets of the mounts of one type.
func mounts(e *source.Env, fsType string) []string {
	data, _ := e.ReadFile("/proc/self/mountinfo")
	var out []string
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		left, right, ok := strings.Cut(line, " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if ok && len(l) > 4 && len(r) > 0 && r[0] == fsType && len(out) < 50 {
			out = append(out, l[4])
		}
	}
	return out
}
