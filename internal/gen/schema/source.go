package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// An apiPackage is one Go package of API types.
type apiPackage struct {
	path     string // of its import
	id       string // short and unique: core/v1, meta/v1
	group    string
	version  string
	types    map[string]*goType
	order    []string
	messages map[string]map[int]string // of generated.proto: number to name
}

// A goType is a declared type.
type goType struct {
	expr    ast.Expr
	doc     string
	imports map[string]string
}

var (
	protoPackage = regexp.MustCompile(`(?m)^package ([\w.]+);`)
	protoMessage = regexp.MustCompile(`(?m)^message (\w+) \{`)
	protoField   = regexp.MustCompile(`(?m)^  (?:optional |repeated |map<[^>]*> ?)?(?:[\w.]+ )?(\w+) = (\d+);`)
)

// readPackage reads the Go files and the generated.proto of a folder.
func readPackage(dir string) (*apiPackage, error) {
	proto, err := os.ReadFile(filepath.Join(dir, "generated.proto"))
	if err != nil {
		return nil, err
	}
	m := protoPackage.FindSubmatch(proto)
	if m == nil {
		return nil, fmt.Errorf("%s: generated.proto names no package", dir)
	}
	p := &apiPackage{path: importPath(string(m[1])), types: map[string]*goType{}, messages: map[string]map[int]string{}}
	elems := strings.Split(p.path, "/")
	p.version = elems[len(elems)-1]
	p.id = path.Join(elems[len(elems)-2:]...)
	p.readProto(string(proto))
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		base := filepath.Base(name)
		if strings.HasSuffix(base, "_test.go") || strings.HasPrefix(base, "zz_") || strings.HasPrefix(base, "generated") {
			continue
		}
		if err := p.readFile(name); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// importPath turns a proto package into the Go package it was made from.
func importPath(proto string) string {
	s := strings.ReplaceAll(proto, ".", "/")
	s = strings.Replace(s, "k8s/io/", "k8s.io/", 1)
	return strings.ReplaceAll(s, "/apiextensions_apiserver/", "/apiextensions-apiserver/")
}

func (p *apiPackage) readProto(text string) {
	at := protoMessage.FindAllStringSubmatchIndex(text, -1)
	for i, m := range at {
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		fields := map[int]string{}
		for _, f := range protoField.FindAllStringSubmatch(text[m[1]:end], -1) {
			n, _ := strconv.Atoi(f[2]) // the pattern allows digits alone
			fields[n] = f[1]
		}
		p.messages[text[m[2]:m[3]]] = fields
	}
}

func (p *apiPackage) readFile(name string) error {
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
	if err != nil {
		return err
	}
	imports := map[string]string{}
	for _, i := range f.Imports {
		at, _ := strconv.Unquote(i.Path.Value) // the parser has seen to it
		local := path.Base(at)
		if i.Name != nil {
			local = i.Name.Name
		}
		imports[local] = at
	}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range g.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				p.types[s.Name.Name] = &goType{s.Type, docs(f, g, s), imports}
				p.order = append(p.order, s.Name.Name)
			case *ast.ValueSpec:
				if lit, ok := first(s.Values).(*ast.BasicLit); ok && s.Names[0].Name == "GroupName" {
					p.group, _ = strconv.Unquote(lit.Value)
				}
			}
		}
	}
	return nil
}

func first(list []ast.Expr) ast.Expr {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// docs are the comments over a type: its own, and those that a blank line
// parts from it, where the markers of the generators stand.
func docs(f *ast.File, g *ast.GenDecl, s *ast.TypeSpec) string {
	text := s.Doc.Text()
	before := token.NoPos
	for _, d := range f.Decls {
		if d.End() < g.Pos() {
			before = d.End()
		}
	}
	for _, c := range f.Comments {
		if c.Pos() > before && c.End() < g.Pos() {
			for _, line := range c.List {
				text += line.Text + "\n"
			}
		}
	}
	if g.Doc != nil {
		for _, line := range g.Doc.List {
			text += line.Text + "\n"
		}
	}
	return text
}
