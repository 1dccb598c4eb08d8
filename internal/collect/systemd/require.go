package systemd

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/snapshot"
)

// searched is where systemd looks for a program that is named without a
// folder: DEFAULT_PATH of src/basic/path-util.h.
var searched = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// unmet are the things that the unit's files want and that are not there:
// programs that cannot be run, folders, users, files, conditions. Of a unit
// with a root of its own nothing is said.
func (t *tree) unmet(u snapshot.Unit) []snapshot.Requirement {
	for _, key := range []string{"RootDirectory", "RootImage"} {
		if s, ok := u.Last("Service", key); ok && s.Value != "" && s.Value != "/" {
			return nil
		}
	}
	var out []snapshot.Requirement
	for _, s := range u.Settings {
		if s.Replaced || len(out) >= 32 {
			continue
		}
		for _, r := range wants(s) {
			if r.Error = t.lacks(u, r); r.Error != "" {
				r.Key, r.Source, r.Line = s.Key, s.Source, s.Line
				out = append(out, r)
			}
		}
	}
	return out
}

// wants are the things that a setting names, with the kind of the thing in
// Key. What holds a specifier or a variable is not known before the start.
func wants(s snapshot.Setting) []snapshot.Requirement {
	var out []snapshot.Requirement
	add := func(kind, value string, optional bool) {
		if value != "" && !strings.ContainsAny(value, "%$") {
			out = append(out, snapshot.Requirement{Key: kind, Value: value, Optional: optional})
		}
	}
	switch s.Key {
	case "ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost":
		name, optional := program(s.Value)
		add("program", name, optional)
	case "WorkingDirectory":
		name, optional := strings.CutPrefix(s.Value, "-")
		if name != "~" {
			add("folder", name, optional)
		}
	case "User", "Group":
		add(strings.ToLower(s.Key), s.Value, false)
	case "EnvironmentFile":
		name, optional := strings.CutPrefix(s.Value, "-")
		add("file", strings.Trim(name, `"`), optional)
	case "ReadWritePaths", "ReadOnlyPaths", "InaccessiblePaths", "BindPaths", "BindReadOnlyPaths", "ExecPaths", "NoExecPaths":
		for w := range strings.FieldsSeq(s.Value) {
			name, optional := strings.CutPrefix(w, "-")
			name, _, _ = strings.Cut(strings.TrimPrefix(name, "+"), ":")
			add("path", name, optional)
		}
	default:
		kind, ok := strings.CutPrefix(s.Key, "Condition")
		if !ok {
			kind, ok = strings.CutPrefix(s.Key, "Assert")
		}
		// "|" is for one of several.
		if ok && s.Section == "Unit" && !strings.HasPrefix(s.Value, "|") && strings.Contains("PathExists PathIsDirectory FileNotEmpty FileIsExecutable", kind) {
			add(kind, s.Value, false)
		}
	}
	return out
}

// program is the file that a line of Exec names, and whether its failure is of
// no account: systemd.service(5), "Command lines".
func program(line string) (name string, optional bool) {
	for len(line) > 0 && strings.IndexByte("@-:+!|", line[0]) >= 0 {
		optional = optional || line[0] == '-'
		line = line[1:]
	}
	if line == "" {
		return "", optional
	}
	if q := line[0]; q == '"' || q == '\'' {
		name, _, _ = strings.Cut(line[1:], string(q))
		return name, optional
	}
	name, _, _ = strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	return name, optional
}

// lacks says what is wrong with what r names, or "".
func (t *tree) lacks(u snapshot.Unit, r snapshot.Requirement) string {
	switch r.Key {
	case "program":
		return t.unrunnable(r.Value)
	case "folder":
		i, err := t.env.Stat(r.Value)
		return first(missing(err), unless(err != nil || i.IsDir(), "it is no folder"))
	case "path":
		_, err := t.env.Stat(r.Value)
		return missing(err)
	case "file":
		return unless(len(t.env.Glob(r.Value)) > 0, "there is no such file")
	case "user":
		return t.stranger(u, r.Value, "/etc/passwd")
	case "group":
		return t.stranger(u, r.Value, "/etc/group")
	}
	name, not := strings.CutPrefix(r.Value, "!")
	return t.fails(r.Key, name, not)
}

// fails says why a condition on a path does not hold.
func (t *tree) fails(kind, name string, not bool) string {
	i, err := t.env.Stat(name)
	if err != nil && missing(err) == "" {
		return ""
	}
	is := err == nil
	switch kind {
	case "PathIsDirectory":
		is = is && i.IsDir()
	case "FileNotEmpty":
		is = is && i.IsRegular() && i.Size > 0
	case "FileIsExecutable":
		is = is && i.IsRegular() && i.Mode&0o111 != 0
	}
	switch {
	case is == !not:
		return ""
	case not:
		return "it is so, and must not be"
	}
	return first(missing(err), "it is not so")
}

// unrunnable says why a program cannot be run.
func (t *tree) unrunnable(name string) string {
	if !strings.HasPrefix(name, "/") {
		for _, dir := range searched {
			if t.env.Exists(path.Join(dir, name)) {
				return t.unrunnable(path.Join(dir, name))
			}
		}
		return "no folder of programs has it"
	}
	i, err := t.env.Stat(name)
	switch {
	case err != nil:
		return missing(err)
	case i.IsDir():
		return "it is a folder"
	case i.Mode&0o111 == 0:
		return "it has no run bit"
	case i.Size == 0:
		return "it is empty"
	}
	head := t.head(name)
	if head == nil || bytes.HasPrefix(head, []byte("\x7fELF")) {
		return ""
	}
	interpreter := interpreterOf(head)
	if interpreter == "" {
		return "it is neither a program nor a script with an interpreter"
	}
	if j, err := t.env.Stat(interpreter); missing(err) != "" {
		return "its interpreter " + interpreter + " is not there"
	} else if err == nil && (j.IsDir() || j.Mode&0o111 == 0) {
		return "its interpreter " + interpreter + " cannot be run"
	}
	return ""
}

// head is the first bytes of a file, nil when it cannot be read.
func (t *tree) head(name string) []byte {
	f, err := t.env.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 256)) // as much as the kernel looks at
	if err != nil {
		return nil
	}
	return data
}

// interpreterOf is the program of a script's first line, or "".
func interpreterOf(head []byte) string {
	line, ok := bytes.CutPrefix(head, []byte("#!"))
	if !ok {
		return ""
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	if w := bytes.Fields(line); len(w) > 0 {
		return string(w[0])
	}
	return ""
}

// stranger says that a name is not among those of file. Where others than
// files are asked for names, or numbers are given, nobody is.
func (t *tree) stranger(u snapshot.Unit, name, file string) string {
	if s, ok := u.Last("Service", "DynamicUser"); ok && s.Value != "no" || strings.Trim(name, "0123456789") == "" || t.asksOthers() {
		return ""
	}
	data, err := t.env.ReadFile(file)
	if err != nil || strings.Contains("\n"+string(data), "\n"+name+":") {
		return ""
	}
	return file + " does not have it"
}

// asksOthers reports whether names come from more than files.
func (t *tree) asksOthers() bool {
	data, err := t.env.ReadFile("/etc/nsswitch.conf")
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	for line := range strings.Lines(string(data)) {
		kind, sources, _ := strings.Cut(line, ":")
		if kind = strings.TrimSpace(kind); kind != "passwd" && kind != "group" {
			continue
		}
		for x := range strings.FieldsSeq(sources) {
			if x != "files" && x != "compat" && x != "systemd" && !strings.HasPrefix(x, "[") {
				return true
			}
		}
	}
	return false
}

// missing is what is said of a file that is not there. What cannot be looked
// at may be.
func missing(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "there is no such file"
	}
	return ""
}

func unless(ok bool, text string) string {
	if ok {
		return ""
	}
	return text
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// maxUnitText is how much of a unit file is kept, in bytes.
const maxUnitText = 32 << 10

// texts are those of the unit's files that are not as a package made them,
// secrets replaced.
func (t *tree) texts(files []snapshot.UnitFile) []snapshot.Text {
	var out []snapshot.Text
	for _, f := range files {
		if f.Package != "" && f.Sum == "same" || f.Link != "" || len(out) >= 32 {
			continue
		}
		if x, err := t.env.Text(f.Path, maxUnitText); err == nil {
			x.Content = secret.Scrub(x.Content)
			out = append(out, x)
		}
	}
	return out
}
