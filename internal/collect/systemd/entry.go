package systemd

import (
	"path"
	"strings"

	"github.com/klustered/klustered/internal/collect/mark"
	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// finished completes an entry by what is known of its source and by what its
// text does.
func (p *persistence) finished(x snapshot.Persistent) snapshot.Persistent {
	o := p.origin(x.Source)
	x.Package, x.Sum = o.Package, o.Sum
	text := x.Text
	if x.Command != x.Source {
		text += "\n" + x.Command
	}
	for _, s := range x.Scripts {
		text += "\n" + s.Content
	}
	x.Marks, x.Copies = mark.Of(text), p.copied(x)
	return x
}

// origin is the source's, asked once.
func (p *persistence) origin(file string) source.Origin {
	o, ok := p.origins[file]
	if !ok {
		o = p.env.Origin(file)
		p.origins[file] = o
	}
	return o
}

// packaged reports whether a file is as its package made it, and counts it as
// an entry that is left out.
func (p *persistence) packaged(file, kind string) bool {
	if !p.origin(file).Own() {
		return false
	}
	p.counts[kind]++
	return true
}

// folders are those of dirs that exist and are each read once. Without a
// package database those of the distribution cannot be told from others.
func (p *persistence) folders(dirs ...string) []string {
	var out []string
	seen := map[string]bool{}
	for _, dir := range dirs {
		real := p.env.Resolve(dir)
		if seen[real] || strings.HasPrefix(real, "/usr/lib/") && !p.env.HasPackages() {
			continue
		}
		seen[real] = true
		out = append(out, real)
	}
	return out
}

// programs adds the files of folders of which each is run as a whole.
func (p *persistence) programs(kind, when string, dirs ...string) {
	for _, dir := range p.folders(dirs...) {
		for _, name := range p.list(dir) {
			file := path.Join(dir, name)
			if name != "README" && !p.packaged(file, kind) {
				p.script(file, kind, when)
			}
		}
	}
}

// A clause is a line of a configuration that runs or changes something.
type clause struct {
	line    int
	text    string // the line
	command string
}

// clauses adds the lines of a file that pick finds, unless the file is as its
// package made it.
func (p *persistence) clauses(kind, when, file string, pick func(data string) []clause) {
	if i, err := p.env.Stat(file); err != nil || !i.IsRegular() || p.packaged(file, kind) {
		return
	}
	t, data, ok := p.read(file)
	if !ok {
		return
	}
	for _, c := range pick(strings.ToValidUTF8(string(data), "\ufffd")) {
		if p.full() {
			continue
		}
		p.add(snapshot.Persistent{
			Kind: kind, Source: file, Line: c.line, Text: secret.Scrub(c.text), User: "root", Schedule: when, Command: secret.Scrub(c.command),
			Enabled: true, Files: []snapshot.Text{t}, Scripts: scripts(p.env, c.command, ""),
		})
	}
}

// eachLine makes a pick of one that looks at a line, comments left out. It
// returns the command of a line, or "".
func eachLine(command func(line string) string) func(data string) []clause {
	return func(data string) []clause {
		var out []clause
		n := 0
		for line := range strings.Lines(data) {
			n++
			line = strings.TrimRight(line, "\r\n")
			if s := strings.TrimSpace(line); s == "" || s[0] == '#' || s[0] == ';' {
				continue
			}
			if cmd := command(line); cmd != "" {
				out = append(out, clause{n, line, cmd})
			}
		}
		return out
	}
}
