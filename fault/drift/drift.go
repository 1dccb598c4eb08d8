// Package drift says of a node that differs from its baseline what differs,
// who may have changed it, and how it is as it was.
package drift

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/cri"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Facts quote a drift: what differs first, then where it came from and what is
// known of whoever changed it.
func Facts(s *snapshot.Snapshot, d snapshot.Drift) []finding.Fact {
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
	return append(out, Hands(s, d)...)
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

// Hands are what the node's records tell of who changed it: commands as root
// that name the file, its audit, and requests for the object.
func Hands(s *snapshot.Snapshot, d snapshot.Drift) []finding.Fact {
	if s.Trail == nil {
		return nil
	}
	var out []finding.Fact
	if d.Kind == "file" {
		for _, c := range s.Trail.Commands {
			if strings.Contains(c.Command, d.Name) || d.Is != nil && within(c.Time, d.Is.Modified) {
				out = append(out, finding.Fact{Source: c.Source, At: c.Time, Got: fmt.Sprintf("%s ran as %s: %s", c.User, cmp.Or(c.As, "root"), c.Command)})
			}
		}
		for _, a := range s.Trail.Kernel {
			if a.Fields["name"] == d.Name {
				out = append(out, finding.Fact{Source: "/var/log/audit/audit.log", At: a.Time, Got: fmt.Sprintf("%s by %s, login %s", a.Type, a.Fields["exe"], a.Fields["auid"])})
			}
		}
	}
	_, name, _ := strings.Cut(d.Name, "/")
	for _, c := range s.Trail.Changes {
		if d.Kind != "file" && c.Name == name && strings.Contains(strings.ToLower(d.Name), strings.TrimSuffix(path.Base(c.Resource), "s")) {
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

// Restore plans that a file is as the baseline has it, and that what reads it
// is started again. A file that was added is removed.
func Restore(s *snapshot.Snapshot, d snapshot.Drift) (op.Plan, error) {
	why := fmt.Sprintf("as in the baseline's commit %.10s", d.Since.Hash)
	switch {
	case d.Kind != "file":
		return nil, fmt.Errorf("cannot put back the %s %s from the baseline: of certificates and keys it has the fingerprint alone, and objects are put back by klustered baseline restore", d.Kind, d.Name)
	case d.State == snapshot.DriftAdded:
		return append(op.Plan{fault.Remove(*d.Is, "the baseline does not have it")}, reread(s, d.Name)...), nil
	case d.Was.Link == "" && !d.Was.Whole():
		return nil, fmt.Errorf("cannot put back %s: the baseline has it with its secrets kept out, or in part", d.Name)
	}
	w := op.WriteFile{Path: d.Name, Data: []byte(d.Was.Content), Link: d.Was.Link, Mode: fs.FileMode(d.Was.Mode), UID: int(d.Was.UID), GID: int(d.Was.GID), Why: why}
	if d.Was.Link != "" {
		w.Data = nil
	}
	if d.Is != nil {
		w.Pin = fault.Pin(*d.Is)
	}
	return append(op.Plan{w}, reread(s, d.Name)...), nil
}

// reread makes those start again that read the file once. The kubelet reads
// manifests by itself, and the runtime pod networks.
func reread(s *snapshot.Snapshot, name string) op.Plan {
	var plan op.Plan
	restart := func(unit string) {
		if o := (op.Unit{Verb: "restart", Name: unit}); !slices.Contains(plan, op.Op(o)) {
			plan = append(plan, o)
		}
	}
	if s.Systemd != nil {
		if isUnit(name) {
			plan = append(plan, op.ReloadUnits{})
		}
		for _, u := range s.Systemd.Units {
			if runs(u) && (slices.ContainsFunc(u.Files, func(f snapshot.UnitFile) bool { return f.Path == name }) || ofUnit(u.Name, name)) {
				restart(u.Name)
			}
		}
	}
	if s.Kubelet != nil && (s.Kubelet.ConfigPath == name || slices.ContainsFunc(s.Kubelet.Files, func(t snapshot.Text) bool { return t.Path == name })) {
		restart("kubelet.service")
	}
	if s.Runtime != nil {
		if _, ok := cri.File(s.Runtime, name); ok {
			if o, err := cri.Restart(s); err == nil {
				restart(o.Name)
			}
		}
	}
	return plan
}

func runs(u snapshot.Unit) bool {
	return strings.HasSuffix(u.Name, ".service") && (u.Active == "active" || u.Active == "activating")
}

// isUnit reports whether systemd reads the file.
func isUnit(name string) bool { return strings.Contains(name, "/systemd/system/") }

// ofUnit reports whether the file is, or was, the unit's or one of its drop-ins.
func ofUnit(unit, name string) bool {
	return isUnit(name) && (path.Base(name) == unit || path.Base(path.Dir(name)) == unit+".d")
}
