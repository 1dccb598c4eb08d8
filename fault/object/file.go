package object

import (
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// FromFile finds a webhook, policy or binding of that name in the files that
// the API server of this node takes admission from, and the line of its name.
// Of these the API shows nothing.
func FromFile(s *snapshot.Snapshot, name string) (file snapshot.Text, line int, ok bool) {
	if s.Static == nil || name == "" {
		return file, 0, false
	}
	for _, t := range s.Static.Admission {
		for i, l := range t.Lines() {
			key, value, is := strings.Cut(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(l), "- ")), ":")
			if is && strings.Trim(key, `"{ `) == "name" && strings.Trim(strings.TrimSpace(value), `"',} `) == name {
				return t, i + 1, true
			}
		}
	}
	return file, 0, false
}
