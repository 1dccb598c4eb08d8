// Package limit collects the resource limits that files set.
package limit

import (
	"context"
	"path"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// Collectors are those of this package.
func Collectors() []source.Collector {
	return []source.Collector{{Section: snapshot.SectionLimits, Collect: collect}}
}

// maxLines bounds the lines of one file.
const maxLines = 300

func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	l := &snapshot.Limits{}
	pam := []string{"/etc/security/limits.conf"}
	for _, file := range append(pam, e.Glob("/etc/security/limits.d/*.conf")...) {
		l.PAM = append(l.PAM, parseLimits(read(e, file), file)...)
	}
	for _, file := range managerFiles(e) {
		l.Manager = append(l.Manager, parseManager(read(e, file), file)...)
	}
	l.NROpen, _ = strconv.ParseUint(strings.TrimSpace(string(read(e, "/proc/sys/fs/nr_open"))), 10, 64)
	s.Limits = l
	return ctx.Err()
}

// read returns a file's bytes, nil when it cannot be read.
func read(e *source.Env, name string) []byte {
	data, _ := e.ReadFile(name)
	return data
}

// managerFiles are the configuration of systemd's manager in the order read:
// the first system.conf there is, then the drop-ins of all folders by name, of
// which one in an earlier folder hides those of its name in later ones.
func managerFiles(e *source.Env) []string {
	dirs := []string{"/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd"}
	var out, drop []string
	first, seen := map[string]bool{}, map[string]bool{}
	for _, dir := range dirs {
		if real := e.Resolve(dir); seen[real] {
			continue
		} else {
			seen[real] = true
		}
		if file := path.Join(dir, "system.conf"); len(out) == 0 && e.Exists(file) {
			out = append(out, file)
		}
		for _, file := range e.Glob(path.Join(dir, "system.conf.d/*.conf")) {
			if !first[path.Base(file)] {
				first[path.Base(file)] = true
				drop = append(drop, file)
			}
		}
	}
	order.By(drop, func(a, b string) int { return strings.Compare(path.Base(a), path.Base(b)) })
	return append(out, drop...)
}

// parseLimits reads lines of "domain type item value".
func parseLimits(data []byte, file string) []snapshot.LimitLine {
	var out []snapshot.LimitLine
	n := 0
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		n++
		line, _, _ = strings.Cut(line, "#")
		w := strings.Fields(line)
		if len(w) < 4 || len(out) >= maxLines {
			continue
		}
		out = append(out, snapshot.LimitLine{Domain: w[0], Type: w[1], Item: w[2], Value: w[3], File: file, Line: n})
	}
	return out
}

// parseManager reads the limits of a system.conf.
func parseManager(data []byte, file string) []snapshot.UnitLimit {
	var out []snapshot.UnitLimit
	section := ""
	n := 0
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		n++
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		key = strings.TrimSpace(key)
		if !ok || section != "[Manager]" || !limits(key) || len(out) >= maxLines {
			continue
		}
		out = append(out, snapshot.UnitLimit{Key: key, Value: strings.TrimSpace(value), File: file, Line: n})
	}
	return out
}

// limits reports whether a key of system.conf limits what units may have.
func limits(key string) bool {
	switch key {
	case "DefaultTasksMax", "DefaultMemoryAccounting", "DefaultCPUAccounting", "DefaultTasksAccounting", "CPUAffinity", "NUMAPolicy", "NUMAMask",
		"DefaultOOMPolicy", "CapabilityBoundingSet", "NoNewPrivileges", "SystemCallArchitectures", "DefaultTimeoutStartSec", "DefaultStartLimitBurst",
		"DefaultStartLimitIntervalSec", "DefaultEnvironment", "ManagerEnvironment":
		return true
	}
	return strings.HasPrefix(key, "DefaultLimit")
}
