// Package containerd reads what containerd keeps on disk, without asking it:
// its metadata, the content that images lead to, the folders of running
// containers. It also finds the containers that no pod accounts for.
package containerd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"time"

	"github.com/klustered/klustered/internal/collect/etcd/bolt"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// Collectors are the collectors of this package.
func Collectors() []source.Collector {
	return []source.Collector{{
		Section: snapshot.SectionContainerd,
		After:   []snapshot.Section{snapshot.SectionProcesses, snapshot.SectionRuntime},
		Collect: collect,
	}}
}

// The folders of containerd by default, and the file of its metadata.
const (
	defaultRoot  = "/var/lib/containerd"
	defaultState = "/run/containerd"
	metadataFile = "io.containerd.metadata.v1.bolt/meta.db"
)

// maxDB is the size in bytes up to which the metadata is read.
const maxDB = 128 << 20

// errNone says why the section stays empty.
var errNone = errors.New("containerd keeps nothing here, and no container runs")

// collect sets s.Containerd. It stays nil where there is no containerd and
// nothing that looks like a container.
func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	c := &snapshot.Containerd{Root: defaultRoot, State: defaultState}
	if r := s.Runtime; r != nil && r.Settings != nil && r.Settings.Kind == "containerd" {
		c.Root, c.State = r.Settings.Root, r.Settings.State
	}
	c.DB = path.Join(c.Root, metadataFile)
	err := readDB(ctx, e, c)
	there := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		there, c.Error = true, err.Error()
		e.Gap(snapshot.SectionContainerd, c.DB, err)
	}
	readContent(ctx, e, c)
	readTasks(ctx, e, c, s)
	shims(c, s.Processes)
	strays(e, c, s)
	if !there && len(c.Tasks) == 0 && len(c.Shims) == 0 && len(c.Strays) == 0 {
		return errNone
	}
	s.Containerd = c
	return nil
}

// readDB copies the metadata and reads the copy: containerd may write
// meanwhile, and then it looks again.
func readDB(ctx context.Context, e *source.Env, c *snapshot.Containerd) error {
	f, err := e.Open(c.DB)
	if err != nil {
		return err
	}
	defer f.Close()
	i, err := f.Stat()
	if err != nil {
		return err
	}
	if c.Size, c.Modified = i.Size(), i.ModTime().UTC(); c.Size > maxDB {
		return fmt.Errorf("cannot read %s: larger than %d bytes", c.DB, maxDB)
	}
	for range 3 {
		var data []byte
		if data, err = io.ReadAll(io.NewSectionReader(f, 0, maxDB)); err != nil {
			return err
		}
		err = source.Caught(func() error { return ParseMetadata(ctx, data, c) })
		if !errors.Is(err, bolt.ErrDamaged) || ctx.Err() != nil {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return err
}
