package module

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// maxModules bounds what is taken of a list of modules.
const maxModules = 20000

// canonical is the name as the kernel writes it: a module's file may have
// dashes where its name has underscores.
func canonical(name string) string { return strings.ReplaceAll(name, "-", "_") }

// fileModule is the module of a file such as kernel/fs/overlayfs/overlay.ko.xz.
func fileModule(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".ko")
	return canonical(name)
}

// parseModules reads the lines of /proc/modules: name, size, uses, users,
// state, address and taints.
func parseModules(data []byte) []snapshot.Module {
	var out []snapshot.Module
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		w := strings.Fields(line)
		if len(w) < 5 || len(out) >= 2000 {
			continue
		}
		m := snapshot.Module{Name: w[0], State: w[4]}
		m.Size, _ = strconv.ParseUint(w[1], 10, 64)
		m.Refs, _ = strconv.Atoi(w[2]) // "-" where modules are never unloaded
		for user := range strings.SplitSeq(w[3], ",") {
			if user != "" && user != "-" {
				m.UsedBy = append(m.UsedBy, user)
			}
		}
		if len(w) > 6 {
			m.Taint = strings.Trim(w[6], "()")
		}
		out = append(out, m)
	}
	order.By(out, func(a, b snapshot.Module) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// parseDep reads modules.dep: which file each module is in, and those that
// are not of the kernel's own folder.
func parseDep(data []byte) (files map[string]string, foreign []string) {
	files = map[string]string{}
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		file, _, ok := strings.Cut(line, ":")
		if !ok || file == "" || len(files) >= maxModules {
			continue
		}
		files[fileModule(file)] = file
		if !strings.HasPrefix(file, "kernel/") && len(foreign) < 100 {
			foreign = append(foreign, file)
		}
	}
	return files, foreign
}

// parseBuiltin reads modules.builtin: a file a line.
func parseBuiltin(data []byte) map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && len(out) < maxModules {
			out[fileModule(line)] = true
		}
	}
	return out
}

// parseModprobe reads a file of modprobe.d(5).
func parseModprobe(data []byte, file string) []snapshot.ModuleLine {
	var out []snapshot.ModuleLine
	held, start, n := "", 0, 0
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		n++
		line = strings.TrimSpace(line)
		if start == 0 {
			start = n
		}
		if rest, ok := strings.CutSuffix(line, `\`); ok && len(held) < 4096 {
			held += rest + " "
			continue
		}
		line, held = held+line, ""
		at := start
		start = 0
		kind, rest, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
		if len(out) >= maxLines || !slices.Contains([]string{"blacklist", "install", "remove", "alias", "options", "softdep"}, kind) {
			continue
		}
		name, value, _ := strings.Cut(strings.TrimSpace(rest), " ")
		x := snapshot.ModuleLine{Kind: kind, Module: name, Value: clip(strings.TrimSpace(value)), File: file, Line: at, Raw: clip(line)}
		if kind == "alias" { // alias WILDCARD MODULE
			x.Module, x.Value = x.Value, name
		}
		out = append(out, x)
	}
	return out
}

// parseLoad reads a file of modules-load.d(5) or /etc/modules.
func parseLoad(data []byte, file string) []snapshot.ModuleLine {
	var out []snapshot.ModuleLine
	n := 0
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' || len(out) >= maxLines {
			continue
		}
		name, value, _ := strings.Cut(line, " ")
		out = append(out, snapshot.ModuleLine{Kind: "load", Module: name, Value: clip(value), File: file, Line: n, Raw: clip(line)})
	}
	return out
}

// parseCmdline reads the kernel's parameters that load modules or keep them
// from it.
func parseCmdline(data []byte) []snapshot.ModuleLine {
	var out []snapshot.ModuleLine
	for _, w := range strings.Fields(strings.ToValidUTF8(string(data), "?")) {
		key, value, _ := strings.Cut(w, "=")
		kind := ""
		switch strings.ReplaceAll(key, "-", "_") {
		case "module_blacklist", "modprobe.blacklist", "rd.driver.blacklist", "initcall_blacklist":
			kind = "blacklist"
		case "modules_load", "rd.modules_load", "modules_load_d":
			kind = "load"
		case "nomodule":
			kind, value = "blacklist", "*"
		default:
			continue
		}
		for name := range strings.SplitSeq(value, ",") {
			if name != "" && len(out) < maxLines {
				out = append(out, snapshot.ModuleLine{Kind: kind, Module: clip(name), File: "/proc/cmdline", Line: 1, Raw: clip(w)})
			}
		}
	}
	return out
}

// maxLines and maxRaw bound what is kept of one file.
const (
	maxLines = 300
	maxRaw   = 512
)

func clip(s string) string {
	if len(s) > maxRaw {
		return strings.ToValidUTF8(s[:maxRaw], "")
	}
	return s
}
