package transport

import (
	"os"
	"path/filepath"
	"strings"
)

// RemoveSelf removes the program that runs, when it was put on this node for
// one run. The kernel keeps it until it ends.
func RemoveSelf() {
	path, err := os.Executable()
	if err == nil && strings.HasPrefix(filepath.Base(path), Prefix) {
		os.Remove(path)
	}
}
