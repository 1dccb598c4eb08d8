package systemd

import (
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/snapshot"
)

// unitEntries adds the units that run by themselves and are no package's, and
// the drop-ins that make another unit run something.
func (p *persistence) unitEntries() {
	t := index(p.env)
	names := t.own()
	slices.Sort(names)
	triggered := map[string]bool{}
	for _, n := range names {
		u := t.unit(n)
		started := t.starts(u)
		for _, s := range started {
			triggered[s] = true
		}
		if len(started) > 0 && u.Package == "" && !u.Masked && u.Path != "" {
			p.trigger(t, u, started[0])
		}
	}
	for _, n := range names {
		if _, kind := splitName(n); kind != "service" {
			continue
		}
		u := t.unit(n)
		if u.Path != "" && u.Package == "" && !u.Masked && (!triggered[n] || len(u.WantedBy) > 0) {
			p.service(t, u)
		}
	}
	for _, n := range names {
		if u := t.unit(n); !u.Masked {
			p.additions(u)
		}
	}
}

// additions adds what files of nobody's package add to a unit that is not
// wholly theirs: commands, limits on its control group, and what the loader is
// told.
func (p *persistence) additions(u snapshot.Unit) {
	for _, d := range u.DropIns {
		if p.env.PackageOwner(d) != "" {
			continue
		}
		if cmd, line, text := execs(u, d); cmd != "" {
			p.addition(u, "drop-in", snapshot.Setting{Source: d, Line: line, Value: cmd}, text)
		}
	}
	for _, s := range u.Settings {
		loads := s.Key == "Environment" && strings.Contains(s.Value, "LD_")
		if (isLimit(s.Key) || loads) && p.env.PackageOwner(s.Source) == "" {
			text := s.Key + "=" + s.Value
			p.addition(u, "setting", snapshot.Setting{Source: s.Source, Line: s.Line, Value: text}, text)
		}
	}
}

// isLimit reports whether systemd turns the setting into an I/O limit of the
// unit's control group.
func isLimit(key string) bool {
	return strings.HasPrefix(key, "IORead") || strings.HasPrefix(key, "IOWrite") || strings.HasPrefix(key, "BlockIO")
}

// addition adds one line of a unit's files as an entry.
func (p *persistence) addition(u snapshot.Unit, kind string, s snapshot.Setting, text string) {
	x := snapshot.Persistent{
		Kind: kind, Source: s.Source, Line: s.Line, Text: text, Command: s.Value, Unit: u.Name,
		Enabled: len(u.WantedBy) > 0 || p.active(u.Name) || strings.HasSuffix(u.Name, ".slice"), Running: p.active(u.Name),
	}
	x.Files = p.files(x)
	if kind == "drop-in" {
		x.Scripts = scripts(p.env, s.Value, "")
	}
	if p.full() {
		return
	}
	p.entries = append(p.entries, p.finished(x)) // its processes are those of the unit
}

// service adds a unit by its fragment.
func (p *persistence) service(t *tree, u snapshot.Unit) {
	x := p.unit(t, u, "service")
	x.Command, x.Line, x.Text = execs(u, u.Path)
	x.Scripts = scripts(p.env, execText(u, u.Path), "")
	p.add(x)
}

// trigger adds a timer, path or socket with the service that it starts.
func (p *persistence) trigger(t *tree, u snapshot.Unit, service string) {
	_, kind := splitName(u.Name)
	x := p.unit(t, u, kind)
	s := t.unit(service)
	x.Unit = service
	x.Command, _, _ = execs(s, "")
	x.Schedule, x.Line, x.Text = schedule(u)
	x.Scripts = scripts(p.env, execText(s, ""), "")
	if s.Path != "" && s.Package == "" {
		x.Companions = append(x.Companions, s.Path)
	}
	x.Companions = append(x.Companions, p.ownDropIns(s)...)
	x.Files = p.files(x)
	x.Running = p.active(service)
	p.add(x)
}

// unit is what entries of units have in common.
func (p *persistence) unit(t *tree, u snapshot.Unit, kind string) snapshot.Persistent {
	x := snapshot.Persistent{
		Kind: kind, Source: u.Path, Unit: u.Name, User: "root", Links: u.WantedBy, Package: u.Package,
		Enabled: len(u.WantedBy) > 0 || strings.Contains(u.Path, "/transient/"), Running: p.active(u.Name),
	}
	for _, s := range u.Settings {
		if s.Section == "Service" && s.Key == "User" {
			x.User = s.Value
		}
	}
	x.Companions = p.ownDropIns(u)
	if f := t.files[u.Name]; f.link != "" && !f.alias {
		x.Companions = append(x.Companions, p.env.Resolve(u.Path))
	}
	x.Files = p.files(x)
	return x
}

// ownDropIns are the unit's drop-ins that serve no other unit and are no
// package's.
func (p *persistence) ownDropIns(u snapshot.Unit) []string {
	var out []string
	for _, d := range u.DropIns {
		if path.Base(path.Dir(d)) == u.Name+".d" && p.env.PackageOwner(d) == "" {
			out = append(out, d)
		}
	}
	return out
}

// files reads the entry's own files, so that a plan can pin them.
func (p *persistence) files(x snapshot.Persistent) []snapshot.Text {
	var out []snapshot.Text
	for _, name := range slices.Concat([]string{x.Source}, x.Companions, x.Links) {
		t, err := p.env.Text(name, maxScript)
		if err != nil && t.Link == "" {
			p.gap(name, err)
			continue
		}
		t.Content = secret.Scrub(t.Content)
		out = append(out, t)
	}
	return out
}

// active reports whether the manager says that the unit runs.
func (p *persistence) active(name string) bool {
	if p.units == nil {
		return false
	}
	u, _ := p.units.Unit(name)
	return u.Active == "active" || u.Active == "activating" || u.Active == "reloading"
}

// execs are the commands that the file sets in the unit, one a line, and the
// main one of them quoted. A file of "" is any.
func execs(u snapshot.Unit, file string) (cmd string, line int, text string) {
	var all []string
	for _, s := range u.Settings {
		if s.Section != "Service" || !strings.HasPrefix(s.Key, "Exec") || s.Value == "" || file != "" && s.Source != file {
			continue
		}
		all = append(all, secret.Scrub(command(s.Value)))
		if line == 0 || s.Key == "ExecStart" && !strings.HasPrefix(text, "ExecStart=") {
			line, text = s.Line, s.Key+"="+secret.Scrub(s.Value)
		}
	}
	return strings.Join(all, "\n"), line, text
}

// execText is the unit's commands as text that a shell could read: systemd's
// quoting is close to it. Variables that the unit sets come first. Of the
// commands only those of file are taken; "" is any.
func execText(u snapshot.Unit, file string) string {
	var b strings.Builder
	for _, s := range u.Settings {
		if s.Section != "Service" {
			continue
		}
		if s.Key == "Environment" {
			b.WriteString(strings.Trim(s.Value, `"'`) + "\n")
		}
	}
	for _, s := range u.Settings {
		if s.Section == "Service" && strings.HasPrefix(s.Key, "Exec") && (file == "" || s.Source == file) {
			b.WriteString(command(s.Value) + "\n")
		}
	}
	return b.String()
}

// schedule is what a timer, path or socket waits for.
func schedule(u snapshot.Unit) (text string, line int, quote string) {
	var all []string
	for _, s := range u.Settings {
		if s.Section == "Timer" || s.Section == "Path" || s.Section == "Socket" {
			switch s.Key {
			case "Unit", "AccuracySec", "RandomizedDelaySec", "Persistent", "Service":
				continue
			}
			all = append(all, s.Key+"="+s.Value)
			if line == 0 && s.Source == u.Path {
				line = s.Line
			}
		}
	}
	if len(all) > 0 {
		quote = all[0]
	}
	return strings.Join(all, ", "), line, quote
}
