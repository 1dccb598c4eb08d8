package schema

// An Object is a decoded object or a part of one. Its values are string,
// bool, int64, uint64, float64, nil, []any and Object. Its methods follow a
// path of names; where nothing fits they return the zero value.
type Object map[string]any

// Value is what lies at the path.
func (o Object) Value(path ...string) any {
	var v any = o
	for _, name := range path {
		m, ok := v.(Object)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

// Has reports whether something other than null lies at the path.
func (o Object) Has(path ...string) bool { return o.Value(path...) != nil }

// Text is a text.
func (o Object) Text(path ...string) string {
	s, _ := o.Value(path...).(string)
	return s
}

// Int is a whole number.
func (o Object) Int(path ...string) int64 {
	switch n := o.Value(path...).(type) {
	case int64:
		return n
	case uint64:
		return int64(n)
	case float64:
		return int64(n)
	}
	return 0
}

// Bool is a truth value.
func (o Object) Bool(path ...string) bool {
	b, _ := o.Value(path...).(bool)
	return b
}

// Sub is an object within the object.
func (o Object) Sub(path ...string) Object {
	m, _ := o.Value(path...).(Object)
	return m
}

// List are the objects of a list.
func (o Object) List(path ...string) []Object {
	list, _ := o.Value(path...).([]any)
	var out []Object
	for _, x := range list {
		if m, ok := x.(Object); ok {
			out = append(out, m)
		}
	}
	return out
}

// Texts are the texts of a list.
func (o Object) Texts(path ...string) []string {
	list, _ := o.Value(path...).([]any)
	var out []string
	for _, x := range list {
		if s, ok := x.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// Map is a map of texts.
func (o Object) Map(path ...string) map[string]string {
	m := o.Sub(path...)
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		if s, ok := v.(string); ok {
			out[k] = s
		}
	}
	return out
}
