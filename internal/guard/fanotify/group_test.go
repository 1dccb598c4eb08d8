package fanotify

import (
	"os"
	"path/filepath"
	"testing"
)

// A folder is marked where a link leads, and so it is named.
func TestIdentityOfLink(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	if err := os.Mkdir(real, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", link); err != nil {
		t.Fatal(err)
	}
	a, err := Identity(real)
	if err != nil {
		t.Skip(err) // no handles on this file system
	}
	if b, err := Identity(link); err != nil || b != a {
		t.Errorf("%q by its link, and %q: %v", b, a, err)
	}
	if c, err := Identity(dir); err != nil || c == a {
		t.Errorf("two folders are one: %q, %v", c, err)
	}
}
