// Package git reads and writes a bare Git repository as far as a baseline needs
// it: blobs, trees, commits, one branch.
//
// It is written for a binary with little room: the well-known library is larger
// than all that is kept with it. What it writes, git reads, and git may pack,
// clone and push it; formats are those of gitformat-pack(5) and
// gitrepository-layout(5). Repositories with SHA-256 names are not read.
package git

import (
	"bytes"
	"cmp"
	"crypto/sha1" //nolint:gosec // names of Git's objects
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/order"
)

// A Hash names an object: the SHA-1 of its kind, length and content.
type Hash [sha1.Size]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Short is the name's first ten digits.
func (h Hash) Short() string { return h.String()[:10] }

// parseHash reads 40 hexadecimal digits.
func parseHash(s string) (Hash, error) {
	var h Hash
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(h) {
		return h, fmt.Errorf("cannot read the object name %q: it is not of 40 hexadecimal digits", s)
	}
	return Hash(b), nil
}

// The kinds of objects.
const (
	Blob   = "blob"
	Tree   = "tree"
	Commit = "commit"
	tag    = "tag"
)

// sum is the name of an object.
func sum(kind string, data []byte) Hash {
	h := sha1.New() //nolint:gosec // see Hash
	fmt.Fprintf(h, "%s %d\x00", kind, len(data))
	h.Write(data)
	return Hash(h.Sum(nil))
}

// The modes of what a tree holds.
const (
	ModeFile   = 0o100644
	ModeFolder = 0o040000
)

// An Entry is one name in a tree.
type Entry struct {
	Name string
	Mode uint32
	Hash Hash
}

func (e Entry) folder() bool { return e.Mode == ModeFolder }

// key is what entries are ordered by: a folder as if it ended in a slash.
func (e Entry) key() string {
	if e.folder() {
		return e.Name + "/"
	}
	return e.Name
}

// encodeTree is the content of a tree.
func encodeTree(list []Entry) []byte {
	order.By(list, func(a, b Entry) int { return cmp.Compare(a.key(), b.key()) })
	var out bytes.Buffer
	for _, e := range list {
		fmt.Fprintf(&out, "%o %s\x00", e.Mode, e.Name)
		out.Write(e.Hash[:])
	}
	return out.Bytes()
}

// errTree means that a tree is not one.
var errTree = errors.New("cannot read a tree: it is damaged")

// parseTree reads the content of a tree.
func parseTree(data []byte) ([]Entry, error) {
	var out []Entry
	for len(data) > 0 {
		head, rest, ok := bytes.Cut(data, []byte{0})
		mode, name, named := strings.Cut(string(head), " ")
		m, err := strconv.ParseUint(mode, 8, 32)
		if !ok || !named || err != nil || len(rest) < sha1.Size || !plain(name) {
			return nil, errTree
		}
		out = append(out, Entry{name, uint32(m), Hash(rest[:sha1.Size])})
		data = rest[sha1.Size:]
	}
	return out, nil
}

// plain reports whether name is one that a path may be made of.
func plain(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00")
}

// A Person is who made a commit.
type Person struct {
	Name, Email string
}

func (p Person) String() string { return fmt.Sprintf("%s <%s>", p.Name, p.Email) }

// clean is p without what ends a field of a commit.
func (p Person) clean() Person {
	r := strings.NewReplacer("<", "", ">", "", "\n", " ", "\x00", "")
	return Person{cmp.Or(strings.TrimSpace(r.Replace(p.Name)), "unknown"), strings.TrimSpace(r.Replace(p.Email))}
}

// A Version is a commit.
type Version struct {
	Hash    Hash
	Tree    Hash
	Parents []Hash
	Author  Person
	At      time.Time // when it was made, to the second
	Message string
}

// Subject is the message's first line.
func (v Version) Subject() string {
	s, _, _ := strings.Cut(v.Message, "\n")
	return s
}

func (v Version) encode() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "tree %s\n", v.Tree)
	for _, p := range v.Parents {
		fmt.Fprintf(&out, "parent %s\n", p)
	}
	who := fmt.Sprintf("%s %d %s", v.Author.clean(), v.At.Unix(), v.At.Format("-0700"))
	fmt.Fprintf(&out, "author %s\ncommitter %s\n\n%s\n", who, who, strings.TrimSpace(v.Message))
	return out.Bytes()
}

// parseCommit reads the content of a commit.
func parseCommit(h Hash, data []byte) (Version, error) {
	v := Version{Hash: h}
	head, message, _ := strings.Cut(string(data), "\n\n")
	v.Message = message
	for line := range strings.SplitSeq(head, "\n") {
		key, value, _ := strings.Cut(line, " ")
		var err error
		switch key {
		case "tree":
			v.Tree, err = parseHash(value)
		case "parent":
			var p Hash
			p, err = parseHash(value)
			v.Parents = append(v.Parents, p)
		case "author":
			v.Author, v.At = parsePerson(value)
		}
		if err != nil {
			return Version{}, fmt.Errorf("cannot read commit %s: %w", h, err)
		}
	}
	if v.Tree == (Hash{}) {
		return Version{}, fmt.Errorf("cannot read commit %s: it names no tree", h)
	}
	return v, nil
}

// parsePerson reads "NAME <EMAIL> SECONDS ZONE". What is missing stays empty.
func parsePerson(s string) (Person, time.Time) {
	name, rest, _ := strings.Cut(s, " <")
	email, when, _ := strings.Cut(rest, "> ")
	seconds, _, _ := strings.Cut(when, " ")
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return Person{name, email}, time.Time{}
	}
	return Person{name, email}, time.Unix(n, 0).UTC()
}
