package kubelet

import (
	"path"
	"strings"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// An assignment is a line of a unit's [Service] part.
type assignment struct {
	key, value string
	line       int
}

// parseUnit reads the assignments of a unit's [Service] part, in order. Lines
// that end in a backslash go on; comments between them are left out.
func parseUnit(data string) []assignment {
	var out []assignment
	section, from := "", 0
	var held strings.Builder
	for i, line := range strings.Split(data, "\n") {
		text := strings.TrimSpace(strings.TrimRight(line, "\r"))
		if text == "" && held.Len() == 0 || strings.HasPrefix(text, "#") || strings.HasPrefix(text, ";") {
			continue
		}
		if held.Len() == 0 {
			from = i + 1
		}
		if rest, ok := strings.CutSuffix(text, `\`); ok && held.Len() < maxLine {
			held.WriteString(rest + " ")
			continue
		}
		held.WriteString(text)
		text = held.String()
		held.Reset()
		if strings.HasPrefix(text, "[") {
			section = text
			continue
		}
		if key, value, ok := strings.Cut(text, "="); ok && section == "[Service]" {
			out = append(out, assignment{strings.TrimSpace(key), strings.TrimSpace(value), from})
		}
	}
	return out
}

// A setting is an environment variable with its place.
type setting struct {
	value, source string
	line          int
}

// parseEnv adds the lines of an environment file, which are NAME=value with
// the value perhaps in quotes.
func parseEnv(data, name string, env map[string]setting) {
	var held strings.Builder
	from := 0
	for i, line := range strings.Split(data, "\n") {
		text := strings.TrimSpace(line)
		if held.Len() == 0 {
			if text == "" || text[0] == '#' || text[0] == ';' {
				continue
			}
			from = i + 1
		}
		if rest, ok := strings.CutSuffix(text, `\`); ok && held.Len() < maxLine {
			held.WriteString(rest)
			continue
		}
		held.WriteString(text)
		text = held.String()
		held.Reset()
		if key, value, ok := strings.Cut(text, "="); ok && key != "" {
			env[strings.TrimSpace(key)] = setting{unquote(strings.TrimSpace(value)), name, from}
		}
	}
}

func unquote(s string) string {
	if len(s) > 1 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

// words splits a line at blanks, with quotes around a word or a part of it.
func words(line string) []string {
	var out []string
	var w strings.Builder
	quote, open := byte(0), false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			w.WriteByte(c)
		case c == '"' || c == '\'':
			quote, open = c, true
		case c == ' ' || c == '\t' || c == '\n':
			if open {
				out = append(out, w.String())
			}
			w.Reset()
			open = false
		default:
			w.WriteByte(c)
			open = true
		}
	}
	if open {
		out = append(out, w.String())
	}
	return out
}

// readStart returns the command line with which systemd would start the
// kubelet next: ExecStart of the unit and its drop-ins, with the variables of
// Environment and, over those, of the environment files.
func readStart(e *source.Env) *snapshot.Start {
	files := unitFiles(e)
	if len(files) == 0 {
		return nil
	}
	s := &snapshot.Start{Files: files}
	env, envFiles := map[string]setting{}, []string{}
	exec, from := assignment{}, ""
	for _, name := range files {
		data, err := e.ReadFile(name)
		if err != nil {
			continue
		}
		for _, a := range parseUnit(string(data)) {
			switch a.key {
			case "ExecStart":
				exec, from = a, name
			case "EnvironmentFile":
				if envFiles = append(envFiles, a.value); a.value == "" {
					envFiles = nil
				}
			case "Environment":
				for _, w := range words(a.value) {
					if key, value, ok := strings.Cut(w, "="); ok {
						env[key] = setting{value, name, a.line}
					}
				}
				if a.value == "" {
					clear(env)
				}
			}
		}
	}
	readEnvFiles(e, s, envFiles, env)
	s.Words = expand(strings.TrimLeft(exec.value, "-@:+!|"), from, exec.line, env)
	return s
}

func readEnvFiles(e *source.Env, s *snapshot.Start, names []string, env map[string]setting) {
	for _, x := range names {
		name, optional := strings.CutPrefix(x, "-")
		paths := []string{name}
		if strings.ContainsAny(name, "*?[") {
			paths = e.Glob(name)
		}
		for _, p := range paths {
			data, err := e.ReadFile(p)
			if err != nil {
				s.Missing = append(s.Missing, p)
				if !optional {
					s.Required = append(s.Required, p)
				}
				continue
			}
			s.Files = append(s.Files, p)
			parseEnv(string(data), path.Clean(p), env)
		}
	}
}

// expand splits a command line and replaces $NAME and ${NAME}, once, as
// systemd does: the value of $NAME, where it stands alone, is split at blanks.
func expand(line, source string, at int, env map[string]setting) []snapshot.Word {
	var out []snapshot.Word
	size := 0
	for _, w := range words(line) {
		name, alone := strings.CutPrefix(w, "$")
		if alone && name != "" && name[0] != '{' && name[0] != '$' {
			v := env[name]
			if size += len(v.value); size > maxLine {
				break
			}
			for _, part := range words(v.value) {
				out = append(out, snapshot.Word{Text: part, Source: v.source, Line: v.line, Var: name})
			}
			continue
		}
		x := snapshot.Word{Text: w, Source: source, Line: at}
		x.Text = braced.ReplaceAllStringFunc(w, func(s string) string {
			v := env[s[2:len(s)-1]]
			x.Var = s[2 : len(s)-1]
			if v.source != "" {
				x.Source, x.Line = v.source, v.line
			}
			if size += len(v.value); size > maxLine {
				return ""
			}
			return v.value
		})
		x.Text = strings.ReplaceAll(strings.ReplaceAll(x.Text, "$$", "$"), "%%", "%")
		out = append(out, x)
	}
	return out
}

// texts are the words themselves.
func texts(list []snapshot.Word) []string {
	out := make([]string, len(list))
	for i, w := range list {
		out[i] = w.Text
	}
	return out
}

// hide replaces the secrets of the words.
func hide(list []snapshot.Word) []snapshot.Word {
	out := append([]snapshot.Word(nil), list...)
	for i, text := range secret.Args(texts(list)) {
		if i < len(out) {
			out[i].Text = text
		}
	}
	return out
}
