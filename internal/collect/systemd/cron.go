package systemd

import (
	"path"
	"strings"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// A job is a line of a crontab(5).
type job struct {
	line           int
	text           string
	schedule, user string
	command        string
	path           string // PATH that the table sets before it
}

// parseCrontab reads a crontab. System tables have a user column. Lines that
// cron would refuse are left out.
func parseCrontab(data []byte, system bool) []job {
	var out []job
	dirs, n := "", 0
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "\ufffd")) {
		n++
		line = strings.TrimRight(line, "\n")
		rest := strings.TrimLeft(line, " \t")
		if rest == "" || rest[0] == '#' {
			continue
		}
		if name, value, ok := environment(rest); ok {
			if name == "PATH" {
				dirs = value
			}
			continue
		}
		if j, ok := parseJob(rest, system); ok {
			j.line, j.text, j.path = n, line, dirs
			out = append(out, j)
		}
	}
	return out
}

// environment reads a line such as NAME = "value".
func environment(line string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(line, "=")
	name = strings.Trim(strings.TrimSpace(name), `"'`)
	if _, _, isName := assignment(name + "="); !ok || !isName {
		return "", "", false
	}
	return name, strings.Trim(strings.TrimSpace(value), `"'`), true
}

// parseJob cuts the fields of a line.
func parseJob(line string, system bool) (j job, ok bool) {
	fields := 5
	if line[0] == '@' {
		fields = 1
	}
	var when []string
	for range fields {
		field, rest, ok := cutField(line)
		if !ok || fields == 5 && strings.Trim(field, "0123456789*/,-~abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			return j, false
		}
		when, line = append(when, field), rest
	}
	j.schedule = strings.Join(when, " ")
	if system {
		if j.user, line, ok = cutField(line); !ok {
			return j, false
		}
	}
	j.command = stdin(line)
	return j, j.command != ""
}

func cutField(s string) (field, rest string, ok bool) {
	i := strings.IndexAny(s, " \t")
	if i < 0 {
		return "", "", false
	}
	return s[:i], strings.TrimLeft(s[i:], " \t"), true
}

// stdin cuts what follows the first percent sign that is not escaped: it is
// the command's input.
func stdin(cmd string) string {
	for i := 0; i < len(cmd); i++ {
		switch cmd[i] {
		case '\\':
			i++
		case '%':
			return strings.TrimSpace(cmd[:i])
		}
	}
	return strings.TrimSpace(strings.ReplaceAll(cmd, `\%`, "%"))
}

// cronName reports whether cron and run-parts read a file of that name: those
// with a dot, or another odd character, are passed over.
func cronName(name string) bool {
	return name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}

// periods are the folders of scripts that a package's crontab runs.
var periods = []string{"hourly", "daily", "weekly", "monthly", "yearly"}

// cron collects every crontab and cron folder.
func (p *persistence) cron() {
	p.crontab("/etc/crontab", "crontab", "", true)
	list, _ := p.env.ReadDir("/etc/cron.d") // those that cron passes over too
	for _, x := range list {
		if x.Name() != ".placeholder" {
			p.crontab(path.Join("/etc/cron.d", x.Name()), "cron.d", "", cronName(x.Name()))
		}
	}
	for _, dir := range []string{"/var/spool/cron/crontabs", "/var/spool/cron/tabs", "/var/spool/cron"} {
		for _, x := range p.list(dir) {
			if i, err := p.env.Lstat(path.Join(dir, x)); err == nil && i.IsRegular() {
				p.crontab(path.Join(dir, x), "cron-spool", x, true)
			}
		}
	}
	for _, period := range periods {
		dir := "/etc/cron." + period
		for _, x := range p.list(dir) {
			if cronName(x) {
				p.script(path.Join(dir, x), "cron-dir", period)
			}
		}
	}
}

// crontab adds the jobs of one table. A user's table has no user column. Cron
// refuses one that others than its owner can write.
func (p *persistence) crontab(file, kind, user string, named bool) {
	t, data, ok := p.read(file)
	if !ok {
		return
	}
	for _, j := range parseCrontab(data, kind != "cron-spool") {
		x := snapshot.Persistent{
			Kind: kind, Source: file, Line: j.line, Text: secret.Scrub(j.text), User: j.user, Schedule: j.schedule,
			Command: secret.Scrub(j.command), Files: []snapshot.Text{t},
			Enabled: named && t.Mode&0o022 == 0,
		}
		if user != "" {
			x.User = user
		} else if t.UID != 0 {
			x.Enabled = x.Enabled && !p.env.Live // a table that root does not own is refused
		}
		if !p.full() {
			x.Scripts = scripts(p.env, j.command, j.path)
			p.add(x)
		}
	}
}

// read returns a file as text, secrets replaced, and its true bytes.
func (p *persistence) read(file string) (snapshot.Text, []byte, bool) {
	t, err := p.env.Text(file, source.DefaultText)
	if err != nil {
		p.gap(file, err)
		return t, nil, false
	}
	data := []byte(t.Content)
	t.Content = secret.Scrub(t.Content)
	return t, data, true
}
