package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klustered/klustered/internal/packed"
)

// tree writes files below a new folder.
func tree(t *testing.T, files map[string]string) string {
	root := t.TempDir()
	for name, text := range files {
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func read(t *testing.T, name string) string {
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestRun(t *testing.T) {
	root := tree(t, map[string]string{
		"faults/runtime/stopped/README.md":  "# The runtime is stopped\n\n## Signs\n\nNothing starts.\n\n## Hints\n\n- Look.\n- Look there.\n",
		"faults/runtime/stopped/stopped.go": "package stopped\n",
		"faults/kubelet/stopped/README.md":  "# The kubelet is stopped\n",
		"faults/kubelet/stopped/stopped.go": "package stopped\n",
		"fault/fault.go":                    "package fault\n",
		"faults/all/README.md":              "not a fault\n",
		"component/table/x.txt":             "versions v1.2.3\n",
		"lab/image/source/x/main.go":        "package main\n",
		"lab/image/source/x/main_test.go":   "package main\n",
		"internal/demo/bundles/README.md":   "none yet\n",
	})
	if err := run(root, true); err == nil {
		t.Error("a missing file passed the check")
	}
	if err := run(root, false); err != nil {
		t.Fatal(err)
	}
	if err := run(root, true); err != nil {
		t.Error(err)
	}
	source := read(t, filepath.Join(root, "faults/all/all.go"))
	for _, want := range []string{
		`kubeletstopped "github.com/klustered/klustered/faults/kubelet/stopped"`, "\tkubeletstopped.Fault,\n\truntimestopped.Fault,\n",
	} {
		if !strings.Contains(source, want) {
			t.Errorf("no %q in\n%s", want, source)
		}
	}
	book := read(t, filepath.Join(root, "docs/faults.md"))
	for _, want := range []string{"## kubelet\n", "The runtime is stopped. It has a drill.", "The kubelet is stopped.\n", "**Signs**\n\nNothing starts."} {
		if !strings.Contains(book, want) {
			t.Errorf("no %q in\n%s", want, book)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "docs/faults.md"), []byte("edited"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run(root, true); err == nil || !strings.Contains(err.Error(), "docs/faults.md") {
		t.Errorf("an edited file: %v", err)
	}
	if err := run(root, false); err != nil {
		t.Fatal(err)
	}
	packs, err := packed.Unpack([]byte(read(t, filepath.Join(root, "lab/image/source.zst"))))
	if err != nil || len(packs) != 1 || string(packs["x/main.go"]) != "package main\n" {
		t.Errorf("packed %q, %v", packs, err)
	}
	if err := os.WriteFile(filepath.Join(root, "component/table/x.txt"), []byte("versions v1.2.4\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run(root, true); err == nil || !strings.Contains(err.Error(), "component/table.zst") {
		t.Errorf("an edited table: %v", err)
	}
}

// What is embedded is what the files say.
func TestCurrent(t *testing.T) {
	if err := run("../..", true); err != nil {
		t.Error(err)
	}
}

func TestNoPackage(t *testing.T) {
	root := tree(t, map[string]string{"faults/x/y/README.md": "# x\n"})
	if err := run(root, false); err == nil || !strings.Contains(err.Error(), "x/y") {
		t.Errorf("got %v", err)
	}
}
