package rtnl

import (
	"encoding/binary"
	"strings"
)

// An Attr is a netlink attribute without its flags for nesting and order.
type Attr struct {
	Type uint16
	Data []byte
}

// Attrs are the attributes of a message, in order.
type Attrs []Attr

// ParseAttrs reads the attributes in data after its first skip bytes, which
// are the fixed header of the message.
func ParseAttrs(data []byte, skip int) Attrs {
	var out Attrs
	for data = data[min(align(skip), len(data)):]; len(data) >= 4; {
		n := int(binary.NativeEndian.Uint16(data))
		if n < 4 || n > len(data) {
			break
		}
		kind := binary.NativeEndian.Uint16(data[2:]) & 0x3fff
		out = append(out, Attr{kind, data[4:n]})
		data = data[min(align(n), len(data)):]
	}
	return out
}

// Get returns the data of the first attribute of that type, or nil.
func (a Attrs) Get(kind uint16) []byte {
	for _, x := range a {
		if x.Type == kind {
			return x.Data
		}
	}
	return nil
}

// Nested returns the attributes within an attribute.
func (a Attrs) Nested(kind uint16) Attrs { return ParseAttrs(a.Get(kind), 0) }

// Text returns an attribute as a string up to its first zero byte.
func (a Attrs) Text(kind uint16) string { return CString(a.Get(kind)) }

// Uint32 returns an attribute in the machine's byte order, or 0.
func (a Attrs) Uint32(kind uint16) uint32 { return Uint32(a.Get(kind), 0) }

// BigUint32 returns an attribute in network byte order, or 0.
func (a Attrs) BigUint32(kind uint16) uint32 {
	if b := a.Get(kind); len(b) >= 4 {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// BigUint64 returns an attribute in network byte order, or 0.
func (a Attrs) BigUint64(kind uint16) uint64 {
	if b := a.Get(kind); len(b) >= 8 {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// Uint32 reads the number at an offset in the machine's byte order, or 0.
func Uint32(b []byte, at int) uint32 {
	if at < 0 || len(b) < at+4 {
		return 0
	}
	return binary.NativeEndian.Uint32(b[at:])
}

// Uint64 reads the number at an offset in the machine's byte order, or 0.
func Uint64(b []byte, at int) uint64 {
	if at < 0 || len(b) < at+8 {
		return 0
	}
	return binary.NativeEndian.Uint64(b[at:])
}

// CString is b up to its first zero byte.
func CString(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}

// Append adds an attribute to a message.
func Append(msg []byte, kind uint16, data []byte) []byte {
	msg = pad(msg)
	msg = binary.NativeEndian.AppendUint16(msg, uint16(4+len(data)))
	msg = binary.NativeEndian.AppendUint16(msg, kind)
	return pad(append(msg, data...))
}

// AppendText adds a string attribute with its final zero.
func AppendText(msg []byte, kind uint16, s string) []byte {
	return Append(msg, kind, append([]byte(s), 0))
}

// AppendUint32 adds a number in the machine's byte order.
func AppendUint32(msg []byte, kind uint16, v uint32) []byte {
	return Append(msg, kind, binary.NativeEndian.AppendUint32(nil, v))
}

// AppendBig32 adds a number in network byte order.
func AppendBig32(msg []byte, kind uint16, v uint32) []byte {
	return Append(msg, kind, binary.BigEndian.AppendUint32(nil, v))
}

// AppendNested adds an attribute that holds attributes.
func AppendNested(msg []byte, kind uint16, inner []byte) []byte {
	return Append(msg, kind|0x8000, inner)
}
