package bundle

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aymanbagabas/go-udiff"

	"github.com/klustered/klustered/snapshot"
)

// A Change is one difference between two snapshots of a node.
type Change struct {
	Section snapshot.Section `json:"section"`
	Path    string           `json:"path"`           // within the section, such as mounts[/var/lib/etcd].options
	Old     string           `json:"old,omitempty"`  // JSON; "" when it was not there
	New     string           `json:"new,omitempty"`  // JSON; "" when it is gone
	Text    string           `json:"text,omitempty"` // unified diff, of a file's content
}

// Diff lists what differs between two snapshots. What changes by itself, such
// as counters (fields tagged diff:"-"), is left out unless all says otherwise.
// List elements are matched by what names them, not by their places.
func Diff(a, b *snapshot.Snapshot, all bool) []Change {
	var out []Change
	va, vb := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	for i := range va.NumField() {
		if va.Field(i).Kind() != reflect.Pointer {
			continue
		}
		d := differ{section: snapshot.Section(jsonName(va.Type().Field(i))), all: all}
		d.value("", va.Field(i), vb.Field(i))
		out = append(out, d.changes...)
	}
	return out
}

// A differ compares one section.
type differ struct {
	section snapshot.Section
	all     bool
	changes []Change
}

func (d *differ) add(path string, a, b reflect.Value) {
	d.changes = append(d.changes, Change{Section: d.section, Path: strings.TrimPrefix(path, "."), Old: literal(a), New: literal(b)})
}

// literal is v as JSON; "" when there is none.
func literal(v reflect.Value) string {
	if !v.IsValid() {
		return ""
	}
	data, err := json.Marshal(v.Interface())
	if err != nil {
		return fmt.Sprint(v.Interface())
	}
	return string(data)
}

func (d *differ) value(path string, a, b reflect.Value) {
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() || a.Elem().Type() != b.Elem().Type() {
			if !a.IsNil() || !b.IsNil() {
				d.add(path, there(a), there(b))
			}
			return
		}
		d.value(path, a.Elem(), b.Elem())
	case reflect.Struct:
		d.structure(path, a, b)
	case reflect.Slice, reflect.Array:
		d.list(path, a, b)
	case reflect.Map:
		d.entries(path, a, b)
	case reflect.String:
		if !d.alike(a.String(), b.String()) {
			d.add(path, a, b)
		}
	default:
		if !reflect.DeepEqual(a.Interface(), b.Interface()) {
			d.add(path, a, b)
		}
	}
}

// alike reports whether two texts are the same but for what changes by itself.
func (d *differ) alike(a, b string) bool {
	return a == b || !d.all && steady(a) == steady(b)
}

var (
	counted = regexp.MustCompile(`packets \d+ bytes \d+`)
	visitor = regexp.MustCompile(`\.klustered-[0-9a-f]+`)
)

// steady is a text without the counters of a netfilter rule, and without the
// private name under which klustered itself was on the node.
func steady(s string) string {
	return visitor.ReplaceAllString(counted.ReplaceAllString(s, "packets _ bytes _"), ".klustered")
}

// there is what a pointer points to, or nothing.
func there(v reflect.Value) reflect.Value {
	if v.IsNil() {
		return reflect.Value{}
	}
	return v.Elem()
}

func (d *differ) structure(path string, a, b reflect.Value) {
	switch x := a.Interface().(type) {
	case time.Time:
		if y, _ := b.Interface().(time.Time); !x.Equal(y) {
			d.add(path, a, b)
		}
		return
	case snapshot.Text:
		y, _ := b.Interface().(snapshot.Text)
		if x.SHA256 != y.SHA256 {
			text := udiff.Unified(x.Path, y.Path, x.Content, y.Content)
			d.changes = append(d.changes, Change{Section: d.section, Path: strings.TrimPrefix(path, "."), Old: `"` + x.SHA256 + `"`, New: `"` + y.SHA256 + `"`, Text: text})
		}
		x.Content, y.Content, x.SHA256, y.SHA256, x.Size, y.Size = "", "", "", "", 0, 0
		x.Modified, y.Modified, x.Changed, y.Changed = time.Time{}, time.Time{}, time.Time{}, time.Time{}
		a, b = reflect.ValueOf(x), reflect.ValueOf(y)
	}
	for i := range a.NumField() {
		f := a.Type().Field(i)
		if !f.IsExported() || f.Tag.Get("diff") == "-" && !d.all {
			continue
		}
		next := path + "." + jsonName(f)
		if f.Anonymous {
			next = path
		}
		d.value(next, a.Field(i), b.Field(i))
	}
}

func (d *differ) entries(path string, a, b reflect.Value) {
	keys := map[string]reflect.Value{}
	for _, m := range []reflect.Value{a, b} {
		for _, k := range m.MapKeys() {
			keys[fmt.Sprint(k.Interface())] = k
		}
	}
	for _, name := range sorted(keys) {
		x, y := a.MapIndex(keys[name]), b.MapIndex(keys[name])
		d.pair(path+"["+name+"]", x, y)
	}
}

// pair compares two values of which one may not be there.
func (d *differ) pair(path string, x, y reflect.Value) {
	if x.IsValid() && y.IsValid() {
		d.value(path, x, y)
		return
	}
	d.add(path, x, y)
}

func (d *differ) list(path string, a, b reflect.Value) {
	if a.Len() == 0 && b.Len() == 0 {
		return
	}
	x, y := elements(a), elements(b)
	for _, name := range sorted(x, y) {
		d.pair(path+"["+name+"]", x[name], y[name])
	}
}

// sorted are the names in any of the maps.
func sorted(maps ...map[string]reflect.Value) []string {
	var out []string
	for _, m := range maps {
		for name := range m {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// elements are a list's elements by their names; the second of a name is
// name#2.
func elements(list reflect.Value) map[string]reflect.Value {
	out := map[string]reflect.Value{}
	for i := range list.Len() {
		e := list.Index(i)
		name := steady(nameOf(e))
		unique := name
		for n := 2; out[unique].IsValid(); n++ {
			unique = fmt.Sprintf("%s#%d", name, n)
		}
		out[unique] = e
	}
	return out
}

// naming are the fields that name an element where none is tagged diff:"key":
// those of the first row of which the element has all.
var naming = [][]string{{"Path"}, {"Namespace", "Name"}, {"Source", "Line"}, {"ID"}, {"Name"}, {"Target"}, {"Device", "Kind"}, {"Device"}, {"Kind", "To"}, {"Type"}, {"Key"}, {"Prefix"}, {"Source"}}

// nameOf names an element of a list by what identifies it.
func nameOf(e reflect.Value) string {
	for e.Kind() == reflect.Pointer && !e.IsNil() {
		e = e.Elem()
	}
	if e.Kind() != reflect.Struct {
		return strings.Trim(literal(e), `"`)
	}
	parts := nameParts(e)
	if len(parts) == 0 {
		return literal(e)
	}
	return strings.Trim(strings.Join(parts, " "), " ")
}

// nameParts are the values of the fields that name an element; none where nothing
// does.
func nameParts(e reflect.Value) []string {
	var parts []string
	for i := range e.NumField() {
		if e.Type().Field(i).Tag.Get("diff") == "key" {
			parts = append(parts, word(e.Field(i)))
		}
	}
	for i := 0; len(parts) == 0 && i < len(naming); i++ {
		parts = fieldsOf(e, naming[i])
	}
	return parts
}

func word(v reflect.Value) string {
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.String {
		return strings.Join(v.Interface().([]string), " ")
	}
	return strings.Trim(literal(v), `"`)
}

func fieldsOf(e reflect.Value, names []string) []string {
	var out []string
	for _, n := range names {
		f := e.FieldByName(n)
		if !f.IsValid() {
			return nil
		}
		out = append(out, word(f))
	}
	return out
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" {
		return f.Name
	}
	return name
}
