// Package sourcetest makes nodes of files, for the tests of collectors.
package sourcetest

import (
	"os"
	"path/filepath"
	"testing"
)

// File writes a file below the folder that is a node's root, with the folders
// above it. name is its path on the node.
func File(t testing.TB, root, name, data string, mode os.FileMode) {
	t.Helper()
	p := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(data), mode); err != nil {
		t.Fatal(err)
	}
}
