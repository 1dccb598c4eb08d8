package flagunknown

import (
	"strings"

	"github.com/klustered/klustered/component"
	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/kubelet"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// drill adds an argument of an older release, one that is mistyped, a value of
// the wrong kind, or a feature gate that there is none of.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	k := s.Kubelet
	now, _ := kubelet.Table(k)
	ways := []func() string{
		func() string { return fault.Pick(d, older(now)) },
		func() string { return mistyped(now, d) },
		func() string {
			return fault.Pick(d, []string{"--v=", "--max-pods=", "--image-gc-high-threshold="}) + d.Name()
		},
		func() string { return "--feature-gates=" + gate(k.Version, d) + "=true" },
	}
	return kubelet.Argue(k, d, fault.Pick(d, ways)())
}

// older are arguments that earlier releases took: those that people still have
// in their notes, and those of the oldest release there is a table of.
func older(now *component.Component) []string {
	out := []string{"--network-plugin=cni", "--container-runtime=remote", "--cni-bin-dir=/opt/cni/bin", "--docker-endpoint=unix:///var/run/docker.sock"}
	before, _ := component.Of("kubelet", "v1.33")
	for _, f := range before.Flags() {
		if _, ok := now.Flag(f.Name); !ok && f.Default != "" && !strings.ContainsAny(f.Default, ` ,"`) {
			out = append(out, "--"+f.Name+"="+f.Default)
		}
	}
	return out
}

// mistyped is a flag with two of its letters swapped.
func mistyped(now *component.Component, d *fault.Dice) string {
	names := []string{"max-pods=110", "serialize-image-pulls=false", "rotate-certificates=true", "registry-qps=10", "protect-kernel-defaults=false", "event-qps=50"}
	for range 20 {
		name, value, _ := strings.Cut(fault.Pick(d, names), "=")
		at := d.Int(1, len(name)-3)
		b := []byte(name)
		b[at], b[at+1] = b[at+1], b[at]
		if _, ok := now.Flag(string(b)); !ok {
			return "--" + string(b) + "=" + value
		}
	}
	return "--max-pod=110"
}

// gate is the name of a feature gate that this release does not have.
func gate(version string, d *fault.Dice) string {
	r := component.ReleaseOf(version)
	for _, name := range []string{"DynamicKubeletConfig", "ExpandInUsePersistentVolumes", "IPv6DualStack", "CSIMigration", "EphemeralContainers"} {
		if _, ok := r.Gate(name); !ok && d.Int(0, 1) == 0 {
			return name
		}
	}
	return fault.Pick(d, []string{"NodeSwapSupport", "InPlacePodScaling", "CgroupsV2"})
}
