// Package admissionplugins is the fault of admission plugins that the API server does not have, or
// that the cluster needs and that are switched off.
package admissionplugins

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/component"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "apiserver/admissionplugins",
	Layer:    fault.APIServer,
	Needs:    manifest.Needs,
	Uses:     manifest.Uses,
	Detect:   manifest.DetectFlags(check),
	Explains: manifest.Explains,
	Remedy:   manifest.RemedyFlags(check),
	Drill:    drill,
}

// needed are the plugins that are on by default and without which pods, or
// what the cluster keeps them by, go wrong.
var needed = []string{"NamespaceLifecycle", "ServiceAccount", "MutatingAdmissionWebhook", "ValidatingAdmissionWebhook", "Priority", "DefaultTolerationSeconds", "StorageObjectInUseProtection"}

// check reads the lists of plugins as the API server's release does.
func check(s *snapshot.Snapshot) []manifest.Wrong {
	p, ok := manifest.Find(s, "kube-apiserver")
	if !ok || p.Container.FlagTable == nil || !p.Container.FlagTable.Exact {
		return nil
	}
	r := component.ReleaseOf(p.Container.FlagTable.Table)
	on, off := names(p, "enable-admission-plugins"), names(p, "disable-admission-plugins")
	var out []manifest.Wrong
	for _, flag := range []string{"enable-admission-plugins", "disable-admission-plugins"} {
		var good, bad []string
		serves := true // with what is only needed switched off
		for _, n := range names(p, flag) {
			_, known := r.Plugin(n)
			switch {
			case !known:
				bad, serves = append(bad, "there is no plugin "+n+" in "+r.Version), false
				if near := r.NearestPlugin(n); near != "" && !slices.Contains(on, near) && !slices.Contains(off, near) {
					good = append(good, near)
				}
			case flag == "disable-admission-plugins" && slices.Contains(on, n):
				bad, serves = append(bad, n+" is switched on, too, and the API server refuses to choose"), false
			case flag == "disable-admission-plugins" && slices.Contains(needed, n):
				bad = append(bad, n+" is needed")
			default:
				good = append(good, n)
			}
		}
		if len(bad) > 0 {
			out = append(out, manifest.Wrong{Part: p, Flag: flag, Why: strings.Join(bad, "; "), Want: "--" + flag + "=" + strings.Join(good, ","),
				Set: strings.Join(good, ","), Drop: len(good) == 0, Serves: serves})
		}
	}
	return out
}

// names are the plugins of every use of a flag: the uses add up.
func names(p manifest.Part, flag string) []string {
	var out []string
	for _, f := range p.Container.Flags {
		if f.Name != flag {
			continue
		}
		for n := range strings.SplitSeq(f.Value, ",") {
			if n = strings.TrimSpace(n); n != "" {
				out = append(out, n)
			}
		}
	}
	return out
}

// drill asks for a plugin that is none, or switches one on and off at once.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, "kube-apiserver")
	f, given := p.Flag("enable-admission-plugins")
	if !ok || !given {
		return nil, fmt.Errorf("cannot find the API server's plugins")
	}
	gone := fault.Pick(d, []string{"PodSecurityPolicy", "SecurityContextDeny", "DenyEscalatingExec", "PersistentVolumeLabel", "Initializers", "PodSecurityPolicies", "LimitRange"})
	switch d.Int(0, 2) {
	case 0:
		return p.Change().Set(p, f.Name, f.Value+","+gone).Plan("one more plugin")
	case 1:
		return p.Change().Add(p, "--disable-admission-plugins="+gone).Plan("a plugin less")
	}
	return p.Change().Add(p, "--disable-admission-plugins="+f.Value).Plan("a plugin less")
}
