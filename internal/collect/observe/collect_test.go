package observe

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/collect/source/sourcetest"
	"github.com/klustered/klustered/snapshot"
)

// node lays out a root with a journal and two runs of etcd.
func node(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	packed, err := os.ReadFile("../journal/testdata/compact.journal.zst")
	if err != nil {
		t.Fatal(err)
	}
	d, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	file, err := d.DecodeAll(packed, nil)
	if err != nil {
		t.Fatal(err)
	}
	write(t, root, "var/log/journal/feedface/system.journal", string(file))
	slow := `stderr F {"level":"warn","msg":"slow fdatasync","took":"2s","expected-duration":"1s"}` + "\n"
	pod := "var/log/pods/kube-system_etcd-cp_0a/etcd/"
	write(t, root, pod+"0.log", "2026-01-01T00:00:00Z "+slow)
	write(t, root, pod+"1.log", "2025-12-01T00:00:00Z "+slow+"2026-01-01T00:01:00Z "+slow)
	write(t, root, pod+"2.log", "2026-01-01T00:02:00Z stderr F {\"level\":\"error\",\"msg\":\"odd\"}\n")
	write(t, root, "var/log/pods/default_web_0b/etcd/0.log", "2026-01-01T00:01:00Z "+slow)
	return root
}

func write(t *testing.T, root, name, data string) {
	t.Helper()
	sourcetest.File(t, root, name, data, 0o644)
}

func collect(t *testing.T, root string) (*snapshot.Snapshot, *source.Env, error) {
	t.Helper()
	e := source.New(root, false)
	s := &snapshot.Snapshot{At: time.Date(2026, 1, 1, 0, 6, 0, 0, time.UTC)}
	err := Collectors()[0].Collect(context.Background(), e, s)
	return s, e, err
}

func TestCollect(t *testing.T) {
	s, e, err := collect(t, node(t))
	if err != nil || len(e.Gaps()) != 0 {
		t.Fatalf("error %v, gaps %v", err, e.Gaps())
	}
	want := map[string]struct {
		source string
		count  int
	}{
		"kubelet-cni-uninitialized":  {"journal:kubelet.service", 200},
		"unit-restarts":              {"journal:systemd", 40},
		"containerd-cni-load-failed": {"journal:containerd.service", 80},
		"etcd-fdatasync-slow":        {"/var/log/pods/kube-system_etcd-cp_0a/etcd/1.log", 1},
	}
	for id, w := range want {
		got := s.Logs.Seen(id, s.At, time.Hour)
		if len(got) != 1 || got[0].Source != w.source || got[0].Count != w.count || got[0].Cursor == "" {
			t.Errorf("%s: got %+v, want %v", id, got, w)
		}
	}
	if b := s.Logs.Bursts; len(b) == 0 || !strings.Contains(b[len(b)-1].Shape, "odd") {
		t.Errorf("bursts: %+v", b)
	}
	if n := len(s.Logs.Tails); n != 6 {
		t.Errorf("%d tails: %+v", n, s.Logs.Tails)
	}
	for _, tail := range s.Logs.Tails {
		if tail.Source == "journal:kubelet.service" && tail.Lines[39] != "2026-01-01T00:04:55Z goroutine 0 [running]: main.f(0x0)" {
			t.Errorf("the kubelet's tail ends with %q", tail.Lines[39])
		}
	}
}

func TestCollectWithoutLogs(t *testing.T) {
	s, _, err := collect(t, t.TempDir())
	if err == nil || s.Logs != nil {
		t.Errorf("error %v, logs %+v", err, s.Logs)
	}
}

func TestCollectSaysWhatIsMissing(t *testing.T) {
	root := node(t)
	if err := os.RemoveAll(filepath.Join(root, "var/log/journal")); err != nil {
		t.Fatal(err)
	}
	s, e, err := collect(t, root)
	if err != nil || s.Logs == nil || len(e.Gaps()) != 1 || e.Gaps()[0].Source != "journal" {
		t.Errorf("error %v, gaps %+v", err, e.Gaps())
	}
}

// TestListed: a log whose pod is gone is told from one that a dead link names.
func TestListed(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(dir+"/pod/c", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/nowhere", dir+"/pod/c/0.log"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"pod/c/0.log": true, "pod/c/1.log": false, "gone/c/0.log": false} {
		if got := listed(os.DirFS(dir), name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
