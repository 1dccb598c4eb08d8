package file

import (
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/mark"
	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// dpkg reads what replaces files of packages, and what else decides which
// packages are installed.
func dpkg(e *source.Env, out *snapshot.Files) {
	if data, err := e.ReadFile("/var/lib/dpkg/diversions"); err == nil {
		for _, d := range parseDiversions(string(data)) {
			if d.by == ":" || strings.Contains(d.from, "/bin/") || strings.Contains(d.from, "/sbin/") || strings.HasPrefix(d.from, "/etc/") || strings.Contains(d.from, "/systemd/") {
				keep(&out.Diversions, snapshot.Special{Path: d.from, Why: "diversion", Target: d.to, Detail: "by " + d.by, Source: "/var/lib/dpkg/diversions", Line: d.line})
			}
		}
	}
	if data, err := e.ReadFile("/var/lib/dpkg/statoverride"); err == nil {
		for n, line := range strings.Split(string(data), "\n") {
			if w := strings.Fields(line); len(w) >= 4 {
				x := snapshot.Special{Path: strings.Join(w[3:], " "), Why: "override", Detail: strings.Join(w[:3], " "), Source: "/var/lib/dpkg/statoverride", Line: n + 1}
				if i, err := e.Lstat(x.Path); err == nil {
					x.Mode, x.UID, x.GID = i.Mode, i.UID, i.GID
				}
				keep(&out.Overrides, x)
			}
		}
	}
	alternatives(e, out)
	if data, err := e.ReadFile("/var/lib/dpkg/status"); err == nil {
		for _, h := range holds(string(data)) {
			out.Sources = append(out.Sources, snapshot.Rule{Kind: "hold", Text: h.text, Source: "/var/lib/dpkg/status", Line: h.line})
		}
	}
	aptFiles(e, out)
}

// A diversion is three lines of the file: from, to and by whom.
type diversion struct {
	from, to, by string
	line         int
}

func parseDiversions(data string) []diversion {
	var out []diversion
	w := strings.Split(strings.ToValidUTF8(data, "\ufffd"), "\n")
	for i := 0; i+2 < len(w) && len(out) < 2000; i += 3 {
		out = append(out, diversion{w[i], w[i+1], w[i+2], i + 1})
	}
	return out
}

// alternatives are the links of /etc/alternatives whose file no package owns,
// or that something else stands for.
func alternatives(e *source.Env, out *snapshot.Files) {
	list, _ := e.ReadDir("/etc/alternatives")
	for _, f := range list {
		name := path.Join("/etc/alternatives", f.Name())
		target, err := e.Readlink(name)
		i, _ := e.Lstat(name)
		x := special(name, "alternative", i)
		x.Target = target
		switch {
		case err != nil:
			if f.Name() == "README" {
				continue
			}
			x.Detail = "is no link"
		default:
			x.Package = e.PackageOwner(target)
			if x.Package == "" {
				x.Package = e.PackageOwner(e.Resolve(target))
			}
			if x.Package != "" || strings.HasSuffix(f.Name(), ".gz") {
				continue
			}
			if !e.Exists(target) {
				continue // documentation that was left out
			}
			x.Detail = "leads to a file of no package"
		}
		keep(&out.Alternatives, x)
	}
}

// A line is a quoted line of a file.
type line struct {
	text string
	line int
}

// holds are the packages of a dpkg status file that are kept from being
// replaced, or are not wholly installed.
func holds(data string) []line {
	var out []line
	name, n := "", 0
	for l := range strings.Lines(data) {
		n++
		if v, ok := strings.CutPrefix(l, "Package: "); ok {
			name = strings.TrimSpace(v)
		}
		v, ok := strings.CutPrefix(l, "Status: ")
		w := strings.Fields(v)
		if ok && len(w) == 3 && (w[0] == "hold" || w[1] != "ok" || w[0] == "install" && w[2] != "installed") && len(out) < maxKept {
			out = append(out, line{strings.ToValidUTF8(name+": "+strings.TrimSpace(v), "\ufffd"), n})
		}
	}
	return out
}

// aptFiles are pins, proxies, repositories and keys that no package brought.
func aptFiles(e *source.Env, out *snapshot.Files) {
	add := func(kind, file string, want func(string) bool) {
		data, err := e.ReadFile(file)
		if err != nil || len(out.Sources) >= maxKept {
			return
		}
		o := e.Origin(file)
		for n, l := range strings.Split(strings.ToValidUTF8(string(data), "\ufffd"), "\n") {
			l = strings.TrimSpace(l)
			if l == "" || l[0] == '#' || strings.HasPrefix(l, "//") || !want(l) || len(out.Sources) >= maxKept {
				continue
			}
			out.Sources = append(out.Sources, snapshot.Rule{Kind: kind, Text: secret.Scrub(l), Source: file, Line: n + 1, Package: o.Package, Sum: o.Sum, Marks: mark.Of(l)})
		}
	}
	all := func(string) bool { return true }
	for _, f := range append(e.Glob("/etc/apt/sources.list.d/*"), "/etc/apt/sources.list") {
		add("repository", f, func(l string) bool {
			return strings.HasPrefix(l, "deb") || strings.HasPrefix(l, "URIs") || strings.HasPrefix(l, "Trusted") || strings.HasPrefix(l, "Signed-By")
		})
	}
	for _, f := range append(e.Glob("/etc/apt/preferences.d/*"), "/etc/apt/preferences") {
		add("pin", f, all)
	}
	for _, f := range append(e.Glob("/etc/apt/apt.conf.d/*"), "/etc/apt/apt.conf") {
		add("option", f, func(l string) bool {
			low := strings.ToLower(l)
			return slices.ContainsFunc([]string{"proxy", "allowunauthenticated", "allow-insecure", "verify-peer", "allowinsecure", "trusted"}, func(w string) bool { return strings.Contains(low, w) })
		})
	}
	for _, f := range slices.Concat(e.Glob("/etc/apt/trusted.gpg.d/*"), e.Glob("/etc/apt/keyrings/*"), e.Glob("/etc/apt/trusted.gpg")) {
		if e.PackageOwner(f) == "" && len(out.Sources) < maxKept {
			out.Sources = append(out.Sources, snapshot.Rule{Kind: "key", Text: path.Base(f), Source: f})
		}
	}
}

// formats reads binfmt_misc where it is mounted: to look where systemd would
// mount it makes it do so.
func formats(e *source.Env, out *snapshot.Files) {
	mounts, _ := e.ReadFile("/proc/self/mountinfo")
	if !e.Live || !strings.Contains(string(mounts), " - binfmt_misc ") {
		return
	}
	const dir = "/proc/sys/fs/binfmt_misc"
	list, _ := e.ReadDir(dir)
	for _, f := range list {
		if f.Name() == "register" || f.Name() == "status" || len(out.Formats) >= maxKept {
			continue
		}
		data, err := e.ReadFile(path.Join(dir, f.Name()))
		if err != nil {
			continue
		}
		x := parseFormat(string(data))
		x.Name = f.Name()
		o := e.Origin(x.Interpreter)
		x.Package, x.Sum = o.Package, o.Sum
		out.Formats = append(out.Formats, x)
	}
}

// parseFormat reads an entry of binfmt_misc, of the kernel's
// admin-guide/binfmt-misc.
func parseFormat(data string) snapshot.Format {
	var f snapshot.Format
	for l := range strings.Lines(strings.ToValidUTF8(data, "\ufffd")) {
		key, value, _ := strings.Cut(strings.TrimSpace(l), " ")
		switch key {
		case "enabled":
			f.Enabled = true
		case "interpreter":
			f.Interpreter = value
		case "flags:":
			f.Flags = value
		case "extension", "magic", "mask", "offset":
			f.Match = strings.TrimSpace(f.Match + " " + key + " " + value)
		}
	}
	return f
}
