package systemd

import (
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// opportune collects what other programs run when they are used: desktops,
// git, interpreters, mail.
func (p *persistence) opportune() {
	homes := p.env.Homes()
	in := func(names ...string) []string {
		var out []string
		for _, h := range homes {
			for _, n := range names {
				out = append(out, p.env.Glob(path.Join(h.Dir, n))...)
			}
		}
		return out
	}
	for _, f := range append(p.env.Glob("/etc/xdg/autostart/*.desktop"), in(".config/autostart/*.desktop")...) {
		p.clauses("autostart", "when a desktop starts", f, eachLine(desktopExec))
	}
	for _, f := range append([]string{"/etc/gitconfig"}, in(".gitconfig", ".config/git/config")...) {
		p.clauses("git", "when git is used", f, gitCommands)
	}
	p.interpreters(in)
	for _, f := range append([]string{"/etc/aliases", "/etc/mail/aliases"}, in(".forward", ".procmailrc")...) {
		p.clauses("mail", "when mail arrives", f, eachLine(mailPipe))
	}
	for _, u := range p.userUnits() {
		p.userUnit(u)
	}
}

// interpreters collects what Python and Perl run whenever they start.
func (p *persistence) interpreters(in func(...string) []string) {
	const when = "when the interpreter starts"
	var dirs []string
	for _, g := range []string{"/usr/lib/python3*", "/usr/lib/python3*/dist-packages", "/usr/local/lib/python3*", "/usr/local/lib/python3*/dist-packages", "/usr/local/lib/python3*/site-packages", "/usr/lib/python3*/site-packages", "/etc/python3*"} {
		dirs = append(dirs, p.env.Glob(g)...)
	}
	dirs = append(dirs, in(".local/lib/python3*/site-packages")...)
	for _, dir := range p.folders(dirs...) {
		for _, name := range p.list(dir) {
			file := path.Join(dir, name)
			switch {
			case strings.HasSuffix(name, ".pth"):
				p.clauses("python", when, file, eachLine(func(line string) string {
					if strings.HasPrefix(line, "import ") || strings.HasPrefix(line, "import\t") {
						return line
					}
					return ""
				}))
			case name == "sitecustomize.py" || name == "usercustomize.py":
				if !p.packaged(file, "python") {
					p.script(file, "python", when)
				}
			}
		}
	}
	for _, dir := range append(p.env.Glob("/usr/local/*/perl*"), "/etc/perl", "/usr/share/perl5", "/usr/local/share/perl") {
		if file := path.Join(dir, "sitecustomize.pl"); !p.packaged(file, "perl") {
			p.script(file, "perl", when)
		}
	}
}

// gitKeys are the keys of git-config(1) whose values are commands or name
// where they are, in lower case.
var gitKeys = []string{
	"core.pager", "core.hookspath", "core.editor", "core.fsmonitor", "core.sshcommand", "core.askpass", "core.gitproxy", "core.alternaterefscommand", "sequence.editor",
	"diff.external", "credential.helper", "gpg.program", "include.path", "init.templatedir", "uploadpack.packobjectshook",
}

// gitCommands are the settings of a git configuration that run something.
func gitCommands(data string) []clause {
	section := ""
	return eachLine(func(line string) string {
		s := strings.TrimSpace(line)
		if strings.HasPrefix(s, "[") {
			name, _, _ := strings.Cut(strings.Trim(s, "[]"), `"`)
			section = strings.ToLower(strings.TrimSpace(name))
			return ""
		}
		key, value, _ := strings.Cut(s, "=")
		name := section + "." + strings.ToLower(strings.TrimSpace(key))
		value = strings.TrimSpace(value)
		switch section {
		case "alias":
			if strings.HasPrefix(strings.TrimLeft(value, `"`), "!") {
				return value
			}
		case "pager", "filter", "mergetool", "difftool", "includeif":
			return value
		default:
			if slices.Contains(gitKeys, name) {
				return value
			}
		}
		return ""
	})(data)
}

// mailPipe is an alias, or a line of .forward, that hands mail to a program or
// reads further addresses from a file.
func mailPipe(line string) string {
	i := strings.IndexByte(line, '|')
	if j := strings.Index(line, ":include:"); i < 0 || j >= 0 && j < i {
		i = j
	}
	if i < 0 {
		return ""
	}
	return strings.Trim(line[i:], "|\" \t")
}

// userUnits are those of the systemd section.
func (p *persistence) userUnits() []snapshot.Unit {
	if p.units == nil {
		return nil
	}
	return p.units.UserUnits
}

// userUnit adds a unit of a user's manager. It runs by itself when a link
// enables it and the user logs in or lingers.
func (p *persistence) userUnit(u snapshot.Unit) {
	if u.Path == "" || u.Masked {
		return
	}
	_, kind := splitName(u.Name)
	x := snapshot.Persistent{
		Kind: "user-" + kind, Source: u.Path, Unit: u.Name, User: u.User, Links: u.WantedBy, Schedule: "when the user logs in",
		Enabled: len(u.WantedBy) > 0 || strings.Contains(u.Path, "/transient/"),
	}
	if slices.Contains(p.units.Linger, u.User) {
		x.Schedule = "at boot, since the user lingers"
	}
	x.Command, x.Line, x.Text = execs(u, u.Path)
	if when, line, text := schedule(u); when != "" {
		x.Schedule, x.Line, x.Text = when, line, text
	}
	for _, d := range u.DropIns {
		x.Companions = append(x.Companions, d)
	}
	x.Files, x.Scripts = p.files(x), scripts(p.env, execText(u, ""), "")
	p.add(x)
}
