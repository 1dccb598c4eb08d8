package crilog

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Dir is where the kubelet keeps the logs of pods, below the root.
const Dir = "var/log/pods"

// A Log is the log file of one run of one container.
type Log struct {
	Namespace, Pod, UID, Container string
	Restart                        int // the run's number, which is the file's name
	Path                           string
	Size                           int64 // in bytes
}

// List returns the logs of all runs, those that were rotated away aside, in
// the order of their paths.
func List(root fs.FS) ([]Log, error) {
	names, err := fs.Glob(root, Dir+"/*/*/*.log")
	if err != nil {
		return nil, fmt.Errorf("cannot list %q: %w", Dir, err)
	}
	if _, err := fs.ReadDir(root, Dir); err != nil {
		return nil, fmt.Errorf("cannot list %q: %w", Dir, err)
	}
	var logs []Log
	for _, name := range names {
		l, ok := parsePath(name)
		if !ok {
			continue
		}
		if info, err := fs.Stat(root, name); err == nil {
			l.Size = info.Size()
		}
		logs = append(logs, l)
	}
	return logs, nil
}

// parsePath reads NAMESPACE_POD_UID/CONTAINER/RUN.log, of which no part can
// hold an underscore.
func parsePath(name string) (Log, bool) {
	dir, file := path.Split(name)
	dir, container := path.Split(path.Clean(dir))
	parts := strings.Split(path.Base(dir), "_")
	run, err := strconv.Atoi(strings.TrimSuffix(file, ".log"))
	if len(parts) != 3 || err != nil || run < 0 {
		return Log{}, false
	}
	return Log{Namespace: parts[0], Pod: parts[1], UID: parts[2],
		Container: container, Restart: run, Path: name}, true
}
