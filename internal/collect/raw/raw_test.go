package raw

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/collect/source/sourcetest"
	"github.com/klustered/klustered/snapshot"
)

// node makes a node of files.
func node(t *testing.T, files map[string]string) *source.Env {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		sourcetest.File(t, dir, name, content, 0o644)
	}
	return source.New(dir, false)
}

func TestGather(t *testing.T) {
	long := strings.Repeat("line\n", 200) + "password: hunter2222\n"
	log := strings.Repeat("x", maxLog) + "\nthe end, token=abcdefghijkl\n"
	e := node(t, map[string]string{"/etc/long": long, "/var/log/pods/a/0.log": log})
	s := &snapshot.Snapshot{
		Kubelet: &snapshot.Kubelet{Config: &snapshot.Text{Path: "/etc/whole", Content: "as the collector had it\n"}},
		Persistence: &snapshot.Persistence{Entries: []snapshot.Persistent{{Files: []snapshot.Text{
			{Path: "/etc/long", Content: "line\n", Truncated: true}, {Path: "/etc/gone", Content: "was here\n", Truncated: true},
			{Path: "relative", Content: "x"},
		}}}},
		Logs: &snapshot.Logs{Tails: []snapshot.LogTail{{Source: "/var/log/pods/a/0.log"}, {Source: "journal:kubelet.service"}}},
	}
	got := map[string]File{}
	for _, f := range Gather(context.Background(), e, s) {
		if _, twice := got[f.Source]; twice {
			t.Errorf("%s is kept twice", f.Source)
		}
		got[f.Source] = f
	}
	if f := got["/etc/whole"]; string(f.Data) != "as the collector had it\n" || f.Cut {
		t.Errorf("what was read whole is %+v", f)
	}
	if f := got["/etc/long"]; len(f.Data) < 1000 || f.Cut || strings.Contains(string(f.Data), "hunter2222") {
		t.Errorf("what was cut is %d bytes, cut %v: %s", len(f.Data), f.Cut, f.Error)
	}
	if f := got["/etc/gone"]; string(f.Data) != "was here\n" || f.Error == "" || !f.Cut {
		t.Errorf("what is gone is %+v", f)
	}
	f := got["/var/log/pods/a/0.log"]
	if !f.Cut || len(f.Data) > maxLog+100 || !strings.Contains(string(f.Data), "the end, token=(secret") {
		t.Errorf("the log is %d bytes, cut %v, %s", len(f.Data), f.Cut, f.Error)
	}
	if f := got["journal"]; f.Error == "" {
		t.Errorf("a journal that is not there is %+v", f)
	}
	if _, ok := got["relative"]; ok {
		t.Error("what is no path on the node is kept")
	}
}

func TestGatherIsBounded(t *testing.T) {
	g := gatherer{have: map[string]bool{}}
	for i := range 40 {
		g.add(File{Source: strings.Repeat("a", i+1), Data: make([]byte, maxFile)})
	}
	if g.size > maxTotal || len(g.files) != 40 || g.files[39].Error == "" {
		t.Errorf("%d bytes in %d files, the last %+v", g.size, len(g.files), g.files[39].Error)
	}
}

func TestGatherEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	start := time.Now()
	s := &snapshot.Snapshot{Kubelet: &snapshot.Kubelet{Config: &snapshot.Text{Path: "/x"}}}
	if got := Gather(ctx, node(t, nil), s); len(got) != 0 || time.Since(start) > time.Second {
		t.Errorf("got %+v", got)
	}
}

// A log is cut anywhere, also within a key.
func TestGatherHidesAKeyWithoutItsBeginning(t *testing.T) {
	const line = "2026-11-27T19:00:00Z stdout F "
	key := line + "MHcCAQEEIBodyOfTheKey\n" + line + "oAoGCCqGSM49MoreOfIt==\n" + line + "-----END EC PRIVATE KEY-----\n"
	log := strings.Repeat("x", maxLog) + key + line + "the end\n"
	e := node(t, map[string]string{"/var/log/pods/a/0.log": log})
	s := &snapshot.Snapshot{Logs: &snapshot.Logs{Tails: []snapshot.LogTail{{Source: "/var/log/pods/a/0.log"}}}}
	got := Gather(context.Background(), e, s)
	if len(got) != 1 || strings.Contains(string(got[0].Data), "BodyOfTheKey") || strings.Contains(string(got[0].Data), "MoreOfIt") || !strings.HasSuffix(string(got[0].Data), "F the end\n") {
		t.Errorf("got %+v", got)
	}
	if got := scrubTail(strings.Repeat("a line\n", 300) + "-----END PRIVATE KEY-----\n"); strings.Count(got, "a line") < 190 {
		t.Errorf("only %d lines before are left", strings.Count(got, "a line"))
	}
}

func TestTablesAreScrubbed(t *testing.T) {
	g := gatherer{env: node(t, map[string]string{"/proc/cmdline": "root=/dev/sda1 rd.iscsi.password=hunter2222\n"}), have: map[string]bool{}}
	g.table("/proc/cmdline")
	if got := g.close(); len(got) != 1 || strings.Contains(string(got[0].Data), "hunter2222") || !strings.Contains(string(got[0].Data), "root=/dev/sda1") {
		t.Errorf("got %+v", got)
	}
}

// What is read after the deadline is dropped: it may never be.
func TestNothingIsAddedAfterTheEnd(t *testing.T) {
	g := gatherer{have: map[string]bool{}}
	g.add(File{Source: "/a"})
	before := g.close()
	g.add(File{Source: "/late"})
	if len(before) != 1 || len(g.close()) != 1 {
		t.Errorf("got %+v, then %+v", before, g.close())
	}
}
