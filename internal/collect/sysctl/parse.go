package sysctl

import (
	"path"
	"strings"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/snapshot"
)

// procSys is where the settings are.
const procSys = "/proc/sys/"

// cmdline is the file of the parameters that the kernel was started with.
const cmdline = "/proc/cmdline"

// maxLines and maxRaw bound what is taken of one file.
const (
	maxLines = 2000
	maxRaw   = 512
)

// parseConf reads the lines of a file of sysctl.d(5).
func parseConf(data []byte, file string) []snapshot.SysctlLine {
	var out []snapshot.SysctlLine
	n := 0
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		n++
		text := strings.TrimSpace(line)
		if text == "" || text[0] == '#' || text[0] == ';' || len(out) >= maxLines {
			continue
		}
		l := snapshot.SysctlLine{File: file, Line: n, Raw: clip(text)}
		key, value, assigned := strings.Cut(text, "=")
		key = strings.TrimSpace(key)
		if rest, ok := strings.CutPrefix(key, "-"); ok {
			key, l.Optional, l.Excludes = strings.TrimSpace(rest), assigned, !assigned
		} else if !assigned {
			continue // neither sets nor excludes
		}
		l.Key, l.Value = keyOf(normal(key)), clip(strings.TrimSpace(value))
		if l.Key == "" {
			continue
		}
		l.Pattern = wild(l.Key)
		if private(l.Key) {
			l.Value = secret.Mark(l.Value)
			l.Raw = key + " = " + l.Value
		}
		out = append(out, l)
	}
	return out
}

// parseCmdline reads the parameters sysctl.KEY=VALUE, which the kernel applies
// before it starts init.
func parseCmdline(data []byte) []snapshot.SysctlLine {
	var out []snapshot.SysctlLine
	for _, w := range strings.Fields(strings.ToValidUTF8(string(data), "?")) {
		rest, ok := strings.CutPrefix(w, "sysctl.")
		key, value, assigned := strings.Cut(rest, "=")
		key = keyOf(normal(key))
		if ok && assigned && key != "" && len(out) < maxLines {
			out = append(out, snapshot.SysctlLine{File: cmdline, Line: 1, Raw: clip(w), Key: key, Value: clip(value)})
		}
	}
	return out
}

func clip(s string) string {
	if len(s) > maxRaw {
		return strings.ToValidUTF8(s[:maxRaw], "")
	}
	return s
}

// normal turns a key as it may be written into a path: where a dot comes
// before the first slash, dots are separators and slashes are dots.
func normal(key string) string {
	if i := strings.IndexAny(key, "./"); i >= 0 && key[i] == '.' {
		return swap(key)
	}
	return key
}

// swap exchanges dots and slashes.
func swap(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return r
	}, s)
}

// keyOf is the key of a path below /proc/sys.
func keyOf(name string) string {
	return swap(strings.Trim(path.Clean("/"+name), "/"))
}

// filePath is where a key is; it never leaves /proc/sys.
func filePath(key string) string { return path.Join(procSys, path.Clean("/"+swap(key))) }

// wild reports whether a key is a pattern of glob(7).
func wild(key string) bool { return strings.ContainsAny(key, "*?[") }
