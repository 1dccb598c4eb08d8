package baseline

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	keep "github.com/klustered/klustered/internal/baseline"
	"github.com/klustered/klustered/internal/baseline/git"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

func node() *snapshot.Snapshot {
	return &snapshot.Snapshot{Node: "cp1", Static: &snapshot.Static{}, Runtime: &snapshot.Runtime{}, CNI: &snapshot.CNI{}, Systemd: &snapshot.Systemd{}, PKI: &snapshot.PKI{},
		Kubelet: &snapshot.Kubelet{Files: []snapshot.Text{{Path: "/etc/x", SHA256: "aa", Mode: 0o644}}}}
}

// captured is a root with a baseline of the node, and beside it a file that no
// pack makes smaller.
func captured(t *testing.T) (root, dir string) {
	t.Helper()
	root = t.TempDir()
	dir = filepath.Join(root, keep.Dir)
	files, err := keep.Node(node())
	if err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, source.MaxFile+1)
	r := rand.NewChaCha8([32]byte{})
	if _, err := r.Read(noise); err != nil {
		t.Fatal(err)
	}
	files["noise"] = noise
	if err := git.Init(dir); err != nil {
		t.Fatal(err)
	}
	if _, _, err := git.Record(dir, files, git.Person{Name: "op"}, time.Unix(1e9, 0), "good"); err != nil {
		t.Fatal(err)
	}
	return root, dir
}

// run collects and says how many files were compared.
func run(ctx context.Context, root string) (int, error) {
	e, s := source.New(root, false), node()
	defer e.Close()
	err := collect(ctx, e, s)
	if s.Baseline == nil {
		return -1, err
	}
	return s.Baseline.Files, err
}

// TestCollect holds that packs of any size are read, that nothing is read when
// there is no more time, and that a branch that is gone is not a node without a
// baseline.
func TestCollect(t *testing.T) {
	if n, err := run(t.Context(), t.TempDir()); n != 0 || err != nil {
		t.Errorf("without a baseline: %d files, %v", n, err)
	}
	root, dir := captured(t)
	for _, packed := range []bool{false, true} {
		if packed {
			if out, err := exec.Command("git", "-c", "safe.directory=*", "--git-dir", dir, "gc", "-q", "--prune=now").CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			packs, err := filepath.Glob(filepath.Join(dir, "objects/pack/*.pack"))
			if err != nil || len(packs) != 1 {
				t.Fatal(packs, err)
			}
			if i, err := os.Stat(packs[0]); err != nil || i.Size() <= source.MaxFile {
				t.Fatal(i, err)
			}
		}
		if n, err := run(t.Context(), root); n != 1 || err != nil {
			t.Errorf("packed %v: %d files, %v", packed, n, err)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := run(over, root); n >= 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("when its time is over: %d files, %v", n, err)
	}
	for _, name := range []string{"packed-refs", "HEAD"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if n, err := run(t.Context(), root); n >= 0 || !errors.Is(err, git.ErrLost) || !strings.Contains(err.Error(), keep.Dir) {
			t.Errorf("without %s: %d files, %v", name, n, err)
		}
	}
}
