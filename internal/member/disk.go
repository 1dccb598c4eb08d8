package member

import (
	"os"
	"path/filepath"
)

// Disk is the files of the node that this process runs on.
type Disk struct{}

// ReadFile reads a file, with its links followed.
func (Disk) ReadFile(path string) ([]byte, error) { return os.ReadFile(path) }

// Glob returns the names that match pattern.
func (Disk) Glob(pattern string) []string {
	names, _ := filepath.Glob(pattern) // the only error is that of a bad pattern
	return names
}
