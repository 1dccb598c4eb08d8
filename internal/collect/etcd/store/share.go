package store

import (
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// Prefixes adds up the keys by what they are, those that take most first, at
// most n of them.
func (s *Store) Prefixes(n int) []snapshot.EtcdPrefix {
	by := map[string]*snapshot.EtcdPrefix{}
	for _, k := range s.Keys {
		p := Prefix(k.Name)
		x := by[p]
		if x == nil {
			x = &snapshot.EtcdPrefix{Prefix: p}
			by[p] = x
		}
		x.History += k.History
		if !k.Gone {
			x.Keys++
			x.Bytes += k.Size
			x.Versions += k.Version
		}
	}
	var out []snapshot.EtcdPrefix
	for _, x := range by {
		out = append(out, *x)
	}
	order.By(out, func(a, b snapshot.EtcdPrefix) int {
		if c := compare(max(b.Bytes, b.History), max(a.Bytes, a.History)); c != 0 {
			return c
		}
		return strings.Compare(a.Prefix, b.Prefix)
	})
	return out[:min(n, len(out))]
}

// Prefix is the part of a key that says what kind of thing it is:
// /registry/RESOURCE/ or /registry/GROUP/RESOURCE/, else the first element.
func Prefix(key string) string {
	parts := strings.SplitAfterN(strings.TrimPrefix(key, "/"), "/", 4)
	root := key[:len(key)-len(strings.TrimPrefix(key, "/"))]
	switch {
	case len(parts) == 1:
		return "(other)"
	case parts[0] != "registry/" || len(parts) == 2:
		return root + parts[0]
	case len(parts) == 4 && strings.Contains(parts[1], "."):
		return root + parts[0] + parts[1] + parts[2]
	}
	return root + parts[0] + parts[1]
}

// Busiest are the keys whose stored revisions take most, at most n: they fill
// the file, whereas a key with a high version may have been written for years.
func (s *Store) Busiest(n int) []*Key {
	var out []*Key
	for _, k := range s.Keys {
		if k.Version > 1 {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b *Key) int {
		if c := compare(b.History, a.History); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out[:min(n, len(out))]
}
