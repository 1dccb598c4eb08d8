package guard

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/guard/proc"
	"github.com/klustered/klustered/internal/repair"
)

// ours reports whether a process is a klustered that repairs this node, or takes
// a repair back: it is called so and holds the lock of the journals.
func (w *Watch) ours(p proc.Process) bool {
	if !klustered(p.Exe) || p.PID != lockHolder() {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.repaired = time.Now()
	return true
}

func klustered(exe string) bool {
	name := filepath.Base(strings.TrimSuffix(exe, " (deleted)"))
	return strings.HasPrefix(strings.TrimPrefix(name, "."), "klustered")
}

// lockHolder is the process that holds the lock of this node's journals; 0 for
// none.
func lockHolder() int {
	var st unix.Stat_t
	if unix.Stat(filepath.Join(repair.DefaultDir, "lock"), &st) != nil {
		return 0
	}
	data, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0
	}
	return holder(data, st.Ino)
}

// holder finds who holds the lock of flock(2) on that inode, see proc_locks(5).
func holder(locks []byte, inode uint64) int {
	end := fmt.Appendf(nil, ":%d", inode)
	for line := range bytes.Lines(locks) {
		f := bytes.Fields(line)
		if len(f) >= 6 && string(f[1]) == "FLOCK" && bytes.HasSuffix(f[5], end) {
			if pid, err := strconv.Atoi(string(f[4])); err == nil {
				return pid
			}
		}
	}
	return 0
}
