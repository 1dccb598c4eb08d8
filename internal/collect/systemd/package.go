package systemd

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// packageHooks collects what runs when a package is installed, or a log is
// rotated.
func (p *persistence) packageHooks() {
	const when = "when a package is installed"
	for _, f := range append([]string{"/etc/apt/apt.conf"}, p.env.Glob("/etc/apt/apt.conf.d/*")...) {
		p.clauses("apt", when, f, aptHooks)
	}
	for _, f := range append([]string{"/etc/dpkg/dpkg.cfg", "/root/.dpkg.cfg"}, p.env.Glob("/etc/dpkg/dpkg.cfg.d/*")...) {
		p.clauses("dpkg", when, f, eachLine(dpkgLine))
	}
	for _, f := range append([]string{"/etc/logrotate.conf"}, p.env.Glob("/etc/logrotate.d/*")...) {
		p.clauses("logrotate", "when logs are rotated", f, logrotateScripts)
	}
	for _, f := range slices.Concat(p.env.Glob("/etc/dnf/plugins/*"), p.env.Glob("/etc/yum/pluginconf.d/*"), p.env.Glob("/etc/zypp/systemCheck.d/*")) {
		if p.origin(f).Package == "" {
			p.clauses("package-plugin", when, f, eachLine(strings.TrimSpace))
		}
	}
	p.maintainers()
}

// dpkgLine is an option of dpkg.cfg(5) that runs a program or leaves files out.
func dpkgLine(line string) string {
	line = strings.TrimSpace(line)
	for _, key := range []string{"pre-invoke", "post-invoke", "path-exclude", "status-logger", "hook", "force-"} {
		if strings.HasPrefix(strings.TrimLeft(line, "-"), key) {
			return line
		}
	}
	return ""
}

// aptKeys are parts of the keys of apt.conf(5) whose values are commands.
var aptKeys = []string{"-invoke", "-install-pkgs", "pre-transaction", "apt::periodic::", "dir::bin::", "askpass"}

// aptHooks are the values of an apt.conf that are commands.
func aptHooks(data string) []clause {
	var out []clause
	lines := strings.Split(data, "\n")
	for _, v := range parseApt(data) {
		key := strings.ToLower(v.key)
		if slices.ContainsFunc(aptKeys, func(k string) bool { return strings.Contains(key, k) }) && v.value != "" {
			out = append(out, clause{v.line, strings.TrimRight(lines[v.line-1], "\r"), v.value})
		}
	}
	return out
}

// An aptValue is a value of an apt.conf with its whole key.
type aptValue struct {
	key, value string
	line       int
}

// maxAptDepth bounds how deep scopes are followed.
const maxAptDepth = 32

// parseApt reads the syntax of apt.conf(5): keys with values in quotes or
// bare, scopes in braces, comments of three kinds.
func parseApt(data string) []aptValue {
	var out []aptValue
	var scopes []string
	key, line := "", 1
	emit := func(v string) {
		out = append(out, aptValue{strings.Join(append(slices.Clone(scopes), key), "::"), v, line})
	}
	for i := 0; i < len(data); {
		c := data[i]
		switch {
		case c == '\n':
			line++
		case strings.HasPrefix(data[i:], "//"), c == '#':
			if n := strings.IndexByte(data[i:], '\n'); n >= 0 {
				i += n
				continue
			}
			return out
		case strings.HasPrefix(data[i:], "/*"):
			n := strings.Index(data[i:], "*/")
			if n < 0 {
				return out
			}
			line += strings.Count(data[i:i+n], "\n")
			i += n + 2
			continue
		case c == '"':
			v, rest := quotedEnd(data[i+1:])
			emit(v)
			line += strings.Count(data[i:len(data)-len(rest)], "\n")
			i = len(data) - len(rest)
			continue
		case c == '{':
			if len(scopes) < maxAptDepth {
				scopes = append(scopes, key)
			}
			key = ""
		case c == '}':
			scopes, key = scopes[:max(0, len(scopes)-1)], ""
		case c == ';':
			key = ""
		case c > ' ':
			n := strings.IndexAny(data[i:], " \t\r\n\"{};")
			if n < 0 {
				n = len(data) - i
			}
			if word := data[i : i+n]; key == "" {
				key = word
			} else {
				emit(word)
			}
			i += n
			continue
		}
		i++
	}
	return out
}

// logrotateScripts are the scripts of a logrotate(8) configuration, and what
// it includes.
func logrotateScripts(data string) []clause {
	var out []clause
	n, in := 0, false
	for line := range strings.Lines(data) {
		n++
		text := strings.TrimSpace(line)
		word, _, _ := strings.Cut(text, " ")
		switch {
		case in && text == "endscript":
			in = false
		case in:
			if len(out[len(out)-1].command) < maxScript {
				out[len(out)-1].command += text + "\n"
			}
		case slices.Contains([]string{"prerotate", "postrotate", "firstaction", "lastaction", "preremove"}, word):
			in = true
			out = append(out, clause{n, text, ""})
		case slices.Contains([]string{"include", "compresscmd", "uncompresscmd", "mail"}, word):
			out = append(out, clause{n, text, text})
		}
	}
	return out
}

// lateness is by how much a maintainer script may be younger than the list of
// files that dpkg writes with it.
const lateness = time.Minute

// maintainers are the scripts of packages that were written after their
// package was unpacked, or that are no package's.
func (p *persistence) maintainers() {
	const dir = "/var/lib/dpkg/info"
	list, err := p.env.ReadDir(dir)
	if err != nil {
		return
	}
	lists := map[string]bool{}
	for _, x := range list {
		if name, ok := strings.CutSuffix(x.Name(), ".list"); ok {
			lists[name] = true
		}
	}
	for _, x := range list {
		name := strings.TrimSuffix(x.Name(), path.Ext(x.Name()))
		if !slices.Contains([]string{".preinst", ".postinst", ".prerm", ".postrm", ".config"}, path.Ext(x.Name())) {
			continue
		}
		file := path.Join(dir, x.Name())
		why := "no package of that name is installed"
		if lists[name] {
			i, err := p.env.Stat(file)
			at, err2 := p.env.Stat(path.Join(dir, name+".list"))
			if err != nil || err2 != nil || i.Modified.Sub(at.Modified) < lateness {
				p.counts["maintainer-script"]++
				continue
			}
			why = fmt.Sprintf("%s younger than its package's list of files", i.Modified.Sub(at.Modified).Round(time.Second))
		}
		p.script(file, "maintainer-script", why)
	}
}
