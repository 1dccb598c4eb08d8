// Package schema decodes any built-in Kubernetes object, in the form in which
// it is stored in etcd, to what the API server would show of it.
//
// The schema is made by internal/gen/schema from the API's own sources. It
// takes a twentieth of the room that Kubernetes' types take in a program.
package schema

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/klustered/klustered/internal/order"
)

//go:embed schema.gz
var packed []byte

// A Kind is a kind of object that can be stored.
type Kind struct {
	Group, Version, Kind string
	Resource             string // the plural name, such as "pods"
	Namespaced           bool

	message *message
}

// APIVersion is the group and the version as objects name them.
func (k Kind) APIVersion() string {
	if k.Group == "" {
		return k.Version
	}
	return k.Group + "/" + k.Version
}

// A message is a protobuf message and how its fields are shown.
type message struct {
	fields []field
	by     map[protowire.Number]int // index in fields
}

// A field is one field of a message.
type field struct {
	number protowire.Number
	name   string // in JSON
	shape  string // letters: o omitempty, z omitzero, i inline, r repeated, m map, p pointer
	typ    string // a letter, or a dot and the message's name
}

func (f field) is(letter byte) bool { return strings.IndexByte(f.shape, letter) >= 0 }

// A table is the schema as it was read.
type table struct {
	messages map[string]*message // ".core/v1.Pod"
	kinds    map[[2]string]Kind  // by apiVersion and kind
	list     []Kind              // those with a resource
}

var builtin = sync.OnceValue(func() *table {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return &table{}
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return &table{}
	}
	t, err := parse(string(text))
	if err != nil {
		return &table{}
	}
	return t
})

// parse reads the lines that internal/gen/schema writes.
func parse(text string) (*table, error) {
	t := &table{messages: map[string]*message{}, kinds: map[[2]string]Kind{}}
	var id, group, version string
	var m *message
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		switch {
		case len(w) == 4 && w[0] == "g":
			id, group, version = w[1], strings.TrimPrefix(w[2], "-"), w[3]
		case len(w) >= 2 && w[0] == "m":
			m = &message{by: map[protowire.Number]int{}}
			t.messages["."+id+"."+w[1]] = m
			k := Kind{Group: group, Version: version, Kind: w[1], message: m}
			if len(w) == 4 {
				k.Resource, k.Namespaced = w[2], w[3] == "n"
				t.list = append(t.list, k)
			}
			t.kinds[[2]string{k.APIVersion(), k.Kind}] = k
		case len(w) == 5 && w[0] == "f" && m != nil:
			n, err := strconv.Atoi(w[1])
			if err != nil {
				return nil, fmt.Errorf("cannot read schema line %q: %w", line, err)
			}
			m.by[protowire.Number(n)] = len(m.fields)
			m.fields = append(m.fields, field{protowire.Number(n), w[2], w[3], w[4]})
		default:
			return nil, fmt.Errorf("cannot read schema line %q", line)
		}
	}
	order.By(t.list, func(a, b Kind) int { return compareVersions(a.Version, b.Version) })
	return t, nil
}

// compareVersions puts v1 before v1beta1 before v1alpha1, and v2 before v1.
func compareVersions(a, b string) int {
	rank := func(v string) string {
		switch {
		case strings.Contains(v, "alpha"):
			return "c"
		case strings.Contains(v, "beta"):
			return "b"
		}
		return "a"
	}
	if c := strings.Compare(rank(a), rank(b)); c != 0 {
		return c
	}
	return strings.Compare(b, a)
}

// Kinds are the kinds that the API lists, each in every version, the newest
// stable one of a kind first.
func Kinds() []Kind { return slices.Clone(builtin().list) }

// Lookup finds a kind by what objects say of themselves.
func Lookup(apiVersion, kind string) (Kind, bool) {
	k, ok := builtin().kinds[[2]string{apiVersion, kind}]
	return k, ok
}
