package host

import (
	"path"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// unitFolders are those of systemd.unit(5), the first one first.
var unitFolders = []string{
	"/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient", "/etc/systemd/system",
	"/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
}

// limitKeys are the settings of systemd.resource-control(5) by which a unit's
// group is limited, or placed elsewhere.
var limitKeys = map[string]bool{
	"CPUQuota": true, "CPUQuotaPeriodSec": true, "CPUWeight": true, "StartupCPUWeight": true, "CPUShares": true,
	"AllowedCPUs": true, "StartupAllowedCPUs": true, "MemoryMax": true, "MemoryHigh": true, "MemoryLimit": true,
	"MemorySwapMax": true, "TasksMax": true, "Slice": true, "IOReadBandwidthMax": true, "IOWriteBandwidthMax": true,
	"IOReadIOPSMax": true, "IOWriteIOPSMax": true, "BlockIOReadBandwidth": true, "BlockIOWriteBandwidth": true,
}

// unitLimits finds the lines that limit a unit, each unit once.
type unitLimits struct {
	env  *source.Env
	seen map[string][]snapshot.UnitLimit
}

// of returns the lines for the group of that name, which may be no unit's.
func (u unitLimits) of(unit string) []snapshot.UnitLimit {
	kind := strings.TrimPrefix(path.Ext(unit), ".")
	if kind != "service" && kind != "slice" && kind != "scope" {
		return nil
	}
	if got, ok := u.seen[unit]; ok {
		return got
	}
	var out []snapshot.UnitLimit
	done := map[string]bool{}
	for _, dir := range unitFolders {
		if real := u.env.Resolve(dir); done[real] || !u.env.Exists(dir) {
			continue
		} else {
			done[real] = true
		}
		for _, name := range unitNames(unit, kind) {
			out = append(out, parseUnitLimits(read(u.env, path.Join(dir, name)), path.Join(dir, name))...)
			for _, file := range u.env.Glob(path.Join(dir, escapeGlob(name)+".d/*.conf")) {
				out = append(out, parseUnitLimits(read(u.env, file), file)...)
			}
		}
	}
	u.seen[unit] = out
	return out
}

// unitNames are the names under which a unit is configured: its own, that of
// its template, those of each shorter prefix, and that of its type.
func unitNames(unit, kind string) []string {
	out := []string{unit}
	stem := strings.TrimSuffix(unit, "."+kind)
	if i := strings.IndexByte(stem, '@'); i >= 0 {
		out = append(out, stem[:i+1]+"."+kind)
	}
	for i := len(stem) - 1; i > 0 && len(out) < 8; i-- {
		if stem[i] == '-' {
			out = append(out, stem[:i+1]+"."+kind)
		}
	}
	return append(out, kind)
}

func escapeGlob(name string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(name)
}

// parseUnitLimits reads the lines of a unit file that set limits.
func parseUnitLimits(data []byte, file string) []snapshot.UnitLimit {
	var out []snapshot.UnitLimit
	held, start, n := "", 0, 0
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		n++
		line = strings.TrimSpace(line)
		if line == "" && held == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		if start == 0 {
			start = n
		}
		if rest, ok := strings.CutSuffix(line, `\`); ok && len(held) < 4096 {
			held += strings.TrimSpace(rest) + " "
			continue
		}
		key, value, ok := strings.Cut(held+line, "=")
		if key = strings.TrimSpace(key); ok && limitKeys[key] && len(out) < 100 {
			out = append(out, snapshot.UnitLimit{Key: key, Value: strings.TrimSpace(value), File: file, Line: start})
		}
		held, start = "", 0
	}
	return out
}
