package journaltest

import (
	"os"
	"path/filepath"
	"testing"
)

// TestWriteBig leaves the big file in the folder that KLUSTERED_BENCH_JOURNAL
// names, for scripts/bench.
func TestWriteBig(t *testing.T) {
	dir := os.Getenv("KLUSTERED_BENCH_JOURNAL")
	if dir == "" {
		t.Skip("KLUSTERED_BENCH_JOURNAL names no folder")
	}
	if err := os.WriteFile(filepath.Join(dir, "system.journal"), Big(300000), 0o600); err != nil {
		t.Fatal(err)
	}
}
