package corednsconfig

import (
	"fmt"
	"strings"
)

// A server is a server block of a Corefile.
type server struct {
	zones   []string // with their ports, as written
	line    int
	plugins []plugin
}

// A plugin is a line at the top of a server block.
type plugin struct {
	name string
	args []string
	line int
	end  int // last line of its block
}

// parse reads a Corefile as far as its shape goes: what plugins make of their
// arguments is theirs. Snippets and imports are no servers.
func parse(text string) ([]server, error) {
	var out []server
	var in *server
	var zones []string // those of lines before that of the block
	depth := 0
	for i, l := range strings.Split(text, "\n") {
		words := fields(l)
		if len(words) == 0 {
			continue
		}
		opens, closes := words[len(words)-1] == "{", words[0] == "}"
		switch {
		case closes:
			if depth--; depth < 0 {
				return nil, fmt.Errorf("line %d closes a block that is not open", i+1)
			}
			if depth == 1 && in != nil {
				in.plugins[len(in.plugins)-1].end = i + 1
			}
			if depth == 0 {
				if in != nil && !strings.HasPrefix(in.zones[0], "(") {
					out = append(out, *in)
				}
				in = nil
			}
			continue
		case opens && len(words) == 1:
			return nil, fmt.Errorf("line %d opens a block that has no name: that stands on the same line", i+1)
		case depth == 0 && opens:
			in, zones = &server{zones: append(zones, words[:len(words)-1]...), line: i + 1}, nil
		case depth == 0 && strings.HasSuffix(words[len(words)-1], ","):
			zones = append(zones, words...)
		case depth == 0 && words[0] != "import":
			return nil, fmt.Errorf("line %d, %q, is in no block", i+1, strings.TrimSpace(l))
		case depth == 1 && in != nil:
			args := words[1:]
			if opens {
				args = args[:len(args)-1]
			}
			in.plugins = append(in.plugins, plugin{words[0], args, i + 1, i + 1})
		}
		if opens {
			depth++
		}
	}
	if depth != 0 {
		return nil, fmt.Errorf("%d block(s) are not closed at its end", depth)
	}
	return out, nil
}

// fields splits a line into words; a comment ends it.
func fields(line string) []string {
	line, _, _ = strings.Cut(line, "#")
	return strings.Fields(line)
}

// answers reports whether a server block is asked for names of the zone.
func (s server) answers(zone string) bool {
	for _, z := range s.zones {
		z = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSuffix(z, ","), "dns://"), "//")
		name, _, _ := strings.Cut(z, ":")
		name = strings.TrimSuffix(name, ".")
		if name == "" || zone == name || strings.HasSuffix(zone, "."+name) {
			return true
		}
	}
	return false
}

func (s server) plugin(name string) (plugin, bool) {
	for _, p := range s.plugins {
		if p.name == name {
			return p, true
		}
	}
	return plugin{}, false
}

// serves reports whether the kubernetes plugin of a block is there for the
// domain: without zones of its own it has those of the block.
func (p plugin) serves(s server, domain string) bool {
	if len(p.args) == 0 {
		return s.answers(domain)
	}
	for _, a := range p.args {
		a = strings.TrimSuffix(a, ".")
		if a == domain || a == "" || strings.HasSuffix(domain, "."+a) {
			return true
		}
	}
	return false
}
