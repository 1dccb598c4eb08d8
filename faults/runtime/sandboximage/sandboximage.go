// Package sandboximage is the fault of a pause image that cannot be had.
package sandboximage

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/cri"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "runtime/sandboximage",
	Layer:  fault.Runtime,
	Needs:  []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionKubelet, snapshot.SectionLogs},
	Uses:   []snapshot.Section{snapshot.SectionSystemd, snapshot.SectionContainerd},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.SandboxRefused, Strength: symptom.Always},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually},
		{Symptom: symptom.ImagesFailing, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

// setting is where the configuration names the image.
func setting(r *snapshot.Runtime) (snapshot.ConfigSetting, bool) {
	for _, key := range []string{cri.Images + "pinned_images/sandbox", cri.Images + "sandbox_image", "crio/image/pause_image"} {
		if x, ok := cri.Setting(r, key); ok {
			return x, true
		}
	}
	return snapshot.ConfigSetting{}, false
}

// detect tells of an image that is not on the node and that a sandbox failed
// for: one that is not there yet may be pulled when it is needed.
func detect(s *snapshot.Snapshot) []finding.Finding {
	r := s.Runtime
	if !r.Reachable || !cri.Used(s) || !cri.Readable(r) || r.Settings.Sandbox == "" {
		return nil
	}
	image := r.Settings.Sandbox
	if _, ok := cri.Local(r, image); ok {
		return nil
	}
	said := refused(s, image)
	if len(said) == 0 {
		return nil
	}
	where, facts := "the runtime's default", []finding.Fact{{Source: r.Settings.Kind, Got: "the sandbox image is " + image + " by default", Want: "an image that is on the node or can be pulled"}}
	if x, ok := setting(r); ok {
		where, facts = fmt.Sprintf("%s:%d", x.Path, x.Line), cri.Quote(r, x, "an image that is on the node or can be pulled")
	}
	if kin := pauses(s); len(kin) > 0 {
		facts = append(facts, finding.Fact{Source: r.Socket, Got: "the node has " + strings.Join(kin, ", ")})
	}
	return []finding.Finding{{
		Subject:  finding.Subject{Kind: "image", Name: image},
		Summary:  fmt.Sprintf("every pod needs the sandbox image %s (%s), which is not on the node and cannot be pulled", image, where),
		Facts:    append(facts, said...),
		Commands: cri.Commands(s, "crictl images | grep pause", "crictl pull "+image),
	}}
}

// refused are the log lines that name the image or its kind as the reason,
// from where they do.
func refused(s *snapshot.Snapshot, image string) []finding.Fact {
	var out []finding.Fact
	for _, id := range []string{"kubelet-sandbox-failed", "containerd-sandbox-failed"} {
		for _, o := range s.Logs.Seen(id, s.At, 15*time.Minute) {
			i := max(strings.Index(o.Sample, "failed to get sandbox image"), strings.Index(o.Sample, image))
			if i >= 0 && len(out) < 2 {
				out = append(out, finding.Fact{Source: o.Source, Got: cri.Clip(o.Sample[max(0, i-30):]), At: o.Last})
			}
		}
	}
	return out
}

// pauses are the images of the node that sandboxes were made with, and those
// that are pinned or called pause.
func pauses(s *snapshot.Snapshot) []string {
	var out []string
	add := func(name string) {
		if i, ok := cri.Local(s.Runtime, name); ok && len(i.Names) > 0 && !slices.Contains(out, i.Names[0]) {
			out = append(out, i.Names[0])
		}
	}
	if s.Containerd != nil {
		n, _ := s.Containerd.Namespace("k8s.io")
		for _, c := range n.Containers {
			if c.Kind == "sandbox" {
				add(c.Image)
			}
		}
	}
	for _, i := range s.Runtime.Images {
		for _, name := range i.Names {
			if path := cri.Parse(name).Path; path == "pause" || strings.HasSuffix(path, "/pause") {
				add(name)
			}
		}
	}
	return out
}

// remedy names the image that the node's sandboxes were made with.
func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	list := pauses(s)
	if len(list) == 0 {
		return nil, errors.New("cannot name another sandbox image: the node has none; pull or import one")
	}
	x, ok := setting(s.Runtime)
	if !ok {
		return cri.Put(s, cri.Images+"pinned_images/sandbox", fmt.Sprintf("%q", list[0]))
	}
	t, _ := cri.File(s.Runtime, x.Path)
	return cri.Change(s, x.Path, x.Line, []string{cri.Assign(t, x.Line, fmt.Sprintf("%q", list[0]))}, "the sandbox image that the node has")
}

// drill names a sandbox image that is not there: another tag or another place
// of the same, and lets a pod come.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Kubelet == nil || s.Runtime == nil || !cri.Used(s) || len(pauses(s)) == 0 {
		return nil, errors.New("cannot take the sandbox image away: it is not known")
	}
	now := cri.Parse(pauses(s)[0])
	image := fault.Pick(d, []string{
		fmt.Sprintf("%s:%d.%d", now.Repository(), d.Int(3, 4), d.Int(11, 19)), "registry.internal:5000/" + now.Path + ":" + now.Tag, now.Registry + "/mirror/" + now.Path + ":" + now.Tag})
	pod, err := cri.Newcomer(s, d)
	if err != nil {
		return nil, err
	}
	plan, err := cri.Set(s, d, cri.Images+"pinned_images/sandbox", fmt.Sprintf("%q", image))
	return append(plan, pod), err
}
