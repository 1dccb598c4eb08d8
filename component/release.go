package component

import (
	"maps"
	"slices"
	"strings"
)

// A Release is what the components of one release have in common.
type Release struct {
	Version     string // v1.37
	Exact       bool   // see [Component]
	gates       map[string]Gate
	plugins     map[string]Named
	controllers map[string]Named
	bindings    map[string]string
}

// A Gate is a feature gate. The gates of all components are one list: a
// component knows no gate that is not here, and may not know one that is.
type Gate struct {
	Name    string
	Stage   string // ALPHA, BETA, GA, DEPRECATED
	Default bool
	Locked  bool // cannot be set to anything but its default
}

// A Named is an admission plugin or a controller.
type Named struct {
	Name  string
	On    bool   // by default
	Alias string // the controller that this name stands for
}

// ReleaseOf returns what is common to the release of version, or to the
// nearest one there is a table of.
func ReleaseOf(version string) *Release {
	e, _, exact := tables[releaseTable]().of(version)
	r := e.release
	r.Exact = exact
	return &r
}

// Gate returns the feature gate of that name.
func (r *Release) Gate(name string) (Gate, bool) { g, ok := r.gates[name]; return g, ok }

// Plugin returns the admission plugin of that name.
func (r *Release) Plugin(name string) (Named, bool) { n, ok := r.plugins[name]; return n, ok }

// Controller returns the controller of that name, or of its older name.
func (r *Release) Controller(name string) (Named, bool) { n, ok := r.controllers[name]; return n, ok }

// Binding returns the path of KubeletConfiguration that a flag of the kubelet
// sets. Flags that set none are no part of the configuration file.
func (r *Release) Binding(flag string) (path string, ok bool) {
	path, ok = r.bindings[strings.ReplaceAll(flag, "_", "-")]
	return path, ok
}

// NearestGate returns the gate whose name is most like one that is none.
func (r *Release) NearestGate(name string) string {
	return Nearest(name, slices.Collect(maps.Keys(r.gates)))
}

// NearestPlugin returns the admission plugin whose name is most like one that
// is none.
func (r *Release) NearestPlugin(name string) string {
	return Nearest(name, slices.Collect(maps.Keys(r.plugins)))
}

// SetGates reads the value of a feature-gates flag: Name=true,Name=false, each
// perhaps behind "kube:". What is wrong is told in the order of the value.
func (r *Release) SetGates(value string) (gates map[string]bool, problems []string) {
	gates = map[string]bool{}
	for part := range strings.SplitSeq(value, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		component, rest, ok := strings.Cut(part, ":")
		if !ok {
			component, rest = "kube", part
		}
		name, word, _ := strings.Cut(rest, "=")
		name = strings.TrimSpace(name)
		if p := r.CheckGate(name, strings.TrimSpace(word)); p != "" && component == "kube" && len(problems) < maxMeant {
			problems = append(problems, p)
		}
		gates[name] = strings.TrimSpace(word) != "false"
	}
	return gates, problems
}

// CheckGate says why a gate cannot be set to a word, or "".
func (r *Release) CheckGate(name, word string) string {
	g, ok := r.gates[name]
	on, err := parseBool(word)
	switch {
	case !ok:
		return "no feature gate " + quote(name) + " in " + r.Version + like(r.NearestGate(name))
	case err != nil:
		return "feature gate " + name + ": " + quote(word) + " is neither true nor false"
	case g.Locked && on != g.Default:
		return "feature gate " + name + " is locked"
	}
	return ""
}
