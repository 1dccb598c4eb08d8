package source

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/snapshot"
)

// DefaultText is how many bytes of a file are kept where no limit is named.
const DefaultText = 64 << 10

// maxHashed is the size up to which a file's sum is taken, in bytes.
const maxHashed = 1 << 30

// Text reads a file with what is known about it. Content holds at most limit
// bytes (0: [DefaultText]); the sum is of the whole file. Secrets are the
// caller's to replace.
func (e *Env) Text(name string, limit int) (snapshot.Text, error) {
	t := snapshot.Text{Path: name}
	if limit <= 0 {
		limit = DefaultText
	}
	if link, err := e.Readlink(name); err == nil {
		t.Link = link
	}
	f, err := e.Open(name)
	if err != nil {
		return t, err
	}
	defer f.Close()
	i, err := infoOf(f)
	if err != nil {
		return t, err
	}
	t.Mode, t.UID, t.GID, t.Size, t.Modified, t.Changed = i.Mode, i.UID, i.GID, i.Size, i.Modified, i.Changed
	t.Immutable = immutable(f)
	head, sum, n, err := digest(f, limit)
	if err != nil {
		return t, err
	}
	t.Content, t.SHA256, t.Truncated = strings.ToValidUTF8(string(head), "\ufffd"), sum, n > int64(limit)
	if t.Size == 0 {
		t.Size = n // files of /proc and /sys say 0
	}
	return t, nil
}

// MaxParsed is how many bytes of a configuration are read to be understood.
const MaxParsed = 1 << 20

// ErrLarge says why a configuration is not looked into.
var ErrLarge = fmt.Errorf("larger than %d bytes: it is not looked into", MaxParsed)

// Clip cuts a text that was read to be understood to the bytes that are kept:
// at most limit (0: [DefaultText]).
func Clip(t snapshot.Text, limit int) snapshot.Text {
	if limit <= 0 {
		limit = DefaultText
	}
	if len(t.Content) > limit {
		t.Content, t.Truncated = strings.ToValidUTF8(t.Content[:limit], "\ufffd"), true
	}
	return t
}

// digest returns the first limit bytes of r, the hex sum of all and its size.
func digest(r io.Reader, limit int) (head []byte, sum string, size int64, err error) {
	h := sha256.New()
	head, err = io.ReadAll(io.LimitReader(io.TeeReader(r, h), int64(limit)))
	if err != nil {
		return nil, "", 0, err
	}
	n, err := io.Copy(h, io.LimitReader(r, maxHashed))
	return head, hex.EncodeToString(h.Sum(nil)), n + int64(len(head)), err
}

// flagImmutable and flagAppend are FS_IMMUTABLE_FL and FS_APPEND_FL of
// linux/fs.h.
const (
	flagImmutable = 0x10
	flagAppend    = 0x20
)

// immutable reports whether the file has the +i or +a attribute. A file
// system without attributes has none.
func immutable(f *os.File) bool {
	fixed, grows := Attributes(f)
	return fixed || grows
}

// Attributes reports whether an open file has the +i and the +a attribute of
// chattr(1), by FS_IOC_GETFLAGS. A file system without attributes has none.
func Attributes(f *os.File) (immutable, appendOnly bool) {
	flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	return err == nil && flags&flagImmutable != 0, err == nil && flags&flagAppend != 0
}
