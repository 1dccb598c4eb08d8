package encryption

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// A cipher is how objects of a resource are encrypted in etcd.
type cipher struct {
	resource, provider, version, key string
	count                            int
}

func (c cipher) String() string {
	return fmt.Sprintf("%d %s are encrypted by the %s key %q", c.count, c.resource, c.provider, c.key)
}

// renamed are the resources whose folder in etcd has another name.
var renamed = map[string]string{"minions": "nodes", "services/specs": "services", "services/endpoints": "endpoints", "controllers": "replicationcontrollers", "ranges": "", "masterleases": ""}

// resource is the name of a resource by its folder in etcd; "" for what is
// none.
func resource(folder string) string {
	if name, ok := renamed[folder]; ok {
		return name
	}
	if group, name, ok := strings.Cut(folder, "/"); ok && strings.Contains(group, ".") {
		return name + "." + group
	}
	return folder
}

// held are the ways in which etcd's objects are encrypted.
func held(s *snapshot.Snapshot) []cipher {
	var out []cipher
	for _, x := range slices.Sorted(maps.Keys(s.Etcd.Store.Encrypted)) {
		folder, how, _ := strings.Cut(x, " ")
		parts := strings.SplitN(how, ":", 3)
		if name := resource(folder); len(parts) == 3 && name != "" {
			out = append(out, cipher{name, parts[0], parts[1], parts[2], s.Etcd.Store.Encrypted[x]})
		}
	}
	return out
}

// An entry is one of the resources of an EncryptionConfiguration.
type entry struct {
	names       []string
	line        int
	first, last int // lines of its first provider and of all of them
	identity    bool
	keys        []cipher // by provider, version and key
}

func (e entry) has(c cipher) bool {
	return slices.ContainsFunc(e.keys, func(k cipher) bool { return k.provider == c.provider && k.version == c.version && k.key == c.key })
}

// String tells its providers.
func (e entry) String() string {
	var out []string
	for _, k := range e.keys {
		out = append(out, fmt.Sprintf("%s key %q", k.provider, k.key))
	}
	if e.identity {
		out = append(out, "identity")
	}
	return cmp.Or(strings.Join(out, ", "), "nothing")
}

// parse reads the entries from the fields of the file.
func parse(fields []snapshot.Field) []entry {
	var out []entry
	versions := map[string]string{} // of kms providers, by their path
	for _, f := range fields {
		if before, ok := strings.CutSuffix(f.Path, ".kms.apiVersion"); ok {
			versions[before] = f.Value
		}
	}
	for _, f := range fields {
		var i, j int
		if n, _ := fmt.Sscanf(f.Path, "resources[%d]", &i); n != 1 || i > len(out) {
			continue
		}
		if i == len(out) {
			out = append(out, entry{line: f.Line})
		}
		e := &out[i]
		_, rest, _ := strings.Cut(f.Path, "].")
		if strings.HasPrefix(rest, "resources[") {
			e.names = append(e.names, f.Value)
		}
		if n, _ := fmt.Sscanf(rest, "providers[%d]", &j); n != 1 {
			continue
		}
		if e.first == 0 {
			e.first = f.Line
		}
		e.first, e.last = min(e.first, f.Line), max(e.last, f.Line)
		_, kind, _ := strings.Cut(rest, "].")
		provider, field, _ := strings.Cut(kind, ".")
		switch {
		case provider == "identity":
			e.identity = true
		case provider == "kms" && field == "name":
			e.keys = append(e.keys, cipher{provider: "kms", version: cmp.Or(versions[strings.TrimSuffix(f.Path, ".kms.name")], "v1"), key: f.Value})
		case strings.HasPrefix(field, "keys[") && strings.HasSuffix(field, "].name"):
			e.keys = append(e.keys, cipher{provider: provider, version: "v1", key: f.Value})
		}
	}
	return out
}

// serving are the entries by which a resource is read: the first that names it,
// else all that may mean it. Which group one of Kubernetes' own is of is not
// told by its folder.
func serving(entries []entry, name string) []entry {
	var may []entry
	for _, e := range entries {
		for _, x := range e.names {
			plain, group, grouped := strings.Cut(x, ".")
			switch {
			case x == name, grouped && plain == name && !strings.Contains(name, "."):
				return []entry{e}
			case plain == "*" && (group == "*" || !strings.Contains(name, ".") || strings.HasSuffix(name, "."+group)):
				may = append(may, e)
			}
		}
	}
	return may
}
