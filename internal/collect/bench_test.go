package collect

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/klustered/klustered/internal/collect/source"
)

// root makes a node of the fixtures that are roots: units, a kubelet, a
// runtime's and a pod network's configuration, tools.
func root(b *testing.B) string {
	b.Helper()
	dir := b.TempDir()
	for _, name := range []string{"systemd/testdata/node.txtar", "kubelet/testdata/node.txtar", "cri/testdata/cni.txtar", "host/testdata/trust.txtar"} {
		a, err := txtar.ParseFile(name)
		if err != nil {
			b.Fatal(err)
		}
		for _, f := range a.Files {
			p := filepath.Join(dir, f.Name)
			if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
				continue // a folder of one fixture is a file of another
			}
			mode := os.FileMode(0o644)
			if strings.HasPrefix(string(f.Data), "#!") {
				mode = 0o755
			}
			if err := os.WriteFile(p, f.Data, mode); err != nil {
				continue
			}
		}
	}
	return dir
}

// BenchmarkRun is every collector on a node that does not run: what a
// collection costs besides waiting for answers.
func BenchmarkRun(b *testing.B) {
	dir := root(b)
	b.ReportAllocs()
	for b.Loop() {
		s := Run(context.Background(), source.New(dir, false), Options{Node: "n"})
		if s.Systemd == nil || s.Kubelet == nil || s.CNI == nil || s.Trust == nil {
			b.Fatalf("gaps %+v", s.Gaps)
		}
	}
}
