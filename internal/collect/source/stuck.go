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

// ErrUnmounted means that a file lies where the first look would mount a file
// system: an automount that nothing has asked for yet.
var ErrUnmounted = errors.New("to look would mount it")

// A stall holds the mount points that do not answer and the automounts that
// wait, found at the first use.
type stall struct {
	once   sync.Once
	points []string
	traps  []trap
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
			e.stalled.points, e.stalled.traps = silent(distant(data), answers), traps(data)
		}
	})
	for _, p := range e.stalled.points {
		if beneath(name, p) {
			return &fs.PathError{Op: "open", Path: name, Err: ErrStuck}
		}
	}
	for _, t := range e.stalled.traps {
		if t.catches(name) {
			return &fs.PathError{Op: "open", Path: name, Err: ErrUnmounted}
		}
	}
	return nil
}

func beneath(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

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

// A mounted is a line of /proc/self/mountinfo (proc(5)).
type mounted struct{ point, kind, options string }

func mountedOf(data []byte) []mounted {
	var out []mounted
	for line := range strings.Lines(string(data)) {
		left, right, ok := strings.Cut(line, " - ")
		w, of := strings.Fields(left), strings.Fields(right)
		if !ok || len(w) < 5 || len(of) == 0 {
			continue
		}
		out = append(out, mounted{octal.Replace(w[4]), of[0], of[len(of)-1]})
	}
	return out
}

// distant are the mount points of /proc/self/mountinfo whose file systems are
// served by another machine or by a process.
func distant(data []byte) []string {
	var out []string
	for _, m := range mountedOf(data) {
		if served(m.kind) {
			out = append(out, m.point)
		}
	}
	return out
}

// octal undoes mountinfo's escapes.
var octal = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

func served(kind string) bool {
	kind, _, _ = strings.Cut(kind, ".")
	switch kind {
	case "fuse", "fuseblk", "nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "afs", "lustre", "ocfs2", "gfs2", "beegfs", "virtiofs":
		return true
	}
	return false
}
