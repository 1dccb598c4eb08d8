package raw

import (
	"reflect"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// Texts are the files that s quotes, by their paths. Of several readings of
// one file the longest is taken.
func Texts(s *snapshot.Snapshot) map[string]snapshot.Text {
	found := map[string]snapshot.Text{}
	visit(reflect.ValueOf(s), func(t snapshot.Text) {
		if strings.HasPrefix(t.Path, "/") && len(t.Content) >= len(found[t.Path].Content) {
			found[t.Path] = t
		}
	})
	return found
}

// visit calls f with every Text below v.
func visit(v reflect.Value, f func(snapshot.Text)) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			visit(v.Elem(), f)
		}
	case reflect.Struct:
		if t, ok := v.Interface().(snapshot.Text); ok {
			f(t)
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				visit(v.Field(i), f)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			visit(v.Index(i), f)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			visit(it.Value(), f)
		}
	}
}
