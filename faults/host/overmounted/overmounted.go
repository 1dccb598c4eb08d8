// Package overmounted is the fault of a mount that lies over what a component
// needs.
package overmounted

import (
	"errors"
	"fmt"
	"path"
	"slices"
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
	ID:       "host/overmounted",
	Layer:    fault.Host,
	Needs:    []snapshot.Section{snapshot.SectionView},
	Uses:     []snapshot.Section{snapshot.SectionPersistence, snapshot.SectionStorage},
	Detect:   detect,
	Explains: []symptom.Edge{{Symptom: symptom.FolderHidden, Strength: symptom.Always}},
	Remedy:   remedy,
	Drill:    drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, o := range s.View.Over {
		if !symptom.Hides(o) || slices.ContainsFunc(out, func(f finding.Finding) bool { return f.Subject.Name == o.Target }) {
			continue
		}
		f := finding.Finding{
			Subject: finding.Subject{Kind: "mount", Name: o.Target},
			Summary: fmt.Sprintf("a mount of %s lies over %s: %s shows, and %s lies beneath", kind(o), o.Target, symptom.Looks(o.Shown), symptom.Looks(o.Beneath)),
			Facts: []finding.Fact{{Source: table(o), Line: o.Line, Got: fmt.Sprintf("%s on %s type %s (%s)", o.Source, o.Target, o.FSType, o.Options),
				Want: "no mount on " + o.Target}},
			Commands: []string{"findmnt " + o.Target, "grep ' " + o.Target + " ' /proc/self/mountinfo", "ls -la " + o.Target},
		}
		f.Facts = append(f.Facts, beneath(o)...)
		f.Facts = append(f.Facts, loop(s, o)...)
		if o.Declared != "" {
			f.Facts = append(f.Facts, finding.Fact{Source: o.Declared, Got: "mounts it at boot", Want: "no such line"})
		}
		does := mounts(o.Target)
		f.Facts = append(f.Facts, ground.Facts(ground.Hands(s, does), does)...)
		out = append(out, f)
	}
	return out
}

func kind(o snapshot.OverMount) string {
	switch {
	case o.FSType == "tmpfs" || o.FSType == "ramfs":
		return "memory (" + o.FSType + ")"
	case o.Root != "" && o.Root != "/":
		return o.Root
	}
	return o.Source
}

func table(o snapshot.OverMount) string {
	if o.Table == "" {
		return "/proc/self/mountinfo"
	}
	return o.Table
}

// beneath quotes what cannot be seen because of the mount.
func beneath(o snapshot.OverMount) []finding.Fact {
	var out []finding.Fact
	if n := len(o.Beneath.Entries); n > 0 {
		list := strings.Join(o.Beneath.Entries[:min(n, 8)], ", ")
		out = append(out, finding.Fact{Source: o.Target, Got: "beneath it: " + list, Want: "to be seen"})
	}
	if o.Beneath.SHA256 != "" && o.Shown.SHA256 != "" {
		out = append(out, finding.Fact{Source: o.Target, Got: "SHA-256 " + o.Shown.SHA256[:12] + " shows", Want: o.Beneath.SHA256[:12] + ", which lies beneath"})
	}
	return out
}

// loop quotes the file behind a loop device.
func loop(s *snapshot.Snapshot, o snapshot.OverMount) []finding.Fact {
	if s.Storage == nil {
		return nil
	}
	for _, l := range s.Storage.Loops {
		if slices.Contains(l.Mounted, o.Target) {
			return []finding.Fact{{Source: "/sys/block/" + l.Name + "/loop", Got: fmt.Sprintf("%s is the file %s of %s", l.Name, l.Backing, ground.Size(l.Size))}}
		}
	}
	return nil
}

// mounts reports whether a line of shell, of a table or of a unit mounts at
// the target. One that asks whether something is mounted there does not.
func mounts(target string) func(string) bool {
	return func(line string) bool {
		words := strings.FieldsFunc(line, func(c rune) bool { return strings.ContainsRune(" \t;&|(){}\"'`", c) })
		calls := slices.ContainsFunc(words, func(w string) bool { return path.Base(w) == "mount" || strings.HasPrefix(path.Base(w), "mount.") })
		return ground.Names(line, target) && (calls || strings.Contains(line, "Where="))
	}
}

// remedy takes away who mounts it, then the mount.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	i := slices.IndexFunc(s.View.Over, func(o snapshot.OverMount) bool { return o.Target == f.Subject.Name && symptom.Hides(o) })
	if i < 0 {
		return nil, errors.New("cannot take the mount away: it is not known")
	}
	o := s.View.Over[i]
	if o.Declared != "" {
		return nil, fmt.Errorf("cannot take the mount of %s away for good: %s declares it; take that out first", o.Target, o.Declared)
	}
	if o.Table != "" && o.Table != "/proc/self/mountinfo" {
		return nil, fmt.Errorf("cannot take the mount of %s away: it stands in %s alone", o.Target, o.Table)
	}
	plan, err := fault.UprootAll(ground.Hands(s, mounts(o.Target)), "it mounts over "+o.Target)
	if err != nil {
		return nil, err
	}
	return append(plan, op.Unmount{Mount: op.Mount{Path: o.Target, Type: o.FSType, Source: o.Source, Root: o.Root}, Why: "it hides what lies beneath"}), nil
}

// drill mounts an empty memory file system over the static pods' folder.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Static == nil || len(s.Static.Manifests) == 0 || s.Kubelet == nil || s.Kubelet.StaticPodPath == "" {
		return nil, errors.New("cannot hide the manifests: this node has none")
	}
	return op.Plan{op.MountOver{Mount: op.Mount{
		Path: s.Kubelet.StaticPodPath, Type: "tmpfs", Source: fault.Pick(d, []string{"tmpfs", "none", "scratch"}), Root: "/",
		Options: fmt.Sprintf("size=%dk,mode=0755", d.Int(1, 8)*128),
	}}}, nil
}
