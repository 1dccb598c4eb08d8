// Package raw reads again, whole, what a snapshot quotes in part: files, the
// ends of logs, and the kernel's own tables. It is for a person who wants to
// look further than a rule did.
package raw

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// A File is a file, or a part of a log, as it was read. Secrets in it have
// been replaced by fingerprints.
type File struct {
	Source string // the path on the node, or a log such as journal:kubelet.service
	Data   []byte
	Cut    bool   // Data is not all of it
	Error  string // why there is nothing, or not more
}

// The bounds of what is kept of one node, in bytes and in entries.
const (
	maxFile    = 1 << 20
	maxLog     = 256 << 10
	maxEntries = 3000 // of a journal's unit
	maxTotal   = 32 << 20
)

// tables are files of the kernel that tell the state of the whole node.
var tables = []string{
	"/proc/cmdline", "/proc/meminfo", "/proc/loadavg", "/proc/stat", "/proc/vmstat", "/proc/swaps", "/proc/locks", "/proc/modules",
	"/proc/1/mountinfo", "/proc/pressure/cpu", "/proc/pressure/io", "/proc/pressure/memory", "/proc/diskstats", "/proc/cgroups",
	"/proc/net/dev", "/proc/net/snmp", "/proc/net/netstat", "/proc/net/sockstat", "/proc/sys/fs/file-nr",
}

// Gather reads what s, a snapshot of e, quotes. It ends when ctx does, with
// what it has by then, whether or not a file that it waits for ever answers;
// what could not be read says why.
func Gather(ctx context.Context, e *source.Env, s *snapshot.Snapshot) []File {
	g := &gatherer{env: e, have: map[string]bool{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := source.Caught(func() error { g.all(ctx, s); return nil })
		if err != nil {
			g.add(File{Source: "raw", Error: err.Error()})
		}
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	return g.close()
}

// all reads everything, one thing after another.
func (g *gatherer) all(ctx context.Context, s *snapshot.Snapshot) {
	quoted := Texts(s)
	for _, name := range slices.Sorted(maps.Keys(quoted)) {
		if ctx.Err() == nil {
			g.text(quoted[name])
		}
	}
	g.logs(ctx, s)
	if !g.env.Live {
		return
	}
	for _, name := range tables {
		if ctx.Err() == nil {
			g.table(name)
		}
	}
}

// A gatherer keeps files, each once, up to the bound of all.
type gatherer struct {
	env *source.Env

	mu    sync.Mutex
	over  bool // nobody waits any more
	files []File
	have  map[string]bool
	size  int
}

// close returns the files; what is read later is dropped.
func (g *gatherer) close() []File {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
	return g.files
}

func (g *gatherer) add(f File) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over || g.have[f.Source] {
		return
	}
	g.have[f.Source] = true
	if g.size+len(f.Data) > maxTotal {
		f.Data, f.Cut, f.Error = nil, true, fmt.Sprintf("left out: more than %d MiB were quoted", maxTotal>>20)
	}
	g.size += len(f.Data)
	g.files = append(g.files, f)
}

// text keeps a file that is quoted. One that the snapshot holds whole is not
// read again: its collector knew best what in it is a secret.
func (g *gatherer) text(t snapshot.Text) {
	if !t.Truncated {
		g.add(File{Source: t.Path, Data: []byte(t.Content)})
		return
	}
	again, err := g.env.Text(t.Path, maxFile)
	if err != nil {
		g.add(File{Source: t.Path, Data: []byte(t.Content), Cut: true, Error: err.Error()})
		return
	}
	g.add(File{Source: t.Path, Data: []byte(scrubbed(again.Content)), Cut: again.Truncated})
}

// scrubbed replaces secrets in a text of any kind.
func scrubbed(text string) string {
	if strings.Contains(text, ": ") {
		text = secret.YAML(text)
	}
	return secret.Scrub(text)
}

func (g *gatherer) table(name string) {
	data, err := g.env.ReadFile(name)
	if err != nil {
		if g.env.Exists(name) {
			g.add(File{Source: name, Error: err.Error()})
		}
		return
	}
	cut := len(data) > maxFile
	g.add(File{Source: name, Data: []byte(secret.Scrub(string(data[:min(len(data), maxFile)]))), Cut: cut})
}
