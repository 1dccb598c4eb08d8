// Package login collects who may come in and become root, and by what:
// accounts, the SSH server and its keys, PAM, sudo, name services, and the
// authorities that programs trust.
package login

import (
	"context"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/collect/mark"
	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// Collectors are those of this package.
func Collectors() []source.Collector {
	return []source.Collector{{Section: snapshot.SectionAccess, Collect: collect}}
}

// maxKept bounds each list.
const maxKept = 300

// collect reads each part in turn: all are small files.
func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	x := &snapshot.Access{Accounts: accounts(e)}
	x.Servers = sshd(e)
	x.Keys = keys(e, x.Servers)
	x.PAM = pam(e)
	x.Sudo = sudo(e)
	x.NSS = nss(e)
	x.Wrappers = wrappers(e)
	if ctx.Err() == nil {
		x.Authorities = authorities(e)
	}
	s.Access = x
	return ctx.Err()
}

// text is a file as text, "" when there is none.
func text(e *source.Env, name string) string {
	data, err := e.ReadFile(name)
	if err != nil {
		return ""
	}
	return strings.ToValidUTF8(string(data), "\ufffd")
}

// rootly are the groups whose members are nearly root.
var rootly = []string{"root", "sudo", "wheel", "admin", "docker", "disk", "shadow", "lxd", "kmem", "adm", "systemd-journal"}

// accounts are those that can log in, have uid 0, or are odd.
func accounts(e *source.Env) []snapshot.Account {
	shadow := parseShadow(text(e, "/etc/shadow"))
	shells := "\n" + text(e, "/etc/shells")
	backup := text(e, "/etc/passwd-")
	groups := parseGroups(text(e, "/etc/group"))
	var out []snapshot.Account
	for _, a := range parsePasswd(text(e, "/etc/passwd")) {
		p, ok := shadow[a.Name]
		if ok {
			a.Password, a.Changed = p.state, p.changed
		} else if a.Password != "empty" {
			a.Password = "none"
		}
		a.New = backup != "" && !strings.Contains("\n"+backup, "\n"+a.Name+":")
		a.Groups = groups[a.Name]
		a.Shells = strings.Contains(shells, "\n"+a.Shell+"\n")
		idle := strings.HasSuffix(a.Shell, "/nologin") || strings.HasSuffix(a.Shell, "/false") || strings.HasSuffix(a.Shell, "/sync")
		odd := a.UID == 0 || a.Password == "set" || a.Password == "empty" || a.New || len(a.Groups) > 0 || strings.ContainsAny(a.Name, "+-@ ")
		if idle && !odd || len(out) >= maxKept {
			continue
		}
		o := e.Origin(a.Shell)
		a.ShellPackage, a.ShellSum = o.Package, o.Sum
		out = append(out, a)
	}
	return out
}

// parsePasswd reads passwd(5).
func parsePasswd(data string) []snapshot.Account {
	var out []snapshot.Account
	n := 0
	for line := range strings.Lines(data) {
		n++
		w := strings.Split(strings.TrimRight(line, "\r\n"), ":")
		if strings.TrimSpace(line) == "" || line[0] == '#' || len(out) >= 5000 {
			continue
		}
		for len(w) < 7 {
			w = append(w, "")
		}
		a := snapshot.Account{Name: w[0], Home: w[5], Shell: w[6], Line: n, Source: "/etc/passwd"}
		a.UID, a.GID = id(w[2]), id(w[3])
		if w[1] == "" {
			a.Password = "empty"
		}
		if a.Shell == "" {
			a.Shell = "/bin/sh"
		}
		out = append(out, a)
	}
	return out
}

// id reads a number of a user or a group, -1 when it is none.
func id(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// A shadowed is what /etc/shadow says of an account, without its hash.
type shadowed struct {
	state   string
	changed time.Time
}

// parseShadow reads shadow(5).
func parseShadow(data string) map[string]shadowed {
	out := map[string]shadowed{}
	for line := range strings.Lines(data) {
		w := strings.Split(strings.TrimSpace(line), ":")
		if len(w) < 3 {
			continue
		}
		x := shadowed{state: "set"}
		switch {
		case w[1] == "":
			x.state = "empty"
		case strings.HasPrefix(w[1], "!"), strings.HasPrefix(w[1], "*"):
			x.state = "locked"
		}
		if days, err := strconv.ParseUint(w[2], 10, 20); err == nil && days > 0 {
			x.changed = time.Unix(int64(days)*86400, 0).UTC()
		}
		out[w[0]] = x
	}
	return out
}

// parseGroups are the members of the groups that make nearly root.
func parseGroups(data string) map[string][]string {
	out := map[string][]string{}
	for line := range strings.Lines(data) {
		w := strings.Split(strings.TrimSpace(line), ":")
		if len(w) < 4 {
			continue
		}
		for _, g := range rootly {
			if w[0] != g {
				continue
			}
			for m := range strings.SplitSeq(w[3], ",") {
				if m != "" && len(out) < 1000 {
					out[m] = append(out[m], g)
				}
			}
		}
	}
	return out
}

// rule makes a rule of a line.
func rule(e *source.Env, kind, line, file string, n int) snapshot.Rule {
	o := e.Origin(file)
	return snapshot.Rule{Kind: kind, Text: secret.Scrub(line), Source: file, Line: n, Package: o.Package, Sum: o.Sum, Marks: mark.Of(line)}
}

// joined are the lines of a file, those that end in a backslash joined to the
// next, comments left out, each with the number of its first.
func joined(data string, visit func(line string, n int)) {
	n, start, held := 0, 0, ""
	for line := range strings.Lines(data) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if start == 0 {
			start = n
		}
		if rest, ok := strings.CutSuffix(line, `\`); ok && len(held) < 64<<10 {
			held += rest
			continue
		}
		full := strings.TrimSpace(held + line)
		if full != "" && full[0] != '#' {
			visit(full, start)
		}
		held, start = "", 0
	}
}

// sudo are the rules of sudoers, doas and polkit that stand out: all that
// grant without a password, keep variables of the loader, or are of no
// package.
func sudo(e *source.Env) []snapshot.Rule {
	var out []snapshot.Rule
	for _, file := range append([]string{"/etc/sudoers", "/etc/doas.conf"}, e.Glob("/etc/sudoers.d/*")...) {
		joined(text(e, file), func(line string, n int) {
			r := rule(e, "sudo", line, file, n)
			loose := strings.Contains(line, "NOPASSWD") || strings.Contains(line, "!authenticate") || strings.Contains(line, "env_keep") || strings.Contains(line, "!env_reset") || strings.Contains(line, "secure_path") || strings.Contains(line, "nopass")
			if (loose || r.Sum != "same") && len(out) < maxKept {
				out = append(out, r)
			}
		})
	}
	for _, g := range []string{"/etc/polkit-1/rules.d/*", "/usr/share/polkit-1/rules.d/*", "/usr/local/share/polkit-1/rules.d/*", "/etc/polkit-1/localauthority/*/*", "/etc/dbus-1/system.d/*", "/usr/share/polkit-1/actions/*", "/usr/share/dbus-1/system.d/*"} {
		for _, file := range e.Glob(g) {
			o := e.Origin(file)
			if o.Package != "" && o.Sum != "differs" || strings.HasPrefix(g, "/usr/share") && !e.HasPackages() || len(out) >= maxKept {
				continue
			}
			out = append(out, snapshot.Rule{Kind: path.Base(path.Dir(path.Dir(file))), Text: "a policy that is not as a package made it", Source: file, Package: o.Package, Sum: o.Sum, Marks: mark.Of(text(e, file))})
		}
	}
	return out
}

// wrappers are the lines of tcpd's and inetd's files.
func wrappers(e *source.Env) []snapshot.Rule {
	var out []snapshot.Rule
	for _, file := range append([]string{"/etc/hosts.allow", "/etc/hosts.deny", "/etc/inetd.conf", "/etc/xinetd.conf"}, e.Glob("/etc/xinetd.d/*")...) {
		joined(text(e, file), func(line string, n int) {
			if len(out) < maxKept {
				out = append(out, rule(e, path.Base(file), line, file, n))
			}
		})
	}
	return out
}
