package trust

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/script"
	"github.com/klustered/klustered/snapshot"
)

// Hooked are the lines of startup files by which a session does more than what
// is typed, or cannot do what is: prompts and traps that change something,
// variables that send the operator's programs elsewhere, options and keys with
// which a shell or an editor cannot be worked in. It reads section shell, and
// kubeconfigs where it is there.
func Hooked(s *snapshot.Snapshot) []Doubt {
	if s.Shell == nil {
		return nil
	}
	var out []Doubt
	for _, e := range s.Shell.Entries {
		if e.Own || e.Maybe && e.Kind != "prompt" && e.Kind != "trap" {
			continue
		}
		if why, want := hooks(s, e); why != "" {
			out = append(out, Doubt{
				Subject:  finding.Subject{Kind: "line", Name: fmt.Sprintf("%s:%d", e.Source, e.Line)},
				Summary:  fmt.Sprintf("%s:%d %s", e.Source, e.Line, why),
				Facts:    []finding.Fact{{Source: e.Source, Line: e.Line, Got: shown(written(e)), Want: want}},
				Commands: []string{"bash --norc --noprofile", fmt.Sprintf("sed -n %d,%dp %s", max(1, e.Line-2), e.Line+8, e.Source)},
				Entries:  []snapshot.ShellEntry{e},
			})
		}
	}
	return out
}

// written is an entry as its file has it, about.
func written(e snapshot.ShellEntry) string {
	switch e.Kind {
	case "trap":
		return fmt.Sprintf("trap '%s' %s", e.Value, e.Name)
	case "binding", "editor":
		return e.Value
	case "option", "exec":
		return strings.TrimSpace(e.Name + " " + e.Value)
	}
	return e.Name + "=" + e.Value
}

// hooks says what an entry does to the session, and what should be there.
func hooks(s *snapshot.Snapshot, e snapshot.ShellEntry) (why, want string) {
	switch e.Kind {
	case "prompt":
		if what := changes(s.Shell, e.Value); what != "" {
			return "has each prompt " + what, "a prompt that only shows something"
		}
	case "trap":
		return trapped(s.Shell, e)
	case "variable":
		return variable(s, e)
	case "path":
		if why := lost(e.Value); why != "" {
			return why, "the usual folders, /usr/sbin:/usr/bin:/sbin:/bin"
		}
	case "option":
		return option(e)
	case "binding":
		if key, ok := bound(e.Value); ok {
			return fmt.Sprintf("makes the key %s something else", key), "keys that type themselves"
		}
	case "editor":
		if e.Name == "vim" {
			return vim(e.Value)
		}
	}
	return "", ""
}

// changes says what a text of a prompt or a trap changes, with the functions
// that it calls; or "".
func changes(sh *snapshot.Shell, text string) string {
	all := text
	for range 2 {
		var words []string
		for _, c := range script.Commands(all) {
			words = append(words, c.Words...)
		}
		for _, f := range sh.Entries {
			if f.Kind == "function" && !f.Own && slices.Contains(words, f.Name) && !strings.Contains(all, f.Value) && len(all) < 16<<10 {
				all += "\n" + f.Value
			}
		}
	}
	for _, d := range script.Deeds(all) {
		switch {
		case d.Kind == "file" && !matters(d.Object):
		case d.Kind == "object" && d.Verb == "config":
		default:
			return fmt.Sprintf("%s %s", d.Verb, d.Object)
		}
	}
	for _, c := range script.Commands(all) {
		name, args := c.Call()
		switch base := path.Base(name); {
		case base == "sleep" && len(args) > 0 && !strings.HasPrefix(args[0], "0"):
			return "sleep " + args[0]
		case (base == "exit" || base == "logout") && !c.Branch:
			return base
		}
	}
	return ""
}

// matters reports whether a file is the system's or the cluster's.
func matters(name string) bool {
	return slices.ContainsFunc([]string{"/etc/", "/usr/", "/opt/", "/var/lib/", "/run/", "/proc/", "/sys/", "/boot/", "/bin/", "/lib"}, func(dir string) bool {
		return strings.HasPrefix(name, dir)
	})
}

// trapped judges a trap: one on every command that ends it when its text
// speaks of a command, or any that changes something.
func trapped(sh *snapshot.Shell, e snapshot.ShellEntry) (why, want string) {
	if what := changes(sh, e.Value); what != "" {
		return fmt.Sprintf("has the shell %s at %s", what, e.Name), "no trap that changes something"
	}
	extended := slices.ContainsFunc(sh.Entries, func(x snapshot.ShellEntry) bool {
		return x.Kind == "option" && x.Name == "shopt" && strings.Contains(x.Value, "-s") && strings.Contains(x.Value, "extdebug")
	})
	if extended && strings.Contains(e.Name, "DEBUG") && slices.ContainsFunc(cluster, func(c string) bool { return strings.Contains(e.Value, c) }) {
		return "decides of every command whether it is run", "no trap on DEBUG together with extdebug"
	}
	return "", ""
}

// lost says that a search path lacks the folders of the system.
func lost(value string) string {
	if strings.Contains(value, "$") || value == "" {
		return ""
	}
	dirs := strings.Split(value, ":")
	if !slices.ContainsFunc(dirs, func(d string) bool {
		return d == "/usr/bin" || d == "/bin" || strings.HasSuffix(d, "/bin") && strings.HasPrefix(d, "/run/current-system")
	}) {
		return "leaves the system's commands out of the search path"
	}
	return ""
}

// breaking are options of set with which a shell at a prompt cannot be used.
var breaking = map[string]string{"-e": "ends the session at the first command that fails", "errexit": "ends the session at the first command that fails",
	"-n": "reads commands and runs none", "noexec": "reads commands and runs none", "-r": "restricts the shell", "restricted": "restricts the shell"}

func option(e snapshot.ShellEntry) (why, want string) {
	w := strings.Fields(e.Value)
	switch {
	case e.Name == "set" && len(w) == 1 && breaking[w[0]] != "":
		return breaking[w[0]], "no such option in a shell that is typed into"
	case e.Name == "set" && len(w) == 2 && w[0] == "-o" && breaking[w[1]] != "":
		return breaking[w[1]], "no such option in a shell that is typed into"
	case e.Name == "stty" && slices.ContainsFunc(w, func(x string) bool { return x == "-echo" || x == "-isig" || x == "-icrnl" || x == "raw" }):
		return "sets the terminal so that it cannot be typed into", "stty sane"
	}
	return "", ""
}

// key is a printable key by itself, or return.
var key = regexp.MustCompile(`^"([A-Za-z0-9 ./:-]|\\C-[mj])"\s*:\s*(.*)$`)

// bound reports whether a line of readline makes a key that types itself
// another thing.
func bound(line string) (string, bool) {
	line = strings.Trim(strings.TrimPrefix(strings.TrimSpace(line), "bind "), `'`)
	m := key.FindStringSubmatch(line)
	if m == nil || m[2] == "self-insert" || m[2] == "accept-line" || m[2] == "magic-space" {
		return "", false
	}
	return strconv.Quote(m[1]), true
}

// writes are what writes and ends in vim.
var writes = regexp.MustCompile(`^:?\s*c(?:nore)?(?:abb\w*|a|map)\s+(?:<\S+>\s+)*(w|wq|x|q|write|wq!|w!|q!|xit)\s+(\S+)`)

func vim(line string) (why, want string) {
	if m := writes.FindStringSubmatch(line); m != nil && m[1] != m[2] && !strings.HasPrefix(m[2], m[1]) {
		return fmt.Sprintf("has the editor do %q in the place of %q", m[2], m[1]), "commands of the editor as they are"
	}
	if at := strings.IndexByte(line, '!'); at >= 0 && strings.HasPrefix(strings.TrimLeft(line, ": "), "au") {
		for _, d := range script.Deeds(line[at+1:]) {
			return fmt.Sprintf("has the editor %s %s", d.Verb, d.Object), "no command that is run at an edit"
		}
	}
	return "", ""
}
