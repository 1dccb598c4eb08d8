package descriptor

import (
	"strconv"
	"strings"
)

// lockedInodes are the inodes of /proc/locks.
func lockedInodes(data []byte) map[uint64]bool {
	out := map[uint64]bool{}
	for line := range strings.Lines(string(data)) {
		for _, w := range strings.Fields(line) {
			if parts := strings.Split(w, ":"); len(parts) == 3 {
				if n, err := strconv.ParseUint(parts[2], 10, 64); err == nil {
					out[n] = true
				}
			}
		}
	}
	return out
}

// parseLockInfo returns the lock: lines of an fdinfo without their numbers.
func parseLockInfo(data []byte) []string {
	var out []string
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		if rest, ok := strings.CutPrefix(line, "lock:"); ok && len(out) < 50 {
			_, lock, _ := strings.Cut(rest, ":")
			out = append(out, strings.Join(strings.Fields(lock), " "))
		}
	}
	return out
}

// parseBPFInfo reads the fdinfo of a program, map or link of BPF.
func parseBPFInfo(data []byte) (kind string, id, prog uint32) {
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(line, ":")
		n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 32)
		if err != nil {
			continue
		}
		switch key {
		case "link_id":
			kind, id, prog = "link", uint32(n), id
		case "prog_id":
			if kind == "link" {
				prog = uint32(n)
			} else {
				kind, id = "prog", uint32(n)
			}
		case "map_id":
			kind, id = "map", uint32(n)
		}
	}
	return kind, id, prog
}

// parseUID returns the effective user of a /proc/PID/status.
func parseUID(data []byte) uint32 {
	for line := range strings.Lines(string(data)) {
		if w := strings.Fields(line); len(w) > 2 && w[0] == "Uid:" {
			n, _ := strconv.ParseUint(w[2], 10, 32)
			return uint32(n)
		}
	}
	return 0
}
