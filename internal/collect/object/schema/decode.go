package schema

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// Bounds of one object.
const (
	maxDepth = 100
	maxNodes = 2 << 20 // values of the decoded object
)

var (
	errDeep   = errors.New("the object is nested too deeply")
	errMany   = errors.New("the object has too many fields")
	errBroken = errors.New("the object is damaged")
)

// A decoder decodes one object.
type decoder struct {
	table *table
	nodes int
	lean  bool // leave out which manager set which field
}

// A part is what was found of one field.
type part struct {
	seen   bool
	number uint64
	data   []byte   // of a text or a message; the parts of a message are joined
	list   [][]byte // elements of a list or a map
	nums   []uint64
}

// message decodes b as m.
func (d *decoder) message(m *message, b []byte, depth int) (Object, error) {
	if depth > maxDepth {
		return nil, errDeep
	}
	parts, err := split(m, b)
	if err != nil {
		return nil, err
	}
	out := Object{}
	for i, f := range m.fields {
		if d.nodes++; d.nodes > maxNodes {
			return nil, errMany
		}
		v, show, err := d.field(f, parts[i], depth)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		if inner, ok := v.(Object); ok && f.is('i') {
			for k, x := range inner {
				out[k] = x
			}
			continue
		}
		if show && !f.is('i') {
			out[f.name] = v
		}
	}
	return out, nil
}

// split finds the fields of m in b. Those that m does not know are left out.
func split(m *message, b []byte) ([]part, error) {
	parts := make([]part, len(m.fields))
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return nil, errBroken
		}
		b = b[size:]
		var number uint64
		var data []byte
		switch kind {
		case protowire.VarintType:
			number, size = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			number, size = protowire.ConsumeFixed64(b)
		case protowire.Fixed32Type:
			var x uint32
			x, size = protowire.ConsumeFixed32(b)
			number = uint64(x)
		case protowire.BytesType:
			data, size = protowire.ConsumeBytes(b)
		default:
			size = protowire.ConsumeFieldValue(n, kind, b)
		}
		if size < 0 {
			return nil, errBroken
		}
		b = b[size:]
		if i := m.index(n); i >= 0 {
			parts[i].add(m.fields[i], kind, number, data)
		}
	}
	return parts, nil
}

// index is where field n is in the fields; -1 for one that is not known.
func (m *message) index(n protowire.Number) int {
	if m.by == nil { // a small one
		return slices.IndexFunc(m.fields, func(f field) bool { return f.number == n })
	}
	if i, known := m.by[n]; known {
		return i
	}
	return -1
}

// add takes one occurrence of a field.
func (p *part) add(f field, kind protowire.Type, number uint64, data []byte) {
	switch {
	case f.is('r') && isNumber(f.typ):
		if kind != protowire.BytesType {
			p.nums = append(p.nums, number)
			break
		}
		for len(data) > 0 { // packed
			x, size := protowire.ConsumeVarint(data)
			if size < 0 {
				break
			}
			p.nums, data = append(p.nums, x), data[size:]
		}
	case f.is('r') || f.is('m'):
		p.list = append(p.list, data)
	case p.seen && len(f.typ) > 1:
		p.data = append(p.data[:len(p.data):len(p.data)], data...) // a message in parts
	default:
		p.number, p.data = number, data
	}
	p.seen = true
}

func isNumber(typ string) bool { return len(typ) == 1 && typ[0] >= 'a' && typ != "s" && typ != "y" }

// field makes the value of a field and says whether it is shown.
func (d *decoder) field(f field, p part, depth int) (v any, show bool, err error) {
	switch {
	case d.lean && f.name == "fieldsV1":
		return nil, false, nil
	case f.is('r'):
		v, err = d.list(f, p, depth)
		return v, !f.is('o') || len(p.list)+len(p.nums) > 0, err
	case f.is('m'):
		v, err = d.dict(f, p, depth)
		return v, !f.is('o') || len(p.list) > 0, err
	case f.is('p') && !p.seen:
		return nil, !f.is('o'), nil
	}
	if v, err = d.value(f.typ, p.number, p.data, depth); err != nil {
		return nil, false, err
	}
	switch {
	case f.is('p'):
		return v, true, nil
	case f.is('z') && (v == nil || isZero(v)):
		return nil, false, nil
	case f.is('o') && strings.Contains("sbiudf", f.typ) && (v == "" || v == int64(0) || v == uint64(0) || v == 0.0 || v == false):
		return nil, false, nil
	case f.typ == "y" || f.typ == "L": // lists, in Go
		return v, v != nil || !f.is('o'), nil
	}
	return v, true, nil
}

func (d *decoder) list(f field, p part, depth int) (any, error) {
	if len(p.list)+len(p.nums) == 0 {
		return nil, nil
	}
	out := make([]any, 0, len(p.list)+len(p.nums))
	for _, n := range p.nums {
		v, err := d.value(f.typ, n, nil, depth)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	for _, b := range p.list {
		if d.nodes++; d.nodes > maxNodes {
			return nil, errMany
		}
		v, err := d.value(f.typ, 0, b, depth)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// dict decodes a map: messages of a key (1) and a value (2).
func (d *decoder) dict(f field, p part, depth int) (any, error) {
	if len(p.list) == 0 {
		return nil, nil
	}
	entry := &message{fields: []field{{1, "k", "-", "s"}, {2, "v", "-", f.typ}}}
	out := make(Object, len(p.list))
	for _, b := range p.list {
		if d.nodes++; d.nodes > maxNodes {
			return nil, errMany
		}
		kv, err := split(entry, b)
		if err != nil {
			return nil, err
		}
		v, err := d.value(f.typ, kv[1].number, kv[1].data, depth)
		if err != nil {
			return nil, err
		}
		if v == nil && f.typ == "y" {
			v = ""
		}
		out[string(kv[0].data)] = v
	}
	return out, nil
}

// value decodes one value of a type.
func (d *decoder) value(typ string, number uint64, b []byte, depth int) (any, error) {
	switch typ {
	case "s":
		return string(b), nil
	case "b":
		return number != 0, nil
	case "i":
		return int64(number), nil
	case "u":
		return number, nil
	case "d":
		return math.Float64frombits(number), nil
	case "f":
		return float64(math.Float32frombits(uint32(number))), nil
	case "y":
		if len(b) == 0 {
			return nil, nil
		}
		return base64.StdEncoding.EncodeToString(b), nil
	}
	if len(typ) == 1 {
		return d.special(typ, b, depth+1)
	}
	m := d.table.messages[typ]
	if m == nil {
		return nil, fmt.Errorf("%w: the schema has no %s", errBroken, typ)
	}
	return d.message(m, b, depth+1)
}
