package component

import (
	"strconv"
	"strings"
)

// parse reads what holds for one minor release.
func (t *table) parse(minor string) *edition {
	e := &edition{
		flags:   map[string]Flag{},
		release: Release{Version: minor, gates: map[string]Gate{}, plugins: map[string]Named{}, controllers: map[string]Named{}, bindings: map[string]string{}},
		schema:  Schema{Version: minor, types: map[string]map[string]string{}, defaults: map[string]map[string]string{}},
	}
	for line := range strings.Lines(t.lines) {
		text, in := split(strings.TrimSuffix(line, "\n"))
		if in == "" || within(in, minor, t.minors) {
			e.add(words(text))
		}
	}
	return e
}

// add takes one line in.
func (e *edition) add(w []string) {
	if len(w) < 2 {
		return
	}
	r, s := &e.release, &e.schema
	switch name := w[1]; {
	case w[0] == "flag" && len(w) > 2:
		e.flags[name] = flagOf(w)
	case w[0] == "gate" && len(w) > 3:
		r.gates[name] = Gate{Name: name, Stage: w[2], Default: w[3] == "true", Locked: len(w) > 4}
	case w[0] == "plugin":
		r.plugins[name] = namedOf(w)
	case w[0] == "controller":
		r.controllers[name] = namedOf(w)
	case w[0] == "binding" && len(w) > 2:
		r.bindings[name] = w[2]
	case w[0] == "type":
		s.fields(name)
	case w[0] == "field" && len(w) > 3:
		s.fields(name)[w[2]] = w[3]
	case w[0] == "default" && len(w) > 3:
		if s.defaults[name] == nil {
			s.defaults[name] = map[string]string{}
		}
		s.defaults[name][w[2]] = w[3]
	}
}

func flagOf(w []string) Flag {
	f := Flag{Name: w[1], Type: w[2]}
	for _, x := range w[3:] {
		key, value, _ := strings.Cut(x, "=")
		switch key {
		case "short":
			f.Short = value
		case "default":
			f.Default = value
		case "bare":
			f.Bare = value
		case "deprecated":
			f.Deprecated = true
		case "hidden":
			f.Hidden = true
		}
	}
	return f
}

func namedOf(w []string) Named {
	n := Named{Name: w[1]}
	for _, x := range w[2:] {
		if x == "on" {
			n.On = true
		}
		n.Alias, _ = strings.CutPrefix(x, "is=")
		if n.Alias == x {
			n.Alias = ""
		}
	}
	return n
}

// words splits a line at blanks. A word, or what follows its =, may be quoted
// as in Go.
func words(line string) []string {
	if !strings.Contains(line, `"`) {
		return strings.Fields(line)
	}
	var out []string
	for line = strings.TrimLeft(line, " "); line != ""; line = strings.TrimLeft(line, " ") {
		var w strings.Builder
		for line != "" && line[0] != ' ' {
			if q, err := strconv.QuotedPrefix(line); err == nil && line[0] == '"' {
				s, _ := strconv.Unquote(q)
				w.WriteString(s)
				line = line[len(q):]
				continue
			}
			w.WriteByte(line[0])
			line = line[1:]
		}
		out = append(out, w.String())
	}
	return out
}
