package observe

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

const maxParam = 300 // bytes of one parameter

// match puts a line to the tests that come after the first.
func (n *known) match(line string) (map[string]string, bool) {
	for _, l := range n.all {
		if !strings.Contains(line, l) {
			return nil, false
		}
	}
	for _, l := range n.none {
		if strings.Contains(line, l) {
			return nil, false
		}
	}
	var params map[string]string
	for _, p := range []*pattern{n.re, n.opt} {
		if p == nil {
			continue
		}
		m := p.get().FindStringSubmatch(line)
		if m != nil {
			params = groups(p.get(), m)
		} else if p == n.re {
			return nil, false
		}
	}
	if len(n.fields) > 0 {
		params = zapFields(line, n.fields, params)
	}
	return params, true
}

func groups(re *regexp.Regexp, m []string) map[string]string {
	params := map[string]string{}
	for i, name := range re.SubexpNames() {
		if name != "" && m[i] != "" {
			params[name] = param(m[i])
		}
	}
	return params
}

// zapFields adds the named members of a line that is a JSON object.
func zapFields(line string, names []string, params map[string]string) map[string]string {
	start := strings.IndexByte(line, '{')
	if start < 0 {
		return params
	}
	var members map[string]any
	if json.Unmarshal([]byte(line[start:]), &members) != nil {
		return params
	}
	if params == nil {
		params = map[string]string{}
	}
	for _, name := range names {
		switch v := members[name].(type) {
		case string:
			params[name] = param(v)
		case nil:
		default:
			if b, err := json.Marshal(v); err == nil {
				params[name] = param(string(b))
			}
		}
	}
	return params
}

// param makes a capture fit to print: quotes that were quoted again lose
// their backslashes, and credentials are taken out.
func param(s string) string {
	s = strings.TrimSpace(strings.ReplaceAll(s, `\`, ""))
	s = clip(s)
	return strings.ToValidUTF8(s[:min(len(s), maxParam)], "?")
}

// catalogue returns all known messages.
func catalogue() []known {
	return slices.Concat(kubelet(), clients(), cni(), containerd(), etcd(), apiserver(), system(), kernel(),
		starts(), members(), masters(), workers(), dns(), jobs(), machine())
}

// IDs returns the ids of all known messages, sorted.
func IDs() []string {
	var ids []string
	for _, n := range catalogue() {
		ids = append(ids, n.id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func sortObservations(list []snapshot.Observation) {
	order.By(list, func(a, b snapshot.Observation) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Source, b.Source), b.Last.Compare(a.Last))
	})
}
