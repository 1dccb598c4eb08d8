package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// A shape is a small message whose fields are read by number.
type shape []part

// Messages of at most three fields of any type; in lists the second is one.
var (
	anyThree   = &message{fields: []field{{1, "", "-", "any"}, {2, "", "-", "any"}, {3, "", "-", "any"}}}
	anyList    = &message{fields: []field{{1, "", "-", "any"}, {2, "", "r", "any"}, {3, "", "-", "any"}}}
	stringList = &message{fields: []field{{1, "", "r", "s"}}}
)

// special decodes the types that have a JSON form of their own.
func (d *decoder) special(typ string, b []byte, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDeep
	}
	m := anyThree
	if typ == "A" || typ == "P" {
		m = anyList
	}
	parts, err := split(m, b)
	if err != nil {
		return nil, err
	}
	s := shape(parts)
	switch typ {
	case "T":
		return instant(s, time.RFC3339), nil
	case "M":
		return instant(s, "2006-01-02T15:04:05.000000Z07:00"), nil
	case "D":
		return time.Duration(s[0].number).String(), nil
	case "O":
		if s[0].number == 1 {
			return string(s[2].data), nil
		}
		return int64(int32(s[1].number)), nil
	case "Q":
		if len(s[0].data) == 0 {
			return "0", nil
		}
		return string(s[0].data), nil
	case "R":
		return d.raw(s[0].data)
	case "L":
		return texts(b)
	}
	return d.schemaOr(typ, s, depth)
}

// instant is a metav1.Time; the zero time is null.
func instant(s shape, layout string) any {
	if s[0].number == 0 && s[1].number == 0 {
		return nil
	}
	return time.Unix(int64(s[0].number), int64(int32(s[1].number))).UTC().Format(layout)
}

// texts is a message whose field 1 is a list of texts.
func texts(b []byte) (any, error) {
	parts, err := split(stringList, b)
	if err != nil || len(parts[0].list) == 0 {
		return nil, err
	}
	var out []any
	for _, x := range parts[0].list {
		out = append(out, string(x))
	}
	return out, nil
}

// schemaOr decodes the unions of apiextensions: a schema or a truth value (B),
// a schema or schemas (A), a schema or texts (P).
func (d *decoder) schemaOr(typ string, s shape, depth int) (any, error) {
	const props = ".apiextensions/v1.JSONSchemaProps"
	one := s[0]
	switch {
	case typ == "B" && s[1].seen:
		one = s[1]
	case typ == "B":
		return s[0].number != 0, nil
	case len(s[1].list) > 0:
		var out []any
		for _, b := range s[1].list {
			if typ == "P" {
				out = append(out, string(b))
				continue
			}
			v, err := d.value(props, 0, b, depth)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	case !one.seen:
		return nil, nil
	}
	return d.value(props, 0, one.data, depth)
}

// raw decodes what is stored as JSON, or as another object, within an object.
func (d *decoder) raw(b []byte) (any, error) {
	if len(b) == 0 {
		return nil, nil
	}
	if bytes.HasPrefix(b, []byte(magic)) {
		return nil, errors.New("it holds an object in protobuf form")
	}
	return parseJSON(b)
}

// parseJSON reads one JSON value, objects as [Object].
func parseJSON(b []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("%w: %w", errBroken, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: more follows the JSON", errBroken)
	}
	return plain(v), nil
}

// plain turns maps into Objects, and numbers into int64 where they are whole,
// else into float64.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			v[k] = plain(x)
		}
		return Object(v)
	case []any:
		for i, x := range v {
			v[i] = plain(x)
		}
	case json.Number:
		if !strings.ContainsAny(v.String(), ".eE") {
			if n, err := v.Int64(); err == nil {
				return n
			}
		}
		if x, err := v.Float64(); err == nil {
			return x
		}
		return v.String()
	}
	return v
}

// isZero reports whether a decoded value holds nothing.
func isZero(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case Object:
		for _, x := range v {
			if !isZero(x) {
				return false
			}
		}
		return true
	case []any:
		return len(v) == 0
	}
	return v == "" || v == int64(0) || v == uint64(0) || v == 0.0 || v == false
}
