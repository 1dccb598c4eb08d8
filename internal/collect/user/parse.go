package user

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

const (
	// maxUsers bounds the entries of one file.
	maxUsers = 1000
	// maxRaw bounds a quoted line, in bytes.
	maxRaw = 256
)

// An entry is a line of a file with fields between colons.
type entry struct {
	line   int
	fields []string
}

// parseEntries splits the lines of such a file; empty ones are left out.
func parseEntries(data []byte) []entry {
	var out []entry
	n := 0
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		n++
		if line = strings.TrimSpace(line); line != "" && len(out) < maxUsers {
			out = append(out, entry{n, strings.Split(line, ":")})
		}
	}
	return out
}

// raw is the entry as it stands, with the field of the password replaced.
func (x entry) raw() string {
	f := slices.Clone(x.fields)
	if len(f) > 1 && f[1] != "" && f[1] != "x" {
		f[1] = "(" + status(f[1]) + ")"
	}
	for i := range f { // a hash where none belongs
		if strings.Contains(f[i], "$") {
			f[i] = "(secret)"
		}
	}
	s := strings.Join(f, ":")
	return strings.ToValidUTF8(s[:min(len(s), maxRaw)], "")
}

// status tells what a password's field lets in. A hash never leaves it.
func status(field string) string {
	rest := strings.TrimLeft(field, "!")
	switch {
	case field == "":
		return "empty"
	case rest == "" || rest == "*" || len(rest) < 8:
		return "disabled"
	case rest != field || strings.HasPrefix(field, "*"):
		return "locked"
	}
	return "set"
}

// parsePasswd reads /etc/passwd, described in passwd(5).
func parsePasswd(data []byte) (users []snapshot.User, odd []snapshot.UserLine) {
	const file = "/etc/passwd"
	names, ids := map[string]bool{}, map[uint32]string{}
	for _, x := range parseEntries(data) {
		note := func(reason string) {
			odd = append(odd, snapshot.UserLine{File: file, Line: x.line, Raw: x.raw(), Reason: reason})
		}
		if why := noAccount(x, 7); why != "" {
			note(why)
			continue
		}
		uid, err1 := strconv.ParseUint(x.fields[2], 10, 32)
		gid, err2 := strconv.ParseUint(x.fields[3], 10, 32)
		if err1 != nil || err2 != nil {
			note("its numbers cannot be read")
			continue
		}
		u := snapshot.User{Name: x.fields[0], UID: uint32(uid), GID: uint32(gid), Home: x.fields[5], Shell: x.fields[6], Line: x.line}
		if x.fields[1] != "x" {
			u.Plain = status(x.fields[1])
		}
		if names[u.Name] {
			note("a name that an earlier line has")
		}
		if first, ok := ids[u.UID]; ok {
			note("the number of " + first)
		} else {
			ids[u.UID] = u.Name
		}
		names[u.Name] = true
		users = append(users, u)
	}
	return users, odd
}

// noAccount says why a line is none, or "".
func noAccount(x entry, fields int) string {
	switch {
	case strings.HasPrefix(x.fields[0], "#"):
		return "a comment, which the file has none of"
	case strings.HasPrefix(x.fields[0], "+") || strings.HasPrefix(x.fields[0], "-"):
		return "takes in accounts of a server (compat)"
	case len(x.fields) != fields:
		return "has not " + strconv.Itoa(fields) + " fields"
	}
	return ""
}

// parseGroup reads /etc/group, described in group(5).
func parseGroup(data []byte) (groups []snapshot.UserGroup, odd []snapshot.UserLine) {
	for _, x := range parseEntries(data) {
		why := noAccount(x, 4)
		if why == "" {
			if gid, err := strconv.ParseUint(x.fields[2], 10, 32); err == nil {
				g := snapshot.UserGroup{Name: x.fields[0], GID: uint32(gid), Line: x.line}
				for m := range strings.SplitSeq(x.fields[3], ",") {
					if m != "" {
						g.Members = append(g.Members, m)
					}
				}
				groups = append(groups, g)
				continue
			}
			why = "its number cannot be read"
		}
		odd = append(odd, snapshot.UserLine{File: "/etc/group", Line: x.line, Raw: x.raw(), Reason: why})
	}
	return groups, odd
}

// parseShadow reads /etc/shadow, described in shadow(5); the first line of a
// name counts.
func parseShadow(data []byte) map[string]snapshot.Shadow {
	out := map[string]snapshot.Shadow{}
	for _, x := range parseEntries(data) {
		if _, ok := out[x.fields[0]]; ok || len(x.fields) < 3 {
			continue
		}
		s := snapshot.Shadow{Status: status(x.fields[1]), Line: x.line}
		s.Changed, _ = strconv.Atoi(x.fields[2])
		if len(x.fields) > 7 {
			s.Expires, _ = strconv.Atoi(x.fields[7])
		}
		out[x.fields[0]] = s
	}
	return out
}

// parseShells reads /etc/shells.
func parseShells(data []byte) []string {
	var out []string
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "/") && len(out) < maxUsers {
			out = append(out, line)
		}
	}
	return out
}

// parseSubs reads /etc/subuid or /etc/subgid.
func parseSubs(data []byte, file string) []snapshot.SubID {
	var out []snapshot.SubID
	for _, x := range parseEntries(data) {
		if len(x.fields) != 3 {
			continue
		}
		first, err1 := strconv.ParseUint(x.fields[1], 10, 64)
		count, err2 := strconv.ParseUint(x.fields[2], 10, 64)
		if err1 == nil && err2 == nil {
			out = append(out, snapshot.SubID{File: file, Line: x.line, User: x.fields[0], First: first, Count: count})
		}
	}
	return out
}

// compare tells how the entries of a file differ from those of its copy.
func compare(file string, was, is []byte) []snapshot.UserChange {
	old, now := map[string]entry{}, map[string]entry{}
	for _, x := range parseEntries(was) {
		old[x.fields[0]] = x
	}
	var out []snapshot.UserChange
	for _, x := range parseEntries(is) {
		name := x.fields[0]
		now[name] = x
		before, ok := old[name]
		switch {
		case !ok:
			out = append(out, snapshot.UserChange{File: file, Line: x.line, Name: name, What: "added", Is: x.raw()})
		case !slices.Equal(before.fields, x.fields):
			out = append(out, snapshot.UserChange{File: file, Line: x.line, Name: name, What: "changed", Was: before.raw(), Is: x.raw()})
		}
	}
	for name, x := range old {
		if _, ok := now[name]; !ok {
			out = append(out, snapshot.UserChange{File: file, Name: name, What: "removed", Was: x.raw()})
		}
	}
	order.By(out, func(a, b snapshot.UserChange) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Name, b.Name))
	})
	return out[:min(len(out), 200)]
}
