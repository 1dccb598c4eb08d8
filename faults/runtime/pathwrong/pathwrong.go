// Package pathwrong is the fault of a container runtime whose configuration
// names something that is not there.
package pathwrong

import (
	"fmt"
	"slices"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/cri"
	"github.com/klustered/klustered/fault/podnet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "runtime/pathwrong",
	Layer:  fault.Runtime,
	Needs:  []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionKubelet, snapshot.SectionCNI},
	Uses:   []snapshot.Section{snapshot.SectionContainerd, snapshot.SectionSystemd, snapshot.SectionLogs, snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		// What is named decides: the CRI does not load without a snapshotter or
		// a default runtime, the node has no network without the CNI's folders,
		// and without its program each pod fails by itself.
		{Symptom: symptom.RuntimeDown, Strength: symptom.Sometimes},
		{Symptom: symptom.KubeletDown, Strength: symptom.Sometimes},
		{Symptom: symptom.PodNetworkDown, Strength: symptom.Sometimes},
		{Symptom: symptom.SandboxFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.SandboxRefused, Strength: symptom.Usually},
		{Symptom: symptom.ContainersFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually},
	},
	Remedy: remedy,
	Drill:  drill,
}

// A wrong is a setting that names what is not there.
type wrong struct {
	setting snapshot.ConfigSetting
	what    string // in the present tense, with the value
	want    string
	value   string // what it should be, written as TOML
	drop    bool   // the default is right
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, w := range wrongs(s) {
		facts := append(cri.Quote(s.Runtime, w.setting, w.want), cri.Answer(s.Runtime)...)
		out = append(out, finding.Finding{
			Subject:  finding.Subject{Kind: "setting", Name: w.setting.Key},
			Summary:  fmt.Sprintf("%s:%d %s", w.setting.Path, w.setting.Line, w.what),
			Facts:    append(facts, cri.Said(s, "containerd-runtime-missing", "containerd-cni-none", "kubelet-sandbox-failed")...),
			Commands: cri.Commands(s, "containerd config dump", "journalctl -u containerd | grep 'failed to load plugin'"),
		})
	}
	return out
}

// wrongs are the settings of a runtime that the kubelet uses and whose files
// were all read.
func wrongs(s *snapshot.Snapshot) []wrong {
	if !cri.Used(s) || !cri.Readable(s.Runtime) {
		return nil
	}
	var out []wrong
	if c := podnet.Look(s); c.Kind == podnet.Misled {
		out = append(out, folder(c))
	}
	if s.Runtime.Settings.Kind == "containerd" {
		out = slices.Concat(out, snapshotter(s), handlers(s))
	}
	return out
}

// folder is a folder of the CNI.
func folder(c podnet.Case) wrong {
	w := wrong{
		setting: c.Setting, want: c.Place,
		what: fmt.Sprintf("tells the runtime to look for the pod network in %s: %s, and what belongs there lies in %s", c.Setting.Value, c.Why, c.Place),
	}
	w.drop = c.Place == "/etc/cni/net.d" || c.Place == "/opt/cni/bin"
	if w.value = fmt.Sprintf("%q", c.Place); c.Setting.List != nil {
		w.value = "[" + w.value + "]"
	}
	return w
}

// builtin are the snapshotters that containerd brings along.
var builtin = []string{"overlayfs", "native", "btrfs", "devmapper", "zfs", "erofs", "blockfile"}

func snapshotter(s *snapshot.Snapshot) []wrong {
	c := s.Runtime.Settings
	x, ok := cri.Setting(s.Runtime, cri.Images+"snapshotter")
	if !ok || slices.Contains(builtin, c.Snapshotter) {
		return nil
	}
	made := used(s, func(x snapshot.StoredContainer) string { return x.Snapshotter })
	if made == c.Snapshotter {
		return nil // built into this containerd, as k3s does with some
	}
	w := wrong{setting: x, want: "a snapshotter of containerd, or of a plugin that runs"}
	for _, p := range c.Proxies {
		switch {
		case p.Name != c.Snapshotter:
		case p.Exists || p.Type != "snapshot":
			return nil
		default:
			w.what = fmt.Sprintf("names the snapshotter %q, whose socket %s is not there", c.Snapshotter, p.Address)
			return []wrong{w}
		}
	}
	w.what = fmt.Sprintf("names the snapshotter %q, which containerd does not have", c.Snapshotter)
	if made != "" {
		w.want, w.value, w.drop = made+", as the node's containers were made with", fmt.Sprintf("%q", made), made == "overlayfs"
	}
	return []wrong{w}
}

// used is what most of the node's containers were made with, or "".
func used(s *snapshot.Snapshot, of func(snapshot.StoredContainer) string) string {
	if s.Containerd == nil {
		return ""
	}
	n, _ := s.Containerd.Namespace("k8s.io")
	count, best := map[string]int{}, ""
	for _, x := range n.Containers {
		if v := of(x); v != "" {
			if count[v]++; count[v] > count[best] {
				best = v
			}
		}
	}
	return best
}

// handlers are the default runtime and what it consists of. Of other runtimes
// only pods notice that ask for them by a RuntimeClass.
func handlers(s *snapshot.Snapshot) []wrong {
	c := s.Runtime.Settings
	i := slices.IndexFunc(c.Handlers, func(h snapshot.RuntimeHandler) bool { return h.Name == c.DefaultHandler })
	if i < 0 {
		x, ok := cri.Setting(s.Runtime, cri.Runtime+"containerd/default_runtime_name")
		if !ok {
			return nil
		}
		w := wrong{setting: x, what: fmt.Sprintf("makes %q the default runtime, which is configured nowhere", c.DefaultHandler), want: "one of the configured runtimes"}
		w.drop = slices.ContainsFunc(c.Handlers, func(h snapshot.RuntimeHandler) bool { return h.Name == "runc" })
		return []wrong{w}
	}
	h, base := c.Handlers[i], cri.Runtime+"containerd/runtimes/"+c.DefaultHandler+"/"
	var out []wrong
	if x, ok := cri.Setting(s.Runtime, base+"options/BinaryName"); ok && x.Value != "" && gone(h.Binary) {
		out = append(out, wrong{setting: x, what: fmt.Sprintf("makes %s the program of the default runtime, which is not there", x.Value), want: "a program that is there", drop: h.Type == "io.containerd.runc.v2"})
	}
	for _, key := range []string{"runtime_path", "runtime_type"} {
		x, ok := cri.Setting(s.Runtime, base+key)
		if !ok || x.Value == "" || !gone(h.ShimBinary) {
			continue
		}
		w := wrong{setting: x, what: fmt.Sprintf("sets %s to %s, whose shim %s is not there", key, x.Value, h.ShimBinary.Path), want: "a runtime whose shim is there"}
		if was := used(s, func(x snapshot.StoredContainer) string { return x.Runtime }); key == "runtime_type" && was != "" && was != x.Value {
			w.want, w.value = was+", as the node's containers were made with", fmt.Sprintf("%q", was)
		}
		w.drop = key == "runtime_path"
		out = append(out, w)
		break
	}
	if x, ok := cri.Setting(s.Runtime, base+"base_runtime_spec"); ok && h.BaseGone {
		out = append(out, wrong{setting: x, what: fmt.Sprintf("names %s as what every container begins with, which is not there", x.Value), want: "a file that is there"})
	}
	return out
}

func gone(b *snapshot.Binary) bool { return b != nil && b.Error == "not found" }
