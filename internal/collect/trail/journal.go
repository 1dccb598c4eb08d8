package trail

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/collect/journal"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

const (
	bootLimit = 20
	textLimit = 200
	linkLimit = 50
)

func collectJournal(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	x := &snapshot.Journal{Persistent: e.Exists("/var/log/journal")}
	if id, err := e.ReadFile("/etc/machine-id"); err == nil {
		x.MachineID = clip(strings.TrimSpace(string(id)))
	}
	if e.Live {
		running(e, x)
	}
	if err := files(ctx, e, x); err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.Gap(snapshot.SectionJournal, "journal", err)
	}
	x.Settings = settings(e)
	x.Texts = texts(e)
	x.Links = links(e)
	s.Journal = x
	return ctx.Err()
}

// running says which boot this is: /proc/sys/kernel/random/boot_id, and btime
// of /proc/stat.
func running(e *source.Env, x *snapshot.Journal) {
	if id, err := e.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		x.BootID = strings.ReplaceAll(strings.TrimSpace(string(id)), "-", "")
	}
	stat, _ := e.ReadFile("/proc/stat")
	if _, rest, ok := strings.Cut(string(stat), "\nbtime "); ok {
		line, _, _ := strings.Cut(rest, "\n")
		if n, err := strconv.ParseInt(line, 10, 64); err == nil {
			x.Booted = time.Unix(n, 0).UTC()
		}
	}
}

func files(ctx context.Context, e *source.Env, x *snapshot.Journal) error {
	j, err := journal.Open(e.FS(), journal.Dirs...)
	if err != nil {
		return err
	}
	defer j.Close()
	for _, b := range newest(j.Boots(), bootLimit) {
		x.Boots = append(x.Boots, snapshot.JournalBoot{ID: b.ID, First: b.First, Last: b.Last})
	}
	x.Steps, x.Silences = j.Steps(), j.Silences()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	x.Files = j.Facts()
	x.Sequences = journal.Sequences(x.Files)
	return j.Damage()
}

// texts are the sizes and times of the logs that are no journal.
func texts(e *source.Env) []snapshot.LogFile {
	var list []snapshot.LogFile
	for _, pattern := range []string{"/var/log/*", "/var/log/apt/*", "/var/log/audit/*", "/var/log/kubernetes/*"} {
		for _, name := range e.Glob(pattern) {
			if len(list) < textLimit {
				if f, ok := logFile(e, name); ok {
					list = append(list, f)
				}
			}
		}
	}
	return list
}

func logFile(e *source.Env, name string) (snapshot.LogFile, bool) {
	i, err := e.Lstat(name)
	if err != nil || i.IsDir() {
		return snapshot.LogFile{}, false
	}
	f := snapshot.LogFile{Path: name, Size: i.Size, Mode: i.Mode, UID: i.UID, Modified: i.Modified, Changed: i.Changed}
	if i.IsLink() {
		f.Link, _ = e.Readlink(name)
		return f, true
	}
	if i.IsRegular() && i.Size > 0 && !strings.HasSuffix(name, "lastlog") && !strings.HasSuffix(name, "faillog") {
		f.Zeros = zeros(e, name)
	}
	return f, i.IsRegular()
}

// zeros counts the bytes at the beginning of a file that are zero, of the first
// megabyte.
func zeros(e *source.Env, name string) int64 {
	f, err := e.Open(name)
	if err != nil {
		return 0
	}
	defer f.Close()
	buf := make([]byte, 64<<10)
	for at := int64(0); at < 1<<20; {
		n, err := f.ReadAt(buf[:min(len(buf), 16+int(at))], at)
		for i, c := range buf[:n] {
			if c != 0 {
				return at + int64(i)
			}
		}
		at += int64(n)
		if err != nil || n == 0 {
			return at
		}
	}
	return 1 << 20
}

// links are the links of /var/log/containers that lead to no file.
func links(e *source.Env) []snapshot.LogLink {
	var list []snapshot.LogLink
	for _, name := range e.Glob("/var/log/containers/*") {
		if i, err := e.Stat(name); err == nil && i.IsRegular() || len(list) >= linkLimit {
			continue
		}
		target, _ := e.Readlink(name)
		list = append(list, snapshot.LogLink{Path: name, Target: path.Clean(target)})
	}
	return list
}
