package encryption

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// since is how old the API server's word may be: lists that fail are tried
// again all the time.
const since = 15 * time.Minute

// other are resources that name a key which the file has, and that do not open
// by it: its bytes are others. Only the API server can tell, since keys are in
// no snapshot. Where no name fits at all, it says so in other words.
func other(s *snapshot.Snapshot, n snapshot.NamedFile, entries []entry) []misfit {
	if s.Logs == nil {
		return nil
	}
	var out []misfit
	for _, o := range s.Logs.Seen("apiserver-decrypt-failed", s.At, since) {
		said := o.Params["error"]
		folder, _, _ := strings.Cut(strings.TrimPrefix(o.Params["key"], "/registry/"), "/")
		if said == "" || strings.Contains(said, "no matching prefix") || folder == "" {
			continue
		}
		for _, c := range held(s) {
			of := serving(entries, c.resource)
			i := slices.IndexFunc(of, func(e entry) bool { return e.has(c) })
			if i < 0 || c.resource != resource(folder) || slices.ContainsFunc(out, func(m misfit) bool { return m.resource == c.resource }) {
				continue
			}
			out = append(out, misfit{resource: c.resource, file: n.Host, held: fmt.Sprintf("%s; %s: %s", c, o.Params["key"], said),
				why:  fmt.Sprintf("%s, and the key of that name in %s does not open them: its bytes are others", c, n.Host),
				fact: finding.Fact{Source: n.Host, Line: of[i].line, Got: "for " + c.resource + " " + of[i].String(), Want: "the bytes by which they were encrypted", At: o.Last}})
		}
	}
	return out
}
