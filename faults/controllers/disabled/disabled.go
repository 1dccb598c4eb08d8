// Package disabled is the fault of a list of controllers that names one that is none, or
// leaves out what the cluster needs.
package disabled

import (
	"cmp"
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
	ID:       "controllers/disabled",
	Layer:    fault.Control,
	Needs:    manifest.Needs,
	Uses:     manifest.Uses,
	Detect:   manifest.DetectFlags(check),
	Explains: manifest.Explains,
	Remedy:   manifest.RemedyFlags(check),
	Drill:    drill,
}

// needed are the controllers without which pods are not made, not found, not
// taken from lost nodes, or cannot call the API.
var needed = []string{"deployment-controller", "replicaset-controller", "daemonset-controller", "statefulset-controller", "job-controller", "endpointslice-controller",
	"namespace-controller", "serviceaccount-controller", "garbage-collector-controller", "node-lifecycle-controller", "root-ca-certificate-publisher-controller",
	"certificatesigningrequest-signing-controller", "certificatesigningrequest-approving-controller", "taint-eviction-controller", "pod-garbage-collector-controller"}

// check reads the list as the controller manager does.
func check(s *snapshot.Snapshot) []manifest.Wrong {
	p, ok := manifest.Find(s, "kube-controller-manager")
	f, given := p.Flag("controllers")
	if !ok || !given || p.Container.FlagTable == nil || !p.Container.FlagTable.Exact {
		return nil
	}
	r := component.ReleaseOf(p.Container.FlagTable.Table)
	w := manifest.Wrong{Part: p, Flag: f.Name}
	on, off, unknown := read(r, f.Value)
	var missing []string
	for _, n := range needed {
		_, has := r.Controller(n)
		if has && (slices.Contains(off, n) || !slices.Contains(on, "*") && !slices.Contains(on, n)) {
			missing = append(missing, n)
		}
	}
	switch {
	case len(unknown) > 0:
		w.Why = fmt.Sprintf("there is no controller %s in %s", strings.Join(unknown, ", "), r.Version)
	case len(missing) > 0:
		w.Why, w.Serves = "it runs without "+strings.Join(missing[:min(4, len(missing))], ", "), true
	default:
		return nil
	}
	w.Set = mended(r, f.Value, missing)
	w.Want = w.Set
	return []manifest.Wrong{w}
}

// mended is the list with what is missing, and without names that are none;
// whatever else somebody has switched off or on stays so.
func mended(r *component.Release, value string, missing []string) string {
	var out []string
	for x := range strings.SplitSeq(value, ",") {
		x = strings.TrimSpace(x)
		_, off, unknown := read(r, x)
		if x != "" && len(unknown) == 0 && (len(off) == 0 || !slices.Contains(missing, off[0])) {
			out = append(out, x)
		}
	}
	if !slices.Contains(out, "*") {
		out = append(out, missing...)
	}
	return cmp.Or(strings.Join(out, ","), "*")
}

// read takes the list apart, older names resolved.
func read(r *component.Release, value string) (on, off, unknown []string) {
	for x := range strings.SplitSeq(value, ",") {
		x = strings.TrimSpace(x)
		name := strings.TrimPrefix(x, "-")
		if name == "*" {
			if name == x {
				on = append(on, name)
			}
			continue
		}
		c, ok := r.Controller(name)
		switch {
		case x == "":
		case !ok:
			unknown = append(unknown, name)
		case c.Alias != "":
			name = c.Alias
			fallthrough
		default:
			if strings.HasPrefix(x, "-") {
				off = append(off, name)
			} else {
				on = append(on, name)
			}
		}
	}
	return on, off, unknown
}

// drill names a controller that is none.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, "kube-controller-manager")
	f, given := p.Flag("controllers")
	if !ok || !given || f.Value != "*,bootstrapsigner,tokencleaner" {
		return nil, fmt.Errorf("cannot find a controller manager with all controllers")
	}
	name := fault.Pick(d, []string{"replicasets", "deployments", "endpoint-slice", "node-lifecycle", "garbagecollection", "podgc-controller", "serviceaccounts", d.Name()})
	return p.Change().Set(p, f.Name, f.Value+fault.Pick(d, []string{",-", ","})+name).Plan("another list of controllers")
}
