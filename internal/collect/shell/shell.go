// Package shell collects what a shell of the operator reads before its first
// prompt, and what shells that run have in their environment: aliases,
// functions, search paths, traps and variables that make a typed command do
// something else.
package shell

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// Collectors are those of this package.
func Collectors() []source.Collector {
	return []source.Collector{{Section: snapshot.SectionShell, Collect: collect, After: []snapshot.Section{snapshot.SectionProcesses}}}
}

// A startup is a pattern of files that one program reads.
type startup struct{ reader, pattern string }

// forAll are the files that are read for every user: bash(1), zsh(1), ksh(1),
// tcsh(1), fish(1), readline(3), pam_env(8), environment.d(5).
var forAll = []startup{
	{"sh", "/etc/profile"}, {"sh", "/etc/profile.d/*.sh"}, {"sh", "/etc/.profile"}, {"sh", "/etc/bash.bashrc"}, {"sh", "/etc/bashrc"}, {"sh", "/etc/bash.bash_logout"}, {"sh", "/etc/bash_completion"}, {"sh", "/etc/bash_completion.d/*"},
	{"sh", "/etc/ksh.kshrc"}, {"sh", "/etc/ssh/sshrc"}, {"zsh", "/etc/zsh/z*"}, {"zsh", "/etc/zshenv"}, {"zsh", "/etc/zshrc"}, {"csh", "/etc/csh.*"}, {"fish", "/etc/fish/config.fish"}, {"fish", "/etc/fish/conf.d/*.fish"},
	{"environment", "/etc/environment"}, {"environment", "/etc/environment.d/*.conf"}, {"environment", "/usr/local/lib/environment.d/*.conf"}, {"environment", "/usr/lib/environment.d/*.conf"}, {"environment", "/etc/default/locale"}, {"environment", "/etc/security/pam_env.conf"},
	{"readline", "/etc/inputrc"}, {"vim", "/etc/vim/vimrc"}, {"vim", "/etc/vim/vimrc.local"}, {"vim", "/etc/vimrc"}, {"nano", "/etc/nanorc"}, {"tmux", "/etc/tmux.conf"}, {"screen", "/etc/screenrc"},
	{"curl", "/etc/curlrc"}, {"wget", "/etc/wgetrc"},
}

// ofHome are those in a home.
var ofHome = []startup{
	{"sh", ".bashrc"}, {"sh", ".bash_profile"}, {"sh", ".bash_login"}, {"sh", ".profile"}, {"sh", ".bash_logout"}, {"sh", ".bash_aliases"}, {"sh", ".bash_completion"}, {"sh", ".kshrc"}, {"sh", ".envrc"}, {"sh", ".ssh/rc"}, {"sh", ".xprofile"},
	{"zsh", ".zshenv"}, {"zsh", ".zprofile"}, {"zsh", ".zshrc"}, {"zsh", ".zlogin"}, {"zsh", ".zlogout"}, {"zsh", ".oh-my-zsh/custom/*.zsh"}, {"csh", ".cshrc"}, {"csh", ".tcshrc"}, {"csh", ".login"}, {"fish", ".config/fish/config.fish"}, {"fish", ".config/fish/conf.d/*.fish"}, {"fish", ".config/fish/functions/*.fish"},
	{"environment", ".pam_environment"}, {"environment", ".ssh/environment"}, {"environment", ".config/environment.d/*.conf"}, {"environment", ".selected_editor"},
	{"readline", ".inputrc"}, {"vim", ".vimrc"}, {"vim", ".vim/vimrc"}, {"vim", ".exrc"}, {"vim", ".config/nvim/init.vim"}, {"nano", ".nanorc"}, {"emacs", ".emacs"}, {"tmux", ".tmux.conf"}, {"screen", ".screenrc"}, {"curl", ".curlrc"}, {"wget", ".wgetrc"},
}

const (
	maxFiles   = 300
	maxEntries = 1500
	maxDepth   = 5        // of files that source others
	maxKept    = 32 << 10 // of a file's text, in bytes
)

// A session collects the files of one node.
type session struct {
	env  *source.Env
	out  *snapshot.Shell
	seen map[string]bool // user and path
	home string
	user string
	more int
}

// collect reads the startup files, the histories, and the running shells.
func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	c := &session{env: e, out: &snapshot.Shell{}, seen: map[string]bool{}, user: "*", home: "/root"}
	c.files(forAll, "/")
	c.completions()
	for _, h := range e.Homes() {
		if ctx.Err() != nil {
			break
		}
		c.user, c.home = h.User, h.Dir
		c.files(ofHome, h.Dir)
		c.histories(h)
	}
	if c.more > 0 {
		e.Gap(snapshot.SectionShell, "startup files", tooMany(c.more))
	}
	if e.Live && s.Processes != nil {
		c.out.Running = running(ctx, e, s.Processes)
	}
	s.Shell = c.out
	return ctx.Err()
}

// files reads the files of a list below dir.
func (c *session) files(list []startup, dir string) {
	for _, x := range list {
		for _, name := range c.env.Glob(path.Join(dir, x.pattern)) {
			c.file(name, x.reader, "", 1)
		}
	}
}

// completions adds the completions of no package, which bash sources when a
// command is completed.
func (c *session) completions() {
	if !c.env.HasPackages() {
		return
	}
	for _, dir := range []string{"/usr/share/bash-completion", "/usr/share/bash-completion/completions", "/usr/local/share/bash-completion/completions"} {
		list, _ := c.env.ReadDir(dir)
		for _, x := range list {
			if name := path.Join(dir, x.Name()); !x.IsDir() && c.env.PackageOwner(name) == "" {
				c.file(name, "completion", "", maxDepth)
			}
		}
	}
}

// file reads one file, and those that it sources.
func (c *session) file(name, reader, from string, depth int) {
	key := c.user + " " + c.env.Resolve(name)
	if depth > maxDepth || c.seen[key] || c.seen["* "+c.env.Resolve(name)] {
		return
	}
	i, err := c.env.Stat(name)
	if err != nil || !i.IsRegular() {
		return
	}
	if len(c.out.Files) >= maxFiles {
		c.more++
		return
	}
	c.seen[key] = true
	t, err := c.env.Text(name, maxText)
	if err != nil {
		c.env.Gap(snapshot.SectionShell, name, err)
		return
	}
	o := c.env.Origin(name)
	f := snapshot.ShellFile{
		Path: name, Reader: reader, User: c.user, From: from, Package: o.Package, Sum: o.Sum,
		SHA256: t.SHA256, Size: t.Size, Mode: t.Mode, UID: t.UID, GID: t.GID, Modified: t.Modified, Fixed: t.Immutable,
	}
	if (!o.Own() || reader == "sh") && len(t.Content) <= maxKept {
		f.Content = secret.Scrub(t.Content)
	}
	if real := c.env.Resolve(name); real != name {
		f.Target = real
	}
	c.out.Files = append(c.out.Files, f)
	c.take(parse(t.Content, reader, name, c.user), o.Own())
	if reader == "sh" || reader == "zsh" || reader == "completion" {
		c.follow(t.Content, name, reader, depth)
	}
}

// parse reads a file as the program that it is for does.
func parse(text, reader, file, user string) []snapshot.ShellEntry {
	switch reader {
	case "sh", "zsh", "csh", "fish":
		return entries(text, file, user)
	case "completion":
		return nil // functions by design: that it is no package's says enough
	}
	return lines(text, reader, file, user)
}

// take keeps entries.
func (c *session) take(list []snapshot.ShellEntry, own bool) {
	for _, x := range list {
		if len(c.out.Entries) >= maxEntries {
			c.more++
			continue
		}
		x.Own = own
		c.out.Entries = append(c.out.Entries, x)
	}
}

// follow reads what a script sources.
func (c *session) follow(text, file, reader string, depth int) {
	cmds := lex(text)
	by := sourced(cmds, c.home)
	for i := range cmds {
		for _, pattern := range by[i] {
			if !strings.HasPrefix(pattern, "/") || strings.ContainsAny(pattern, "$`") {
				continue
			}
			for _, name := range c.env.Glob(pattern) {
				c.file(name, reader, at(file, cmds[i].line), depth+1)
			}
		}
	}
}

// histories are the files of a home that keep what was typed.
func (c *session) histories(h source.Home) {
	for _, name := range c.env.Glob(path.Join(h.Dir, ".*_history")) {
		x := snapshot.History{Path: name, User: h.User}
		x.Link, _ = c.env.Readlink(name)
		i, err := c.env.Lstat(name)
		if err != nil {
			continue
		}
		x.Size, x.Modified = i.Size, i.Modified
		if i.IsRegular() {
			if t, err := c.env.Text(name, 1); err == nil { // for its attributes
				x.Fixed = t.Immutable
			}
		}
		c.out.Histories = append(c.out.Histories, x)
	}
}

// shells are the programs that a person types into.
var shells = []string{"bash", "sh", "dash", "zsh", "ksh", "mksh", "fish", "ash", "tcsh", "csh", "busybox"}

const maxRunning = 40

// running are the shells of the node itself and klustered's own ancestors.
func running(ctx context.Context, e *source.Env, p *snapshot.Processes) []snapshot.Environ {
	above := ancestors(p)
	var out []snapshot.Environ
	for _, x := range p.List {
		why := ""
		switch {
		case slices.Contains(above, x.PID):
			why = "ancestor"
		case x.Container == "" && (slices.Contains(shells, path.Base(x.Exe)) || slices.Contains(shells, strings.TrimPrefix(x.Name, "-"))):
			why = "shell"
		}
		if why == "" || len(out) >= maxRunning || ctx.Err() != nil {
			continue
		}
		if data, err := e.ReadFile(environFile(x.PID)); err == nil {
			v := variables(data)
			out = append(out, snapshot.Environ{PID: x.PID, Name: x.Name, Why: why, Variables: v, Marks: marksOf(v)})
		}
	}
	return out
}

// variables are the notable ones of /proc/PID/environ, secrets replaced.
func variables(data []byte) []string {
	var out []string
	for v := range strings.SplitSeq(string(data[:min(len(data), maxText)]), "\x00") {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name != "PATH" && !notable(name) || name == "TERM" || name == "COLUMNS" || len(out) >= 100 {
			continue
		}
		value = strings.ToValidUTF8(value[:min(len(value), maxValue)], "\ufffd")
		out = append(out, strings.ToValidUTF8(name, "\ufffd")+"="+secret.Scrub(value))
	}
	slices.Sort(out)
	return out
}
