package lab

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestEnoughInotify(t *testing.T) {
	root := t.TempDir()
	if err := enoughInotify(root, 9); err != nil {
		t.Errorf("a limit that cannot be read is an error: %v", err)
	}
	os.MkdirAll(filepath.Join(root, filepath.Dir(inotifyLimit)), 0o755)
	os.WriteFile(filepath.Join(root, inotifyLimit), []byte("128\n"), 0o644)
	fds := filepath.Join(root, "proc/7/fd")
	os.MkdirAll(fds, 0o755)
	for i := range 100 {
		os.Symlink("anon_inode:inotify", filepath.Join(fds, strconv.Itoa(i)))
		os.Symlink("/dev/null", filepath.Join(fds, strconv.Itoa(1000+i)))
	}
	if err := enoughInotify(root, 1); err != nil {
		t.Errorf("one node fits and is refused: %v", err)
	}
	err := enoughInotify(root, 2)
	var refused *Error
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "28 of 128 left") || !strings.Contains(refused.Hint, "sysctl") {
		t.Errorf("got %v, want an error with a hint", err)
	}
}
