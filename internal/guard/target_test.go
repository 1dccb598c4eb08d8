package guard

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/klustered/klustered/internal/repair"
	"github.com/klustered/klustered/op"
)

// TestPutBack: what makes a file again as it was before the repair is said to
// undo it; another change is not.
func TestPutBack(t *testing.T) {
	dir := t.TempDir()
	f := filepath.Join(dir, "f")
	put(t, f, "good\n")
	before, err := json.Marshal(map[string]any{"file": op.File{Data: []byte("bad\n"), Mode: 0o644}})
	if err != nil {
		t.Fatal(err)
	}
	targets := Repaired([]repair.Remain{{Number: 4, Op: op.WriteFile{Path: f, Data: []byte("good\n")}, Before: before}})
	if len(targets) != 1 || targets[0].Repair != 4 || targets[0].Before == "" {
		t.Fatalf("%+v", targets)
	}
	for text, want := range map[string]bool{"bad": true, "other": false} {
		if err := os.WriteFile(f, []byte("good\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		_, end := watch(t, Options{Targets: targets})
		sh(t, dir, "echo "+text+" > f")
		if all := end(); len(all) != 1 || all[0].PutBack != want || all[0].Repair != 4 {
			t.Errorf("%s: %+v", text, all)
		}
	}
}
