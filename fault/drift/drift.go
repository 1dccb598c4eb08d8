// Package drift says of a node that differs from its baseline what differs,
// who may have changed it, and how it is as it was.
package drift

import (
	"cmp"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// Facts quote a drift from a baseline of that time: what differs first, then
// where it came from and what is known of whoever changed it.
func Facts(s *snapshot.Snapshot, d snapshot.Drift, captured time.Time) []finding.Fact {
	var out []finding.Fact
	if d.Kind == "file" {
		out = append(out, differs(d))
		if d.Is != nil && !d.Is.Modified.IsZero() {
			out = append(out, finding.Fact{Source: d.Name, At: d.Is.Modified,
				Got: fmt.Sprintf("last written %s, owned by %d:%d", d.Is.Modified.UTC().Format(time.DateTime), d.Is.UID, d.Is.GID)})
		}
	} else {
		out = append(out, finding.Fact{Source: d.Name, Got: cmp.Or(d.New, "not there"), Want: cmp.Or(d.Old, "not there, as in the baseline")})
	}
	if d.By != "" {
		out = append(out, finding.Fact{Source: d.Name, Got: "last changed by " + d.By, At: d.At})
	}
	return append(out, Hands(s, d, captured)...)
}

// Origin says which commit of the baseline holds.
func Origin(c snapshot.Commit) string {
	return fmt.Sprintf("commit %.10s of %s by %s: %s", c.Hash, c.At.UTC().Format(time.DateTime), c.Author, c.Subject)
}

// differs quotes the first line in which a file differs.
func differs(d snapshot.Drift) finding.Fact {
	from := "in the baseline since " + Origin(d.Since)
	switch {
	case d.State == snapshot.DriftGone:
		return finding.Fact{Source: d.Name, Got: "not there", Want: "the file, " + from}
	case d.State == snapshot.DriftAdded:
		return finding.Fact{Source: d.Name, Got: "a file", Want: "none: the baseline, " + Origin(d.Since) + ", has none here"}
	case d.Was.Link != d.Is.Link:
		return finding.Fact{Source: d.Name, Got: "leads to " + cmp.Or(d.Is.Link, "itself"), Want: cmp.Or(d.Was.Link, "a file") + ", " + from}
	case d.Was.SHA256 == d.Is.SHA256:
		return finding.Fact{Source: d.Name, Got: attributes(d.Is), Want: attributes(d.Was) + ", " + from}
	}
	was, is := d.Was.Lines(), d.Is.Lines()
	n := 0
	for n < len(was) && n < len(is) && was[n] == is[n] {
		n++
	}
	f := finding.Fact{Source: d.Name, Line: n + 1, Got: line(is, n), Want: line(was, n) + ", " + from}
	if d.Is.Content == d.Was.Content {
		f.Line, f.Got, f.Want = 0, "another content, where secrets are kept out", d.Was.SHA256+", "+from
	}
	return f
}

func line(lines []string, n int) string {
	if n >= len(lines) {
		return "nothing more"
	}
	return cmp.Or(strings.TrimSpace(lines[n]), "an empty line")
}

func attributes(t *snapshot.Text) string {
	return fmt.Sprintf("mode %04o, owner %d:%d", t.Mode, t.UID, t.GID)
}

// near is how long before a file was written a command may have begun.
const near = 2 * time.Minute

// maxHands bounds what is told of who may have changed something.
const maxHands = 4

// Hands are what the node's records tell of who may have changed it since it was
// captured: commands as root that name the file, its audit, and requests for the
// object.
func Hands(s *snapshot.Snapshot, d snapshot.Drift, captured time.Time) []finding.Fact {
	if s.Trail == nil {
		return nil
	}
	var out []finding.Fact
	if d.Kind == "file" {
		for _, c := range s.Trail.Commands {
			early := !c.Time.After(captured) || d.Is != nil && c.Time.After(d.Is.Modified)
			if !early && strings.Contains(c.Command, d.Name) || d.Is != nil && within(c.Time, d.Is.Modified) {
				out = append(out, finding.Fact{Source: c.Source, At: c.Time, Got: fmt.Sprintf("%s ran as %s: %s", c.User, cmp.Or(c.As, "root"), c.Command)})
			}
		}
		for _, a := range s.Trail.Kernel {
			if a.Fields["name"] == d.Name && a.Time.After(captured) {
				out = append(out, finding.Fact{Source: "/var/log/audit/audit.log", At: a.Time, Got: fmt.Sprintf("%s by %s, login %s", a.Type, a.Fields["exe"], a.Fields["auid"])})
			}
		}
	}
	kind, name, _ := strings.Cut(d.Name, "/")
	for _, c := range s.Trail.Changes {
		if d.Kind != "file" && c.Name == name && c.Last.After(captured) && path.Base(object.Path(kind, "", "")) == path.Base(c.Resource) {
			out = append(out, finding.Fact{Source: c.Path, At: c.Last, Got: fmt.Sprintf("%s by %s from %s", c.Verb, c.User, strings.Join(c.From, ", "))})
		}
	}
	order.By(out, func(a, b finding.Fact) int { return b.At.Compare(a.At) })
	return out[:min(len(out), maxHands)]
}

// within reports whether something that began then may have written at.
func within(then, at time.Time) bool {
	return !then.IsZero() && !at.IsZero() && !then.After(at) && at.Sub(then) <= near
}
