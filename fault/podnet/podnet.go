// Package podnet tells what is wrong with the configuration of a node's pod
// network, and what it ought to be. The faults of that configuration share
// one answer, so that a situation is never called by two names.
package podnet

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// A Kind is what is wrong.
type Kind string

// The kinds. They exclude one another.
const (
	Fine       Kind = ""
	Missing    Kind = "missing"    // the runtime has no file to load
	Invalid    Kind = "invalid"    // the file that it loads is refused
	Unknown    Kind = "unknown"    // the file names a plugin that this node never had
	Unprovided Kind = "unprovided" // a plugin's program is gone or cannot run
	Shadowed   Kind = "shadowed"   // another file goes before this cluster's own
	Misled     Kind = "misled"     // the runtime is told another folder than the one with the configuration or the plugins
)

// A Case is a Kind with its evidence.
type Case struct {
	Kind Kind
	// File is the configuration that is broken, or that hides the other.
	File snapshot.CNIFile
	// Own is, of Shadowed, the configuration behind File.
	Own snapshot.CNIFile
	// Type is the plugin of Unknown and Unprovided, and Line its line in File.
	Type string
	Line int
	// Program is, of Unprovided, the file that should be the plugin, or nil.
	Program *snapshot.Binary
	// Why is the reason in words.
	Why string
	// Setting is, of Misled, the runtime's setting, and Place the folder that
	// it should name.
	Setting snapshot.ConfigSetting
	Place   string
}

// Look tells what is wrong with the pod network's configuration. It needs the
// CNI section, and uses Runtime and Cluster when they are there.
func Look(s *snapshot.Snapshot) Case {
	if c, ok := misled(s); ok {
		return c
	}
	files := Loaded(s)
	if len(files) == 0 {
		return Case{Kind: Missing}
	}
	own, known := Own(s)
	first := files[0]
	c := check(s, first, own, known)
	if known && Same(first, own) {
		return rest(s, c, files, own, known)
	}
	for _, f := range s.CNI.Files {
		if f.Path == first.Path || f.Path < first.Path || check(s, f, own, known).Kind != Fine || known && !Same(f, own) {
			continue
		}
		if c.Kind != Fine {
			c.Kind, c.Own = Shadowed, f
			return c
		}
		if why := foreign(s, first, f); why != "" {
			return Case{Kind: Shadowed, File: first, Own: f, Why: why}
		}
	}
	return rest(s, c, files, own, known)
}

// rest is c, or what is wrong with the further files that are loaded, or with
// the loopback network that the runtime adds itself.
func rest(s *snapshot.Snapshot, c Case, files []snapshot.CNIFile, own snapshot.CNIFile, known bool) Case {
	for _, f := range files[1:] {
		if c.Kind == Fine {
			c = check(s, f, own, known)
		}
	}
	for _, a := range s.CNI.Cached {
		f := snapshot.ParseCNI(snapshot.Text{Path: "attached.conflist", Content: a.Config})
		if c.Kind == Fine && f.Error == "" && loopback(f) {
			f.Path = a.Path
			c = check(s, f, f, true)
		}
	}
	return c
}

// Loaded are the files that the runtime loads, in its order. containerd takes
// the first ones and fails when one of them does; CRI-O passes over files that
// do not load.
func Loaded(s *snapshot.Snapshot) []snapshot.CNIFile {
	files, limit := s.CNI.Files, 1
	if r := s.Runtime; r != nil && r.CNIConfDir != "" {
		limit = r.CNIMaxConf
	}
	if r := s.Runtime; r != nil && (r.Name == "cri-o" || r.Name == "crio") {
		for _, f := range files {
			if f.Error == "" {
				return []snapshot.CNIFile{f}
			}
		}
		limit = 1
	}
	if limit <= 0 || limit > len(files) {
		limit = len(files)
	}
	return files[:limit]
}

// check tells what is wrong with one file.
func check(s *snapshot.Snapshot, f, own snapshot.CNIFile, known bool) Case {
	c := Case{File: f}
	if f.Error != "" {
		c.Kind, c.Line, c.Why = Invalid, f.ErrorLine, f.Error
		return c
	}
	for _, p := range f.Plugins {
		for _, t := range types(p) {
			program, found := Provider(s.CNI, t)
			why := "no file of that name is in " + fmt.Sprint(s.CNI.BinDirs)
			if found {
				if why = Damage(program); why == "" {
					continue
				}
				c.Program = &program
			}
			c.Kind, c.Type, c.Line, c.Why = Unknown, t, lineOf(f, p, t), why
			if existed(s.CNI, t, own, known, found) {
				c.Kind = Unprovided
			}
			return c
		}
	}
	return c
}

// lineOf is the line that names plugin t: that of p, or of its address
// management below it.
func lineOf(f snapshot.CNIFile, p snapshot.CNIPlugin, t string) int {
	for i, l := range f.Lines() {
		if t != p.Type && strings.Contains(l, fmt.Sprintf("%q", t)) {
			return i + 1
		}
	}
	return p.Line
}

// Reason is what is wrong, as a clause.
func (c Case) Reason() string {
	switch {
	case c.Type != "":
		return fmt.Sprintf("its plugin %q cannot run: %s", c.Type, c.Why)
	case c.File.Error != "":
		return "it " + c.Why
	}
	return c.Why
}

// types are the programs that a plugin needs. Address management is a program
// for the reference plugins; others may do it themselves.
func types(p snapshot.CNIPlugin) []string {
	if p.IPAM == "" || !slices.Contains(reference[:mains], p.Type) {
		return []string{p.Type}
	}
	return []string{p.Type, p.IPAM}
}

// existed reports whether there is evidence that this node had plugin t: pods
// were attached with it; or, where no pod was attached, a file or a copy of
// it is there, or it is one of those that every distribution ships.
func existed(c *snapshot.CNI, t string, own snapshot.CNIFile, known, found bool) bool {
	if known {
		return slices.ContainsFunc(own.Plugins, func(p snapshot.CNIPlugin) bool { return p.Type == t || p.IPAM == t })
	}
	_, spare := Spare(c, t)
	return found || spare || slices.Contains(reference, t)
}

// reference are the plugins of the CNI project, those that make an interface
// first.
var reference = []string{
	"bridge", "ptp", "macvlan", "ipvlan", "host-device", "vlan", "tap", "dummy",
	"loopback", "host-local", "dhcp", "static", "portmap", "bandwidth", "firewall", "sbr", "tuning", "vrf",
}

const mains = 8 // of reference
