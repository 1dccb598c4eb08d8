package trail

import (
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

const settingLimit = 100

// settings are the lines that say what is logged and kept: all of journald's,
// what rsyslog discards, and what auditd leaves out or is locked by.
func settings(e *source.Env) []snapshot.LogSetting {
	var list []snapshot.LogSetting
	for _, name := range journaldFiles(e) {
		if data, err := e.ReadFile(name); err == nil {
			list = append(list, parseJournald(name, string(data))...)
		}
	}
	for _, name := range append(e.Glob("/etc/rsyslog.conf"), e.Glob("/etc/rsyslog.d/*.conf")...) {
		if data, err := e.ReadFile(name); err == nil {
			list = append(list, parseRsyslog(name, string(data))...)
		}
	}
	for _, name := range append(e.Glob("/etc/audit/audit.rules"), e.Glob("/etc/audit/rules.d/*.rules")...) {
		if data, err := e.ReadFile(name); err == nil {
			list = append(list, parseAuditRules(name, string(data))...)
		}
	}
	return list[:min(len(list), settingLimit)]
}

// journaldFiles are the files of journald's configuration in the order in which
// they are applied: of drop-ins of one name, that of the first folder holds.
func journaldFiles(e *source.Env) []string {
	var files []string
	folders := []string{"/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd"}
	for _, dir := range folders {
		if e.Exists(dir + "/journald.conf") {
			files = append(files, dir+"/journald.conf")
			break
		}
	}
	byName := map[string]string{}
	var names []string
	for _, dir := range folders {
		for _, p := range e.Glob(dir + "/journald.conf.d/*.conf") {
			name := p[strings.LastIndexByte(p, '/')+1:]
			if byName[name] == "" {
				byName[name] = p
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	for _, n := range names {
		files = append(files, byName[n])
	}
	return files
}

// lines yields the lines that are no comment, with their numbers.
func lines(text string, yield func(n int, line string)) {
	n := 0
	for l := range strings.Lines(text) {
		n++
		if l = strings.TrimSpace(l); l != "" && l[0] != '#' && l[0] != ';' {
			yield(n, l)
		}
	}
}

func parseJournald(path, text string) []snapshot.LogSetting {
	var list []snapshot.LogSetting
	ours := false
	lines(text, func(n int, l string) {
		if l[0] == '[' {
			ours = l == "[Journal]"
			return
		}
		if key, value, ok := strings.Cut(l, "="); ok && ours {
			list = append(list, snapshot.LogSetting{Path: path, Line: n, Key: clip(strings.TrimSpace(key)), Value: clip(strings.TrimSpace(value))})
		}
	})
	return list
}

// parseRsyslog finds what is thrown away: the action stop, or ~ in its old form.
func parseRsyslog(path, text string) []snapshot.LogSetting {
	var list []snapshot.LogSetting
	lines(text, func(n int, l string) {
		words := strings.FieldsFunc(l, func(r rune) bool { return r == ' ' || r == '\t' || r == '{' || r == '}' || r == '"' || r == ';' })
		if slices.Contains(words, "stop") || len(words) > 1 && words[len(words)-1] == "~" {
			list = append(list, snapshot.LogSetting{Path: path, Line: n, Key: "discard", Value: clip(l)})
		}
	})
	return list
}

// parseAuditRules finds what turns auditing off, locks it, or leaves out.
func parseAuditRules(path, text string) []snapshot.LogSetting {
	var list []snapshot.LogSetting
	lines(text, func(n int, l string) {
		w := strings.Fields(l)
		if w[0] == "-e" || w[0] == "-D" || w[0] == "-a" && len(w) > 1 && strings.Contains(w[1], "never") || w[0] == "-r" {
			list = append(list, snapshot.LogSetting{Path: path, Line: n, Key: "rule", Value: clip(l)})
		}
	})
	return list
}
