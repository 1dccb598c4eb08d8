package feed

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/collect/source/sourcetest"
)

// manyLines are lines as the API server writes them, about size bytes: each
// hundredth has "needle" in it.
func manyLines(size int, head string) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		word := "stored"
		if i%100 == 0 {
			word = "needle"
		}
		if head != "" {
			b.WriteString(day.Add(time.Duration(i) * time.Millisecond).Format(time.RFC3339Nano))
			b.WriteString(head)
		}
		fmt.Fprintf(&b, "I0304 00:00:00.%06d       1 httplog.go:134] \"HTTP\" verb=\"GET\" URI=\"/api/v1/namespaces/default/pods/web-%d\" latency=\"1.2ms\" userAgent=\"kubelet/v1.37.2\" srcIP=\"10.0.0.1:%d\" resp=200 cache=%q\n", i%1e6, i, 1024+i%60000, word)
	}
	return b.Bytes()
}

// TestWriteBig leaves logs of containers and a plain one, of 256 MB each, below
// the folder that KLUSTERED_BENCH_LOGS names, for scripts/bench-logs.
func TestWriteBig(t *testing.T) {
	dir := os.Getenv("KLUSTERED_BENCH_LOGS")
	if dir == "" {
		t.Skip("KLUSTERED_BENCH_LOGS names no folder")
	}
	for name, data := range map[string][]byte{
		pod + "0.log": manyLines(256<<20, " stderr F "), "var/log/plain.log": manyLines(256<<20, "")} {
		sourcetest.File(t, dir, name, string(data), 0o644)
	}
}

// TestMemoryIsBounded reads a gigabyte of a container's logs in every way and
// watches the heap. The parts are links to one file, so that the disk need not
// hold them all.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("reads gigabytes")
	}
	dir := t.TempDir()
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil || st.Bavail*uint64(st.Bsize) < 1<<30 {
		t.Skip("the disk has less than a gigabyte free")
	}
	const part, parts = 64 << 20, 16
	data := manyLines(part, " stderr F ")
	lines := bytes.Count(data, []byte("\n"))
	p := filepath.Join(dir, pod)
	if err := os.MkdirAll(p, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p+"/0.log", data, 0o644); err != nil {
		t.Fatal(err)
	}
	data = nil
	for i := 1; i < parts; i++ {
		if err := os.Link(p+"/0.log", fmt.Sprintf("%s/0.log.20260304-0000%02d", p, i)); err != nil {
			t.Skip(err)
		}
	}
	sources := open(t, os.DirFS(dir), Selection{Pods: []string{"etcd"}})
	needle, _ := NewMatcher("needle")
	const limit = 48 << 20
	for name, do := range map[string]func() int{
		"every line": func() (n int) {
			for range Onward(context.Background(), Window{}, sources) {
				n++
			}
			return n - parts*lines
		},
		"what matches": func() (n int) {
			for range Onward(context.Background(), Window{Match: needle}, sources) {
				n++
			}
			return n - parts*((lines+99)/100)
		},
		"the last that match": func() int {
			return len(Last(context.Background(), Window{Match: needle, Since: day}, 1000, sources)) - 1000
		},
		"the last":    func() int { return len(Last(context.Background(), Window{}, 1000, sources)) - 1000 },
		"nothing new": func() int { sources[0].Mark(); return len(New(context.Background(), Window{}, sources)) },
	} {
		off, most := watched(do)
		for try := 0; try < 2 && off == 0 && most > limit; try++ { // a busy machine sweeps late
			off, most = watched(do)
		}
		if off != 0 || most > limit {
			t.Errorf("%s: %d lines too many, %d bytes of heap, want at most %d", name, off, most, limit)
		} else {
			t.Logf("%s: %.1f MB of heap", name, float64(most)/1e6)
		}
	}
}

// watched runs do and returns how much the heap grew meanwhile at most.
func watched(do func() int) (result int, most int64) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before := int64(m.HeapAlloc)
	var stop atomic.Bool
	done := make(chan int64)
	go func() {
		var most int64
		for !stop.Load() {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, int64(m.HeapAlloc)-before)
			time.Sleep(5 * time.Millisecond)
		}
		done <- most
	}()
	result = do()
	stop.Store(true)
	return result, <-done
}
