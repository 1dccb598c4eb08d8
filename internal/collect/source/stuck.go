package source

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ErrStuck means that a file lies on a file system that does not answer.
// Asking for it again would wait for ever.
var ErrStuck = errors.New("its file system does not answer")

// stuckWait is how long a file system may take to answer statfs(2).
const stuckWait = 200 * time.Millisecond

// A stall holds the mount points that do not answer, found at the first use.
type stall struct {
	once   sync.Once
	points []string
}

// stuck is an error when name lies on a file system that does not answer. Only
// those whose answers come from another machine or process are asked.
func (e *Env) stuck(name string) error {
	if !e.Live || !e.atRoot() {
		return nil
	}
	e.stalled.once.Do(func() {
		data, err := os.ReadFile("/proc/self/mountinfo")
		if err == nil {
			e.stalled.points = silent(distant(data), answers)
		}
	})
	for _, p := range e.stalled.points {
		if name == p || strings.HasPrefix(name, p+"/") {
			return &fs.PathError{Op: "open", Path: name, Err: ErrStuck}
		}
	}
	return nil
}

// silent are the mount points that do not answer in time; all are asked at
// once.
func silent(points []string, ask func(string)) []string {
	done := make([]chan struct{}, len(points))
	for i, p := range points {
		done[i] = make(chan struct{})
		go func() {
			ask(p)
			close(done[i])
		}()
	}
	limit := time.After(stuckWait)
	var out []string
	over := false
	for i, p := range points {
		if over {
			select {
			case <-done[i]:
			default:
				out = append(out, p)
			}
			continue
		}
		select {
		case <-done[i]:
		case <-limit:
			out, over = append(out, p), true
		}
	}
	return out
}

func answers(point string) {
	var st unix.Statfs_t
	_ = unix.Statfs(point, &st) // an error is an answer too
}

// distant reads /proc/self/mountinfo (proc(5)) for the mount points whose file
// systems are served by another machine or by a process.
func distant(data []byte) []string {
	var out []string
	for line := range strings.Lines(string(data)) {
		left, right, ok := strings.Cut(line, " - ")
		w, kind := strings.Fields(left), strings.Fields(right)
		if !ok || len(w) < 5 || len(kind) == 0 || !served(kind[0]) {
			continue
		}
		out = append(out, octal.Replace(w[4]))
	}
	return out
}

// octal undoes mountinfo's escapes.
var octal = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

func served(kind string) bool {
	kind, _, _ = strings.Cut(kind, ".")
	switch kind {
	case "fuse", "fuseblk", "nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "afs", "lustre", "ocfs2", "gfs2", "beegfs", "virtiofs", "autofs":
		return true
	}
	return false
}
