package schema

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// magic begins an object in protobuf form: runtime/serializer/protobuf of
// k8s.io/apimachinery.
const magic = "k8s\x00"

// encrypted begins a value that the API server encrypted.
const encrypted = "k8s:enc:"

// An EncryptedError says that only the API server can read a value.
type EncryptedError struct {
	// Provider is what the value says of how it was encrypted, such as
	// "aescbc:v1:key1": the provider, its version and the name of the key.
	Provider string
}

func (e *EncryptedError) Error() string {
	return fmt.Sprintf("the object is encrypted by the API server (%s%s)", encrypted, e.Provider)
}

// Encryption is how a value is encrypted, and whether it is.
func Encryption(value []byte) (provider string, ok bool) {
	rest, ok := bytes.CutPrefix(value, []byte(encrypted))
	if !ok {
		return "", false
	}
	n, start := 0, rest
	for range 3 {
		i := bytes.IndexByte(rest[:min(len(rest), 128)], ':')
		if i < 0 || !printable(rest[:i]) {
			break
		}
		n += i + 1
		rest = rest[i+1:]
	}
	return strings.TrimSuffix(string(start[:n]), ":"), true
}

func printable(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(b) > 0
}

// envelope opens a runtime.Unknown: type meta (1) and the object (2).
func envelope(value []byte) (apiVersion, kind string, raw []byte, err error) {
	if p, ok := Encryption(value); ok {
		return "", "", nil, &EncryptedError{p}
	}
	rest, ok := bytes.CutPrefix(value, []byte(magic))
	if !ok {
		return "", "", nil, errors.New("the value is no Kubernetes object")
	}
	u, err := split(anyThree, rest)
	if err != nil {
		return "", "", nil, err
	}
	meta, err := split(anyThree, u[0].data)
	if err != nil {
		return "", "", nil, err
	}
	return string(meta[0].data), string(meta[1].data), u[1].data, nil
}

// Decode decodes a value of etcd as the API server would show it. A custom
// resource, which is stored as JSON, is shown as it is.
func Decode(value []byte) (Object, error) {
	if len(value) > 0 && value[0] == '{' {
		v, err := parseJSON(value)
		if err != nil {
			return nil, err
		}
		o, ok := v.(Object)
		if !ok {
			return nil, errBroken
		}
		if v, _ := shown(o.Text("apiVersion"), o.Text("kind"), o); v != "" {
			o["apiVersion"] = v
		}
		return o, nil
	}
	apiVersion, kind, raw, err := envelope(value)
	if err != nil {
		return nil, err
	}
	return DecodeAs(apiVersion, kind, raw)
}

// DecodeAs decodes a bare protobuf message as an object of a kind.
func DecodeAs(apiVersion, kind string, raw []byte) (Object, error) {
	k, ok := Lookup(apiVersion, kind)
	if !ok {
		return nil, fmt.Errorf("cannot decode a %s of %s: it is in no schema of this klustered", kind, apiVersion)
	}
	d := &decoder{table: builtin()}
	o, err := d.message(k.message, raw, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot decode the %s: %w", kind, err)
	}
	apiVersion, o = shown(apiVersion, kind, o)
	o["apiVersion"], o["kind"] = apiVersion, kind
	return o, nil
}

// Part decodes a bare message that is a part of objects, such as
// "core/v1.PodSpec".
func Part(name string, raw []byte) (Object, error) {
	d := &decoder{table: builtin(), lean: true}
	m := d.table.messages["."+name]
	if m == nil {
		return nil, fmt.Errorf("cannot decode a %s: it is in no schema of this klustered", name)
	}
	return d.message(m, raw, 0)
}

// Lean decodes a bare message as DecodeAs does, without the lists of the
// fields that each manager set.
func Lean(apiVersion, kind string, raw []byte) (Object, error) {
	k, ok := Lookup(apiVersion, kind)
	if !ok {
		return nil, fmt.Errorf("cannot decode a %s of %s: it is in no schema of this klustered", kind, apiVersion)
	}
	d := &decoder{table: builtin(), lean: true}
	o, err := d.message(k.message, raw, 0)
	if err != nil {
		return nil, err
	}
	_, o = shown(apiVersion, kind, o)
	return o, nil
}

// Open takes an object out of the form in which it is stored: its kind and its
// bare message, or, where it is stored as JSON, the decoded object.
func Open(value []byte) (apiVersion, kind string, raw []byte, o Object, err error) {
	if len(value) > 0 && value[0] == '{' {
		o, err = Decode(value)
		return o.Text("apiVersion"), o.Text("kind"), nil, o, err
	}
	apiVersion, kind, raw, err = envelope(value)
	return apiVersion, kind, raw, nil, err
}
