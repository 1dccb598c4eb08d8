// Package object decodes Kubernetes objects from the protobuf form in which
// the API server sends and stores them.
//
// Only the fields that a snapshot keeps are read, by the numbers of the
// generated.proto files in k8s.io/api. Kubernetes' own types would do the same
// for six more megabytes of program.
package object

import (
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// A Message is a protobuf message. Its methods read one field by number; of a
// field that is missing or malformed they return the zero value.
type Message []byte

// scan calls fn for each field n until fn returns false. It reports whether
// the message was well formed as far as it went.
func (m Message) scan(n protowire.Number, fn func(number uint64, data []byte) bool) bool {
	b := []byte(m)
	for len(b) > 0 {
		x, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return false
		}
		b = b[size:]
		var number uint64
		var data []byte
		switch kind {
		case protowire.VarintType:
			number, size = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			data, size = protowire.ConsumeBytes(b)
		default:
			size = protowire.ConsumeFieldValue(x, kind, b)
		}
		if size < 0 {
			return false
		}
		if x == n && !fn(number, data) {
			return true
		}
		b = b[size:]
	}
	return true
}

// Valid reports whether the fields of the message follow one another to its end.
func (m Message) Valid() bool {
	return m.scan(-1, func(uint64, []byte) bool { return true })
}

// Int is a number.
func (m Message) Int(n protowire.Number) int64 {
	var out int64
	m.scan(n, func(x uint64, _ []byte) bool { out = int64(x); return true })
	return out
}

// Bool is a truth value.
func (m Message) Bool(n protowire.Number) bool { return m.Int(n) != 0 }

// Has reports whether the field is there.
func (m Message) Has(n protowire.Number) bool {
	found := false
	m.scan(n, func(uint64, []byte) bool { found = true; return false })
	return found
}

// Sub is a message within the message.
func (m Message) Sub(n protowire.Number) Message {
	var out []byte
	m.scan(n, func(_ uint64, b []byte) bool { out = b; return true })
	return out
}

// String is a text.
func (m Message) String(n protowire.Number) string { return string(m.Sub(n)) }

// All are the elements of a list of messages.
func (m Message) All(n protowire.Number) []Message {
	var out []Message
	m.scan(n, func(_ uint64, b []byte) bool { out = append(out, b); return true })
	return out
}

// Strings are the elements of a list of texts.
func (m Message) Strings(n protowire.Number) []string {
	var out []string
	m.scan(n, func(_ uint64, b []byte) bool { out = append(out, string(b)); return true })
	return out
}

// Map is a map of texts.
func (m Message) Map(n protowire.Number) map[string]string {
	var out map[string]string
	for _, e := range m.All(n) {
		if out == nil {
			out = map[string]string{}
		}
		out[e.String(1)] = e.String(2)
	}
	return out
}

// Time is a time in UTC.
func (m Message) Time(n protowire.Number) time.Time {
	t := m.Sub(n)
	if sec := t.Int(1); sec != 0 {
		return time.Unix(sec, t.Int(2)).UTC()
	}
	return time.Time{}
}
