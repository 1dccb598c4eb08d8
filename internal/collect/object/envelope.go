package object

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// errEncrypted means that only the API server can read the object.
var errEncrypted = errors.New("the object is encrypted")

// Open takes an object out of its envelope: "k8s", a zero byte, and a
// runtime.Unknown of k8s.io/apimachinery with the object's kind and bytes.
func Open(data []byte) (kind string, m Message, err error) {
	switch {
	case bytes.HasPrefix(data, []byte("k8s:enc:")):
		return "", nil, errEncrypted
	case !bytes.HasPrefix(data, []byte("k8s\x00")):
		return "", nil, errors.New("the object is not in protobuf form")
	}
	u := Message(data[4:])
	if !u.Valid() {
		return "", nil, errors.New("the object's envelope is damaged")
	}
	kind, m = u.Sub(1).String(2), u.Sub(2)
	if !m.Valid() {
		return kind, nil, fmt.Errorf("the %s is damaged", kind)
	}
	return kind, m, nil
}

// A Head is what every object says of itself.
type Head struct {
	Kind, Namespace, Name string
	Manager               string    // of the latest write that says when it was
	Written               time.Time // of that write
}

// ReadHead reads an object's head from the form in which it is stored. The
// object may be cut behind its metadata.
func ReadHead(data []byte) (Head, error) {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return headOfJSON(data)
	}
	if !bytes.HasPrefix(data, []byte("k8s\x00")) {
		_, _, err := Open(data)
		return Head{}, err
	}
	u := Message(data[4:])
	h := Head{Kind: u.Sub(1).String(2)}
	meta := start(u, 2).Sub(1)
	h.Namespace, h.Name = meta.String(3), meta.String(1)
	for _, f := range meta.All(17) {
		if at := f.Time(4); at.After(h.Written) {
			h.Manager, h.Written = f.String(1), at
		}
	}
	if h.Name == "" {
		return h, errors.New("the object has no name")
	}
	return h, nil
}

// headOfJSON reads a custom resource.
func headOfJSON(data []byte) (Head, error) {
	var x struct {
		Kind     string `json:"kind"`
		Metadata struct {
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
			Managed   []struct {
				Manager string    `json:"manager"`
				Time    time.Time `json:"time"`
			} `json:"managedFields"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(data, &x); err != nil {
		return Head{}, err
	}
	h := Head{Kind: x.Kind, Namespace: x.Metadata.Namespace, Name: x.Metadata.Name}
	for _, f := range x.Metadata.Managed {
		if f.Time.After(h.Written) {
			h.Manager, h.Written = f.Manager, f.Time.UTC()
		}
	}
	return h, nil
}

// start is field n, or as much of it as is there when the message was cut.
func start(m Message, n int) Message {
	b := []byte(m)
	for len(b) > 0 {
		tag, size := uvarint(b)
		if size <= 0 {
			return nil
		}
		b = b[size:]
		length, size := uvarint(b)
		if size <= 0 {
			return nil
		}
		b = b[size:]
		if tag&7 != 2 { // a number: what was read is its value
			continue
		}
		end := min(length, uint64(len(b)))
		if int(tag>>3) == n {
			return b[:end]
		}
		b = b[end:]
	}
	return nil
}

func uvarint(b []byte) (uint64, int) {
	var x uint64
	for i := 0; i < len(b) && i < 10; i++ {
		x |= uint64(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			return x, i + 1
		}
	}
	return 0, 0
}
