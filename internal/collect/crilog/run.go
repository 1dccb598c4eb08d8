package crilog

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/order"
)

// A File is one file of a run's log.
type File struct {
	Path       string // below the root
	Size       int64  // in bytes, as it lies on the disk
	Modified   time.Time
	Compressed bool // by gzip
}

// A Run is one run of one container and the files that hold what it said.
type Run struct {
	Namespace, Pod, UID, Container string
	Restart                        int
	Files                          []File // the oldest first; the last is the one written to
}

// Name is how the run's container is called: NAMESPACE/POD/CONTAINER.
func (r *Run) Name() string { return r.Namespace + "/" + r.Pod + "/" + r.Container }

// Modified is when the run last said something.
func (r *Run) Modified() time.Time { return r.Files[len(r.Files)-1].Modified }

// Runs returns all runs of all containers with what was rotated away, those
// of one container together, the oldest first. The kubelet rotates N.log to
// N.log.DATE-TIME and compresses that to N.log.DATE-TIME.gz.
func Runs(root fs.FS) ([]Run, error) {
	if _, err := fs.ReadDir(root, Dir); err != nil {
		return nil, fmt.Errorf("cannot list %q: %w", "/"+Dir, err)
	}
	return runsIn(root, Dir+"/*/*")
}

// RunsOf returns the runs of the same container of the same pod as r.
func RunsOf(root fs.FS, r *Run) ([]Run, error) { return runsIn(root, path.Dir(r.Files[0].Path)) }

// runsIn returns the runs in the folders that match a pattern.
func runsIn(root fs.FS, pattern string) ([]Run, error) {
	names, err := fs.Glob(root, pattern+"/*.log*")
	if err != nil {
		return nil, fmt.Errorf("cannot list %q: %w", Dir, err)
	}
	var runs []Run
	at := map[string]int{}
	for _, name := range names {
		l, ok := parseFile(name)
		if !ok {
			continue
		}
		info, err := fs.Stat(root, name)
		if err != nil || !info.Mode().IsRegular() {
			continue // gone, or a link that leads nowhere
		}
		key := l.UID + "/" + l.Container + "/" + strconv.Itoa(l.Restart)
		i, ok := at[key]
		if !ok {
			i = len(runs)
			at[key] = i
			runs = append(runs, Run{l.Namespace, l.Pod, l.UID, l.Container, l.Restart, nil})
		}
		runs[i].Files = append(runs[i].Files, File{name, info.Size(), info.ModTime(), strings.HasSuffix(name, ".gz")})
	}
	for i := range runs {
		order.By(runs[i].Files, fileOrder)
	}
	order.By(runs, func(a, b Run) int {
		same := a.UID == b.UID
		if a.Name() == b.Name() && !same {
			return a.Modified().Compare(b.Modified())
		}
		return cmp.Or(cmp.Compare(a.Name(), b.Name()), cmp.Compare(a.Restart, b.Restart))
	})
	return runs, nil
}

// fileOrder is by the time in the names; the file without one is the last.
func fileOrder(a, b File) int {
	live := func(f File) int {
		if strings.HasSuffix(f.Path, ".log") {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(live(a), live(b)), cmp.Compare(a.Path, b.Path))
}

// parseFile reads the path of a log, or of a part that was rotated away.
func parseFile(name string) (Log, bool) {
	dir, file := path.Split(name)
	file = strings.TrimSuffix(file, ".gz")
	run, stamp, rotated := strings.Cut(file, ".log.")
	if rotated {
		if _, err := time.Parse("20060102-150405", stamp); err != nil {
			return Log{}, false
		}
		file = run + ".log"
	}
	return parsePath(dir + file)
}
