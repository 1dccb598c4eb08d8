package snapshot

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// A Text is a file as it was read, kept so that a finding can quote a line of
// it and a plan can pin it. Secrets in it have been replaced before it was
// stored; SHA256 is of the true bytes.
type Text struct {
	Path      string    `json:"path"`
	Mode      uint32    `json:"mode"` // permission and set-id bits, as in stat(2)
	UID       uint32    `json:"uid"`
	GID       uint32    `json:"gid"`
	Size      int64     `json:"size"`
	Modified  time.Time `json:"modified,omitzero"`
	Changed   time.Time `json:"changed,omitzero"`    // of its bytes, names or attributes; no call sets it
	SHA256    string    `json:"sha256"`              // hex, of the whole file
	Link      string    `json:"link,omitempty"`      // target, when Path is a symbolic link
	Content   string    `json:"content"`             // cut to a limit of the collector
	Truncated bool      `json:"cut,omitempty"`       // Content is not the whole file
	Immutable bool      `json:"immutable,omitempty"` // chattr +i or +a
}

// Lines returns the content's lines without their ends.
func (t Text) Lines() []string {
	return strings.Split(strings.TrimSuffix(t.Content, "\n"), "\n")
}

// Whole reports whether Content is the file's true bytes, neither cut nor with
// secrets replaced, so that a changed file may be made from it.
func (t Text) Whole() bool {
	sum := sha256.Sum256([]byte(t.Content))
	return hex.EncodeToString(sum[:]) == t.SHA256
}

// Find returns the first line that contains sub and its number from 1, or "" and 0.
func (t Text) Find(sub string) (line string, n int) {
	for i, l := range t.Lines() {
		if strings.Contains(l, sub) {
			return l, i + 1
		}
	}
	return "", 0
}

// LineAt returns line n, counted from 1, or "".
func (t Text) LineAt(n int) string {
	if l := t.Lines(); n >= 1 && n <= len(l) {
		return l[n-1]
	}
	return ""
}

// A Binary is a program file and what tells whether it is what it seems.
type Binary struct {
	Path       string `json:"path"`
	Target     string `json:"target,omitempty"` // where links lead, when elsewhere
	Size       int64  `json:"size"`
	Mode       uint32 `json:"mode"`
	UID        uint32 `json:"uid"`
	SHA256     string `json:"sha256,omitempty"` // "" when it was not read whole
	ELF        bool   `json:"elf"`
	Script     string `json:"script,omitempty"`     // interpreter of the #! line
	GoMain     string `json:"goMain,omitempty"`     // main package path in the Go build information
	GoModule   string `json:"goModule,omitempty"`   // module and version in the Go build information
	Package    string `json:"package,omitempty"`    // owning dpkg package
	PackageSum string `json:"packageSum,omitempty"` // "same", "differs", or "" when the package keeps no sum or nothing was compared
	Error      string `json:"error,omitempty"`
}

// Executable reports whether a run bit is set.
func (b Binary) Executable() bool { return b.Mode&0o111 != 0 }
