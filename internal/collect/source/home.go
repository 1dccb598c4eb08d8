package source

import (
	"path"
	"strings"
)

// A Home is a user's folder.
type Home struct{ User, Dir string }

// maxHomes bounds the homes that are looked at.
const maxHomes = 100

// Homes are the distinct homes of /etc/passwd that exist, root's first. System
// accounts that have a folder such as / or /usr/sbin are left out.
func (e *Env) Homes() []Home {
	data, _ := e.ReadFile("/etc/passwd")
	var out []Home
	for _, h := range parseHomes(string(data)) {
		if h.Dir == "/root" || e.Exists(h.Dir) {
			out = append(out, h)
		}
	}
	return out
}

// parseHomes reads the homes of passwd(5).
func parseHomes(data string) []Home {
	out := []Home{{"root", "/root"}}
	seen := map[string]bool{"/root": true, "/": true}
	for line := range strings.Lines(strings.ToValidUTF8(data, "\ufffd")) {
		w := strings.Split(strings.TrimSpace(line), ":")
		if len(w) < 7 || len(out) >= maxHomes {
			continue
		}
		dir := path.Clean(w[5])
		if seen[dir] || !strings.HasPrefix(dir, "/") || ofSystem(dir) {
			continue
		}
		seen[dir] = true
		out = append(out, Home{w[0], dir})
	}
	return out
}

// ofSystem reports whether a folder is no person's home.
func ofSystem(dir string) bool {
	for _, d := range []string{"/bin", "/sbin", "/usr", "/dev", "/proc", "/sys", "/run", "/etc", "/nonexistent", "/var/run"} {
		if dir == d || strings.HasPrefix(dir, d+"/") {
			return true
		}
	}
	return false
}
