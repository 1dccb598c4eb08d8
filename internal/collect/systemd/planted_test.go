package systemd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klustered/klustered/internal/collect/source"
)

// planted makes a root of files. A name that ends in @ is a symbolic link; a
// text that begins with #! is executable.
func planted(t *testing.T, files map[string]string) *source.Env {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		link, isLink := strings.CutSuffix(name, "@")
		p := filepath.Join(dir, link)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		mode := os.FileMode(0o644)
		if strings.HasPrefix(data, "#!") {
			mode = 0o755
		}
		if isLink {
			err = os.Symlink(data, p)
		} else {
			err = os.WriteFile(p, []byte(data), mode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return source.New(dir, false)
}
