package component

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"

	"github.com/klustered/klustered/internal/packed"
)

// archive holds the files of the folder table.
//
//go:embed table.zst
var archive []byte

var files = sync.OnceValue(func() packed.Files {
	all, _ := packed.Unpack(archive) // a test reads it
	return all
})

// The tables that are no component's.
const (
	schemaTable  = "schema"
	releaseTable = "release"
)

// tables are read when they are first asked for.
var tables = map[string]func() *table{
	"etcd":                    reader("etcd"),
	"kube-apiserver":          reader("kube-apiserver"),
	"kube-controller-manager": reader("kube-controller-manager"),
	"kube-proxy":              reader("kube-proxy"),
	"kube-scheduler":          reader("kube-scheduler"),
	"kubelet":                 reader("kubelet"),
	schemaTable:               reader(schemaTable),
	releaseTable:              reader(releaseTable),
}

func reader(name string) func() *table {
	return sync.OnceValue(func() *table {
		return newTable(string(files()[name+".txt"]))
	})
}

// A table is one file. A minor release of it is read when it is first asked
// for: seldom more than one is.
type table struct {
	minors []string // v1.33, v1.34, ...
	lines  string
	mu     sync.Mutex
	read   map[string]*edition
}

// An edition is what a table says of one minor release.
type edition struct {
	flags   map[string]Flag
	release Release
	schema  Schema
}

func newTable(data string) *table {
	head, rest, _ := strings.Cut(data, "\n")
	return &table{minors: minorsOf(head), lines: rest, read: map[string]*edition{}}
}

// of is the edition for the release of version, or the nearest one there is.
func (t *table) of(version string) (e *edition, minor string, exact bool) {
	minor, exact = t.nearest(version)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.read[minor] == nil {
		t.read[minor] = t.parse(minor)
	}
	return t.read[minor], minor, exact
}

// Lines returns the lines of a table that hold for a minor release, without
// the releases they hold for. It is what lab/flagtable checks.
func Lines(name, minor string) []string {
	head, rest, _ := strings.Cut(string(files()[name]), "\n")
	minors := minorsOf(head)
	var out []string
	for line := range strings.Lines(rest) {
		text, in := split(strings.TrimSuffix(line, "\n"))
		if in == "" || within(in, minor, minors) {
			out = append(out, text)
		}
	}
	return out
}

// minorsOf reads the first line of a table.
func minorsOf(line string) []string {
	var out []string
	for _, v := range strings.Fields(strings.TrimPrefix(line, "versions")) {
		out = append(out, Minor(v))
	}
	return out
}

// split takes the span off a line.
func split(line string) (text, in string) {
	if i := strings.LastIndex(line, " in="); i >= 0 {
		return line[:i], line[i+len(" in="):]
	}
	return line, ""
}

// within reports whether a span such as v1.33..v1.35,v1.37 has the minor.
func within(span, minor string, minors []string) bool {
	index := func(s string) int {
		for i, m := range minors {
			if m == s {
				return i
			}
		}
		return -1
	}
	at := index(minor)
	for part := range strings.SplitSeq(span, ",") {
		from, to, ok := strings.Cut(part, "..")
		if !ok {
			to = from
		}
		if at >= 0 && index(from) <= at && at <= index(to) {
			return true
		}
	}
	return false
}

// Minor is the v1.37 of 1.37, v1.37.2 or v1.37.2-rc.0, and "" of what is no
// version.
func Minor(version string) string {
	major, minor, ok := number(version)
	if !ok {
		return ""
	}
	return "v" + strconv.Itoa(major) + "." + strconv.Itoa(minor)
}

// number reads the first two numbers of a version.
func number(version string) (major, minor int, ok bool) {
	a, rest, cut := strings.Cut(strings.TrimPrefix(strings.TrimSpace(version), "v"), ".")
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	major, err1 := strconv.Atoi(a)
	minor, err2 := strconv.Atoi(rest[:end])
	return major, minor, cut && err1 == nil && err2 == nil && major >= 0
}

// nearest is the minor that is asked for, or the one next to it.
func (t *table) nearest(version string) (minor string, exact bool) {
	last := ""
	if n := len(t.minors); n > 0 {
		last = t.minors[n-1]
	}
	major, want, ok := number(version)
	if !ok {
		return last, false
	}
	for _, m := range t.minors {
		a, b, _ := number(m)
		if a == major && b == want {
			return m, true
		}
		if a > major || a == major && b > want {
			return m, false
		}
	}
	return last, false
}
