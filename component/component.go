// Package component knows what the programs of a cluster accept, release by
// release: the flags of kube-apiserver, kube-controller-manager,
// kube-scheduler, kube-proxy, the kubelet and etcd with their types and
// defaults, the feature gates, admission plugins and controllers, and the
// fields of pods and configuration files.
//
// The tables were said by the programs themselves: lab/flagtable builds and
// asks them.
package component

//go:generate go run ../lab/flagtable -dir table

import (
	"slices"
	"sort"
	"strings"
)

// A Component is one program of one release.
type Component struct {
	Name    string
	Version string // v1.37 or, of etcd, v3.7
	// Exact reports that the table holds for the release asked for, and not
	// for the nearest one there is.
	Exact bool
	flags map[string]Flag
}

// A Flag is one flag of a component.
type Flag struct {
	Name       string
	Short      string // the letter of its short form
	Type       string // bool, int32, stringSlice, ... as pflag names it
	Default    string // as the program's help shows it
	Bare       string // value when it is given without one; "" when it needs one
	Deprecated bool
	Hidden     bool // not in the program's help
}

// Of returns the table of a component by the base name of its program, for a
// version such as v1.37.2, 1.37 or, for etcd, 3.6.1 (with anything behind it).
// Where that release has no table, or is not told, the nearest one is returned
// and is not Exact.
func Of(name, version string) (*Component, bool) {
	t, ok := tables[name]
	if !ok || name == schemaTable || name == releaseTable {
		return nil, false
	}
	e, minor, exact := t().of(version)
	return &Component{Name: name, Version: minor, Exact: exact, flags: e.flags}, true
}

// Names are the components there are tables of.
func Names() []string {
	return []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubelet"}
}

// Flag returns the flag of that name, without dashes, or of that single
// letter. Kubernetes' programs take _ for -.
func (c *Component) Flag(name string) (Flag, bool) {
	f, ok := c.flags[c.normal(name)]
	if !ok && len(name) == 1 {
		for _, f := range c.flags {
			if f.Short == name {
				return f, true
			}
		}
	}
	return f, ok
}

// normal is the name as the table has it.
func (c *Component) normal(name string) string {
	if c.Name == "etcd" {
		return name
	}
	return strings.ReplaceAll(name, "_", "-")
}

// Flags returns every flag, sorted by name.
func (c *Component) Flags() []Flag {
	out := make([]Flag, 0, len(c.flags))
	for _, f := range c.flags {
		out = append(out, f)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// Nearest returns the flag whose name is most like a name that is none, or "".
func (c *Component) Nearest(name string) string {
	names := make([]string, 0, len(c.flags))
	for n, f := range c.flags {
		if !f.Hidden {
			names = append(names, n)
		}
	}
	return Nearest(c.normal(name), names)
}

// Lists reports whether several uses of the flag add up; of other flags the
// last one counts. The component says how: etcd's lists are replaced.
func (c *Component) Lists(f Flag) bool {
	if c.Name == "etcd" {
		return false
	}
	return strings.HasPrefix(f.Type, "map") || slices.Contains([]string{"stringSlice", "stringArray", "stringToString", "int32Slice",
		"namedCertKey", "colonSeparatedMultimapStringString", "reserved-memory"}, f.Type)
}
