package guard

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/aymanbagabas/go-udiff"

	"github.com/klustered/klustered/internal/collect/secret"
)

// A state is how a file stands.
type state struct {
	there    bool
	mode     fs.FileMode
	uid, gid uint32
	link     string // of a symbolic link
	sum      string
	text     []byte // nil where it is no text, too long, or there is no room
}

const (
	maxText  = 128 << 10 // bytes of one file that are kept
	maxTexts = 6 << 20   // of all
	maxSum   = 256 << 20 // of a file that is summed, as long as one that a repair may bring back
)

// read reads how a file stands.
func read(path string) state {
	st, err := os.Lstat(path)
	if err != nil {
		return state{there: !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR)}
	}
	s := state{there: true, mode: st.Mode()}
	if x, ok := st.Sys().(*syscall.Stat_t); ok {
		s.uid, s.gid = x.Uid, x.Gid
	}
	switch {
	case s.mode&fs.ModeSymlink != 0:
		s.link, _ = os.Readlink(path)
	case s.mode.IsRegular():
		s.content(path, st)
	}
	return s
}

// content takes in what a file says; of one that is too long its size and time.
func (s *state) content(path string, st fs.FileInfo) {
	if st.Size() > maxSum {
		s.sum = fmt.Sprintf("%d bytes of %s", st.Size(), st.ModTime().UTC().Format(time.RFC3339Nano))
		return
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return
	}
	defer f.Close()
	sum := sha256.New()
	all := io.TeeReader(io.LimitReader(f, maxSum), sum)
	data, err := io.ReadAll(io.LimitReader(all, maxText+1))
	if err == nil {
		_, err = io.Copy(io.Discard, all)
	}
	if err != nil {
		return
	}
	s.sum = hex.EncodeToString(sum.Sum(nil))
	if len(data) <= maxText && utf8.Valid(data) && bytes.IndexByte(data, 0) < 0 {
		s.text = bytes.Clone(data)
		if s.text == nil {
			s.text = []byte{}
		}
	}
}

func (s state) same(x state) bool {
	return s.there == x.there && s.mode == x.mode && s.uid == x.uid && s.gid == x.gid && s.link == x.link && s.sum == x.sum
}

// did says what was done to a file, and shows it.
func did(path string, a, b state) (what, diff string) {
	switch {
	case !a.there:
		what = "made"
		if b.mode.IsDir() {
			return "made, a folder", ""
		}
	case !b.there:
		return "removed", texts(path, a, b)
	case a.mode.Type() != b.mode.Type():
		what = fmt.Sprintf("made a %s of a %s", kind(b.mode), kind(a.mode))
	case a.link != b.link:
		what = "pointed elsewhere"
	case a.sum != b.sum:
		what = "changed"
	}
	var more []string
	if b.link != "" {
		more = append(more, fmt.Sprintf("to %s", b.link))
	}
	if a.there && a.mode.Perm() != b.mode.Perm() {
		more = append(more, fmt.Sprintf("mode %04o to %04o", a.mode.Perm(), b.mode.Perm()))
	}
	if a.there && (a.uid != b.uid || a.gid != b.gid) {
		more = append(more, fmt.Sprintf("owner %d:%d to %d:%d", a.uid, a.gid, b.uid, b.gid))
	}
	if what == "" {
		what = "changed its attributes"
	}
	if len(more) > 0 {
		what += ": " + strings.Join(more, ", ")
	}
	return what, texts(path, a, b)
}

func kind(m fs.FileMode) string {
	switch {
	case m&fs.ModeSymlink != 0:
		return "link"
	case m.IsDir():
		return "folder"
	case m.IsRegular():
		return "file"
	}
	return "special file"
}

// maxLines bounds the lines of a diff that are shown.
const maxLines = 24

func texts(path string, a, b state) string {
	switch {
	case a.sum == b.sum:
		return ""
	case a.there && a.sum != "" && a.text == nil || b.there && b.sum != "" && b.text == nil:
		return fmt.Sprintf("(no text that can be shown: %s before, %s after)\n", short(a.sum), short(b.sum))
	}
	text := udiff.Unified(path, path, secret.Scrub(string(a.text)), secret.Scrub(string(b.text)))
	return cutDiff(text)
}

func cutDiff(text string) string {
	lines := strings.SplitAfter(text, "\n")
	if len(lines) > maxLines+1 {
		text = strings.Join(lines[:maxLines], "") + fmt.Sprintf("(%d more lines)\n", len(lines)-maxLines-1)
	}
	return text
}

func short(sum string) string {
	if len(sum) == 64 {
		return "sha256:" + sum[:12]
	}
	if sum == "" {
		return "nothing"
	}
	return sum
}
