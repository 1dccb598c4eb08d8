// Package moved is the fault of a container runtime that was told of other
// folders than those in which the node's images and running containers lie.
package moved

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/cri"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "runtime/moved",
	Layer:  fault.Runtime,
	Needs:  []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionHost},
	Uses:   []snapshot.Section{snapshot.SectionSystemd, snapshot.SectionKubelet},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ImagesFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.SandboxRefused, Strength: symptom.Sometimes},
		{Symptom: symptom.ContainersFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes},
		{Symptom: symptom.StaticPodsMissing, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
}

// rootfs is where containerd mounts what a container runs on: the folder of
// what runs, and the container. layers is the folder of what lasts, among the
// options of that mount.
var (
	rootfs = regexp.MustCompile(`^(/.+)/io\.containerd\.runtime\.v2\.task/k8s\.io/([^/]+)/rootfs$`)
	layers = regexp.MustCompile(`(?:upperdir|lowerdir)=(/[^,:]+)/io\.containerd\.snapshotter\.`)
)

// A folder is one that containers of the node run in, and how many do.
type folder struct {
	key, now, was string // the setting, what it says, and where they lie
	count         int
}

// folders are the settings of containerd that lead elsewhere than to where
// containers run that it does not know of. That they run is seen by what is
// mounted for them.
func folders(s *snapshot.Snapshot) []folder {
	r := s.Runtime
	if !r.Reachable || !cri.Readable(r) || r.Settings.Kind != "containerd" {
		return nil
	}
	var out []folder
	add := func(key, now, was string) {
		if now == "" || was == "" || strings.TrimSuffix(now, "/") == was {
			return
		}
		if i := slices.IndexFunc(out, func(f folder) bool { return f.key == key && f.was == was }); i >= 0 {
			out[i].count++
			return
		}
		out = append(out, folder{key, now, was, 1})
	}
	for _, m := range s.Host.Mounts {
		at := rootfs.FindStringSubmatch(m.Target)
		if at == nil || known(r, at[2]) {
			continue
		}
		add("state", r.Settings.State, at[1])
		if from := layers.FindStringSubmatch(m.Options); from != nil {
			add("root", r.Settings.Root, from[1])
		}
	}
	return slices.DeleteFunc(out, func(f folder) bool { _, set := cri.Setting(r, f.key); return !set })
}

// known reports whether the runtime lists the container or sandbox.
func known(r *snapshot.Runtime, id string) bool {
	return slices.ContainsFunc(r.Containers, func(c snapshot.Container) bool { return c.ID == id }) ||
		slices.ContainsFunc(r.Sandboxes, func(x snapshot.Sandbox) bool { return x.ID == id })
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	list := folders(s)
	if len(list) == 0 {
		return nil
	}
	first := list[0]
	x, _ := cri.Setting(s.Runtime, first.key)
	f := finding.Finding{
		Subject:  finding.Subject{Kind: "file", Name: x.Path},
		Summary:  fmt.Sprintf("%s:%d gives containerd the folder %s, and %d containers that it does not know of run from %s", x.Path, x.Line, first.now, first.count, first.was),
		Commands: cri.Commands(s, "containerd config dump | grep -e ^root -e ^state", "grep io.containerd /proc/self/mountinfo | head -n 3", "crictl ps -a; crictl images"),
	}
	for _, l := range list {
		y, _ := cri.Setting(s.Runtime, l.key)
		f.Facts = append(f.Facts, cri.Quote(s.Runtime, y, fmt.Sprintf("%s = %q", l.key, l.was))...)
		f.Facts = append(f.Facts, finding.Fact{Source: "/proc/self/mountinfo", Got: fmt.Sprintf("%d containers run from %s", l.count, l.was), Want: "known to the runtime"})
	}
	f.Facts = append(f.Facts, finding.Fact{Source: s.Runtime.Socket, Got: fmt.Sprintf("%d containers and %d images", len(s.Runtime.Containers), len(s.Runtime.Images))})
	return []finding.Finding{f}
}

// remedy gives containerd its folders back, in which it finds its containers
// again. What it has begun in the new ones would then be what nobody knows of.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	if slices.ContainsFunc(s.Runtime.Containers, func(c snapshot.Container) bool { return c.State == "running" }) {
		return nil, errors.New("cannot give containerd its folders back while containers run that it made in the new ones: drain the node, stop the kubelet, stop those with crictl, set root and state back and boot")
	}
	list := folders(s)
	keys := map[string]bool{}
	for _, l := range list {
		if keys[l.key] {
			return nil, fmt.Errorf("cannot set %s back: containers run from several folders", l.key)
		}
		keys[l.key] = true
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("cannot change %s: nothing runs from elsewhere any more", f.Subject.Name)
	}
	// Both settings may stand in one file, which is written once: in steps.
	x, _ := cri.Setting(s.Runtime, list[0].key)
	t, ok := cri.File(s.Runtime, x.Path)
	if !ok {
		return nil, fmt.Errorf("cannot change %s: its content was not read", x.Path)
	}
	if err := cri.Changeable(x.Path); err != nil {
		return nil, err
	}
	restart, err := cri.Restart(s)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(t.Content, "\n")
	for _, l := range list {
		y, _ := cri.Setting(s.Runtime, l.key)
		if y.Path != x.Path || y.Line < 1 || y.Line > len(lines) {
			return nil, fmt.Errorf("cannot set %s back beside root: they stand in two files; change %s:%d to %q by hand, then let containerd start anew", l.key, y.Path, y.Line, l.was)
		}
		lines[y.Line-1] = cri.Assign(t, y.Line, fmt.Sprintf("%q", l.was))
	}
	edit, err := fault.Rewrite(t, strings.Join(lines, "\n"), "the folders in which the node's containers lie")
	return op.Plan{edit, restart}, err
}
