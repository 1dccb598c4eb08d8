package klustered_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The limits of the house style, in lines.
const (
	maxFile     = 500
	maxFunction = 100
)

// A sourceFile is a Go file of this module that is written by hand.
type sourceFile struct {
	name string
	text string
	tree *ast.File
	set  *token.FileSet
}

func (f sourceFile) test() bool     { return strings.HasSuffix(f.name, "_test.go") }
func (f sourceFile) folder() string { return filepath.Dir(f.name) }

// sources are all Go files but those of other modules and generated ones.
func sources(t *testing.T) []sourceFile {
	t.Helper()
	var all []sourceFile
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); base == "testdata" || name != "." && strings.HasPrefix(base, ".") || otherModule(name) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil || strings.HasPrefix(string(text), "// Code generated") {
			return err
		}
		f := sourceFile{name: name, text: string(text), set: token.NewFileSet()}
		f.tree, err = parser.ParseFile(f.set, name, text, parser.ParseComments)
		all = append(all, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// otherModule reports whether the folder is another module's: the programs of
// the lab's nodes have their own.
func otherModule(dir string) bool {
	for _, name := range []string{"go.mod", "go.mod.in"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil && dir != "." {
			return true
		}
	}
	return false
}

func TestLengths(t *testing.T) {
	for _, f := range sources(t) {
		if n := strings.Count(f.text, "\n"); n > maxFile && !f.test() {
			t.Errorf("%s has %d lines, over %d", f.name, n, maxFile)
		}
		for _, d := range f.tree.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			from, to := f.set.Position(fn.Pos()).Line, f.set.Position(fn.End()).Line
			if n := to - from + 1; n > maxFunction && !f.test() {
				t.Errorf("%s:%d: %s has %d lines, over %d", f.name, from, fn.Name.Name, n, maxFunction)
			}
			if fn.Name.Name == "init" && fn.Recv == nil {
				t.Errorf("%s:%d: an init function", f.name, from)
			}
		}
	}
}

// TestPackageComments: each package has one package comment, in one file.
func TestPackageComments(t *testing.T) {
	comments, packages := map[string][]string{}, map[string]bool{}
	for _, f := range sources(t) {
		if f.test() {
			continue
		}
		packages[f.folder()] = true
		if f.tree.Doc == nil {
			continue
		}
		comments[f.folder()] = append(comments[f.folder()], f.name)
		text := f.tree.Doc.Text()
		if !strings.HasPrefix(text, "Package "+f.tree.Name.Name+" ") && f.tree.Name.Name != "main" {
			t.Errorf("%s: the package comment does not begin with %q", f.name, "Package "+f.tree.Name.Name)
		}
	}
	for dir := range packages {
		if n := len(comments[dir]); n != 1 {
			t.Errorf("%s has %d package comments: %v", dir, n, comments[dir])
		}
	}
}

// TestDocumented: what is exported says what it is, beginning with its name.
func TestDocumented(t *testing.T) {
	for _, f := range sources(t) {
		if f.test() || f.tree.Name.Name == "main" {
			continue
		}
		for _, d := range f.tree.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) && !told[d.Name.Name] {
					t.Errorf("%s: %s is not documented", f.set.Position(d.Pos()), d.Name.Name)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if x, ok := s.(*ast.TypeSpec); ok && x.Name.IsExported() && d.Doc == nil && x.Doc == nil {
						t.Errorf("%s: %s is not documented", f.set.Position(x.Pos()), x.Name.Name)
					}
				}
			}
		}
	}
}

// told are methods whose meaning is their interface's.
var told = map[string]bool{"String": true, "Error": true, "Unwrap": true, "Len": true, "Less": true, "Swap": true, "Write": true, "Read": true, "Close": true, "MarshalJSON": true, "UnmarshalJSON": true}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	x := d.Recv.List[0].Type
	if star, ok := x.(*ast.StarExpr); ok {
		x = star.X
	}
	id, ok := x.(*ast.Ident)
	return ok && id.IsExported()
}

// TestOneSort: each type that package slices sorts costs nine kilobytes.
func TestOneSort(t *testing.T) {
	for _, f := range sources(t) {
		many := fits("internal/collect/feed internal/collect/etcd* internal/inventory internal/order internal/gen* lab/flagtable", filepath.ToSlash(f.folder()))
		if !f.test() && !many && regexp.MustCompile(`slices\.Sort(Stable)?Func\(`).MatchString(f.text) {
			t.Errorf("%s sorts by a sort of its own: see package order", f.name)
		}
	}
}

// TestNoWallClock: where knowledge is kept, the snapshot's time is the only clock.
func TestNoWallClock(t *testing.T) {
	for _, f := range sources(t) {
		if f.test() || !fits("snapshot component finding symptom op fault* faults/* internal/causal internal/diagnose internal/harden", filepath.ToSlash(f.folder())) || f.folder() == "fault/faulttest" {
			continue
		}
		ast.Inspect(f.tree, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := s.X.(*ast.Ident)
			if ok && x.Name == "time" && (s.Sel.Name == "Now" || s.Sel.Name == "Since" || s.Sel.Name == "Until" || s.Sel.Name == "Sleep") {
				t.Errorf("%s: time.%s: use the snapshot's time", f.set.Position(s.Pos()), s.Sel.Name)
			}
			return true
		})
	}
}

// unfinished are words of work that was put off.
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`)

func TestFinished(t *testing.T) {
	for _, f := range sources(t) {
		for i, line := range strings.Split(f.text, "\n") {
			if unfinished.MatchString(line) {
				t.Errorf("%s:%d: unfinished: %s", f.name, i+1, strings.TrimSpace(line))
			}
		}
	}
}
