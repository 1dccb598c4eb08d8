package trust

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Overridden are the commands that a shell makes another thing than their
// program: by an alias, a function, an exported function, its table of hashed
// paths, or a builtin that is loaded or turned off. It reads section shell.
func Overridden(s *snapshot.Snapshot) []Doubt {
	if s.Shell == nil {
		return nil
	}
	var out []Doubt
	add := func(d Doubt) {
		if i := slices.IndexFunc(out, func(x Doubt) bool { return x.Subject == d.Subject }); i >= 0 {
			out[i].Facts, out[i].Entries = append(out[i].Facts, d.Facts...), append(out[i].Entries, d.Entries...)
			return
		}
		out = append(out, d)
	}
	for _, e := range s.Shell.Entries {
		if d, ok := overrides(s.Shell, e); ok && !e.Own {
			add(d)
		}
	}
	for _, p := range s.Shell.Running {
		for _, v := range p.Variables {
			if d, ok := exported(p, v); ok {
				add(d)
			}
		}
	}
	return out
}

// overrides reports whether a line of a startup file makes a command another
// thing, and what shows it.
func overrides(sh *snapshot.Shell, e snapshot.ShellEntry) (Doubt, bool) {
	name, what, why := e.Name, "", ""
	switch e.Kind {
	case "alias":
		what, why = fmt.Sprintf("alias %s=%s", e.Name, e.Value), aliased(sh, e)
	case "function":
		body, _ := strings.CutPrefix(e.Value, "{")
		what, why = fmt.Sprintf("%s() %s", e.Name, firstLine(e.Value)), plain(body, e.Name)
	case "option":
		name, why = builtin(e)
		what = e.Name + " " + e.Value
	}
	if !known(name) || why == "" {
		return Doubt{}, false
	}
	return Doubt{
		Subject: finding.Subject{Kind: "command", Name: name},
		Summary: fmt.Sprintf("%s:%d makes %s another thing than its program: %s", e.Source, e.Line, name, why),
		Facts: []finding.Fact{{Source: e.Source, Line: e.Line, Got: shown(what),
			Want: fmt.Sprintf("%s as it is%s", name, condition(e))}},
		Commands: []string{"type -a " + name, fmt.Sprintf("sed -n %d,%dp %s", max(1, e.Line-2), e.Line+8, e.Source)},
		Entries:  []snapshot.ShellEntry{e},
	}, true
}

func condition(e snapshot.ShellEntry) string {
	if e.Maybe {
		return " (the line is within a condition)"
	}
	return ""
}

// aliased says why an alias is not plain. One that names a function of the
// same files is what that function is.
func aliased(sh *snapshot.Shell, e snapshot.ShellEntry) string {
	first, _, _ := strings.Cut(strings.TrimSpace(e.Value), " ")
	if !strings.Contains(first, "/") && first != e.Name {
		for _, f := range sh.Entries {
			if f.Kind == "function" && f.Name == first {
				return plain(f.Value, e.Name)
			}
		}
	}
	why := plain(e.Value+` "$@"`, e.Name)
	if head, tail, ok := strings.Cut(e.Value, "|"); ok && why != "" {
		return plain(head+` "$@" |`+tail, e.Name) // what is typed goes to its end, and what is meant is this
	}
	return why
}

// builtin takes hash -p PATH NAME and enable: the command, and why it is not
// what it was.
func builtin(e snapshot.ShellEntry) (name, why string) {
	w := strings.Fields(e.Value)
	if len(w) < 2 {
		return "", ""
	}
	name = w[len(w)-1]
	switch {
	case e.Name == "hash" && w[0] == "-p" && len(w) == 3 && (path.Base(w[1]) != name || hidden(w[1])):
		return name, "the shell runs " + w[1] + " for it"
	case e.Name == "enable" && w[0] == "-f" && len(w) == 3:
		return name, "the shell loads it from " + w[1]
	}
	return "", ""
}

// exported takes a function in the environment of a shell that runs:
// BASH_FUNC_NAME%%=() { BODY }.
func exported(p snapshot.Environ, v string) (Doubt, bool) {
	full, body, _ := strings.Cut(v, "=")
	name, ok := strings.CutPrefix(full, "BASH_FUNC_")
	name = strings.TrimSuffix(strings.TrimSuffix(name, "%%"), "()")
	if !ok || !known(name) {
		return Doubt{}, false
	}
	_, body, _ = strings.Cut(body, "{")
	why := plain(body, name)
	if why == "" {
		return Doubt{}, false
	}
	return Doubt{
		Subject:  finding.Subject{Kind: "command", Name: name},
		Summary:  fmt.Sprintf("a function in the environment of %s (process %d) stands in the place of %s: %s", p.Name, p.PID, name, why),
		Facts:    []finding.Fact{{Source: fmt.Sprintf("/proc/%d/environ", p.PID), Got: shown(v), Want: "no function of this name"}},
		Commands: []string{"type -a " + name, "env -i bash --norc --noprofile"},
	}, true
}

// firstLine is the first line of a body that says something.
func firstLine(body string) string {
	for line := range strings.Lines(body) {
		if line = strings.TrimSpace(line); line != "" && line != "{" {
			return "{ " + strings.TrimPrefix(line, "{ ")
		}
	}
	return cmp.Or(strings.TrimSpace(body), "{}")
}

// shown cuts a quotation to what is read at a glance.
func shown(text string) string {
	const most = 160
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + " ..."
}
