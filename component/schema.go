package component

import (
	"maps"
	"slices"
	"strings"
)

// A Schema is the types of pods and of configuration files in one release.
//
// A type is written as in Go, with names of its own for what is one value in a
// file: string, bool, int32, int64, float64, bytes, Duration, Quantity, Time,
// IntOrString, any, []T, map[string]T, or the name of a struct.
type Schema struct {
	Version  string // v1.37
	Exact    bool   // see [Component]
	types    map[string]map[string]string
	defaults map[string]map[string]string
}

// SchemaOf returns the types of the release of version, or of the nearest one
// there is a table of.
func SchemaOf(version string) *Schema {
	e, _, exact := tables[schemaTable]().of(version)
	s := e.schema
	s.Exact = exact
	return &s
}

func (s *Schema) fields(name string) map[string]string {
	if s.types[name] == nil {
		s.types[name] = map[string]string{}
	}
	return s.types[name]
}

// Struct reports whether there is a struct of that name: a kind (Pod,
// KubeletConfiguration, KubeProxyConfiguration, KubeSchedulerConfiguration,
// EncryptionConfiguration, ...) or what one holds.
func (s *Schema) Struct(name string) bool { return s.types[name] != nil }

// Field returns the type of a struct's field.
func (s *Schema) Field(name, field string) (string, bool) {
	t, ok := s.types[name][field]
	return t, ok
}

// Fields returns the names of a struct's fields, sorted.
func (s *Schema) Fields(name string) []string { return slices.Sorted(maps.Keys(s.types[name])) }

// At returns the type of a path of fields, such as spec.hostNetwork.
func (s *Schema) At(kind, path string) (string, bool) {
	t, ok := s.at(kind, path)
	return strings.TrimPrefix(t, "*"), ok
}

// Unset reports whether the zero value of a field, written in a file, is the
// same as not writing it, so that the default is taken.
func (s *Schema) Unset(kind, path string) bool {
	t, ok := s.at(kind, path)
	return ok && !strings.HasPrefix(t, "*")
}

func (s *Schema) at(kind, path string) (string, bool) {
	t := kind
	for field := range strings.SplitSeq(path, ".") {
		t = strings.TrimPrefix(t, "*")
		if inner, ok := strings.CutPrefix(t, "map[string]"); ok {
			t = inner
			continue
		}
		var ok bool
		if t, ok = s.types[t][field]; !ok {
			return "", false
		}
	}
	return t, true
}

// Nearest returns the field of a struct whose name is most like one that is
// none, or "".
func (s *Schema) Nearest(name, field string) string { return Nearest(field, s.Fields(name)) }

// Default returns the JSON that an empty object of kind has at a path of
// fields after its defaults were set: KubeletConfiguration,
// KubeProxyConfiguration and KubeSchedulerConfiguration have some.
func (s *Schema) Default(kind, path string) (string, bool) {
	d, ok := s.defaults[kind][path]
	return d, ok
}

// Defaults returns the paths that have a default, sorted.
func (s *Schema) Defaults(kind string) []string { return slices.Sorted(maps.Keys(s.defaults[kind])) }
