// Package trail reads who did what to a node and its cluster, and whether the
// record of it is whole: audit logs, logins, packages, and the journal's own
// bookkeeping. Of each log only the end is read.
package trail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// Collectors returns the collectors of the journal and trail sections.
func Collectors() []source.Collector {
	return []source.Collector{
		{Section: snapshot.SectionJournal, Collect: collectJournal},
		{Section: snapshot.SectionTrail, Collect: collectTrail},
	}
}

// A part reads one part of the trail.
type part func(e *source.Env, t *snapshot.Trail) error

func collectTrail(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	t := &snapshot.Trail{}
	for name, read := range map[string]part{"/var/log/kubernetes": apiAudit, auditPath: kernelAudit,
		"/var/log/wtmp": logins, dpkgLog: packages} {
		if err := read(e, t); err != nil && !errors.Is(err, fs.ErrNotExist) {
			e.Gap(snapshot.SectionTrail, name, err)
		}
	}
	if err := commands(ctx, e, t); err != nil {
		e.Gap(snapshot.SectionTrail, "journal", err)
	}
	s.Trail = t
	return ctx.Err()
}

// end reads at most limit bytes of the end of a file, from the beginning of a
// line on, and says where that is and how large the file is.
func end(e *source.Env, name string, limit int64) (data []byte, from, size int64, err error) {
	f, err := e.Open(name)
	if err != nil {
		return nil, 0, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, 0, err
	}
	size = info.Size()
	from = max(0, size-limit)
	data, err = io.ReadAll(io.NewSectionReader(f, from, size-from))
	if err != nil {
		return nil, 0, size, fmt.Errorf("cannot read %q: %w", name, err)
	}
	if from > 0 {
		cut := bytes.IndexByte(data, '\n') + 1
		data, from = data[cut:], from+int64(cut)
	}
	return data, from, size, nil
}

// newest keeps the last n of a list.
func newest[T any](list []T, n int) []T { return list[max(0, len(list)-n):] }
