package storage

import (
	"strconv"
	"strings"
)

// A mount is a line of /proc/self/mountinfo with both sets of options apart.
type mount struct {
	device, target, options, fsType, source, super string
}

// maxMounts bounds the lines that are taken.
const maxMounts = 20000

// parseMounts reads the lines, described in proc_pid_mountinfo(5).
func parseMounts(data []byte) []mount {
	var out []mount
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		left, right, ok := strings.Cut(line, " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if !ok || len(l) < 6 || len(r) < 2 || len(out) >= maxMounts {
			continue
		}
		m := mount{device: l[2], target: plain(l[4]), options: l[5], fsType: r[0], source: plain(r[1])}
		if len(r) > 2 {
			m.super = r[2]
		}
		out = append(out, m)
	}
	return out
}

// plain replaces the octal escapes of blanks and backslashes.
func plain(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return strings.ToValidUTF8(b.String(), "?")
}

func has(list, want string) bool {
	for x := range strings.SplitSeq(list, ",") {
		if x == want {
			return true
		}
	}
	return false
}
