package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A writer writes the schema. Its lines:
//
//	g ID GROUP VERSION        the package that follows; GROUP may be "-"
//	m NAME [RESOURCE SCOPE]   a message, and where it is a kind of its own the
//	                          plural name and n (namespaced) or c (cluster)
//	f NUMBER NAME FLAGS TYPE  a field
//
// FLAGS are letters, or "-": o omitempty, z omitzero, i inline, r repeated,
// m map, p pointer. TYPE is a letter (see letters and special), or a dot and
// the message: .ID.NAME
type writer struct {
	packages map[string]*apiPackage
	out      bytes.Buffer
}

// letters are the plain types.
var letters = map[string]string{
	"string": "s", "bool": "b", "int32": "i", "int64": "i", "int": "i", "uint32": "u", "uint64": "u", "float64": "d", "float32": "f", "byte": "y",
}

// special are types that have a JSON form of their own.
var special = map[string]string{
	"meta/v1.Time": "T", "meta/v1.MicroTime": "M", "meta/v1.Duration": "D", "util/intstr.IntOrString": "O",
	"api/resource.Quantity": "Q", "pkg/runtime.RawExtension": "R", "meta/v1.FieldsV1": "R",
	"apiextensions/v1.JSON": "R", "apiextensions/v1beta1.JSON": "R",
	"apiextensions/v1.JSONSchemaPropsOrBool": "B", "apiextensions/v1beta1.JSONSchemaPropsOrBool": "B",
	"apiextensions/v1.JSONSchemaPropsOrArray": "A", "apiextensions/v1beta1.JSONSchemaPropsOrArray": "A",
	"apiextensions/v1.JSONSchemaPropsOrStringArray": "P", "apiextensions/v1beta1.JSONSchemaPropsOrStringArray": "P",
}

var resourceName = regexp.MustCompile(`\+resourceName=(\S+)`)

func (w *writer) pkg(p *apiPackage) error {
	if p.id == "pkg/runtime" || p.id == "api/resource" || p.id == "util/intstr" {
		return nil // envelopes, and types of a JSON form of their own
	}
	group := p.group
	if group == "" {
		group = "-"
	}
	fmt.Fprintf(&w.out, "g %s %s %s\n", p.id, group, p.version)
	for _, name := range p.order {
		t := p.types[name]
		st, ok := t.expr.(*ast.StructType)
		if _, stored := p.messages[name]; !ok || !stored || special[p.id+"."+name] != "" {
			continue
		}
		fmt.Fprintf(&w.out, "m %s%s\n", name, resource(p, name, t, st))
		if err := w.message(p, name, t, st); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// resource is what the API calls a list of the kind, where it has one.
func resource(p *apiPackage, kind string, t *goType, st *ast.StructType) string {
	client := strings.Contains(t.doc, "+genclient")
	if p.id == "apiextensions/v1" && kind == "CustomResourceDefinition" {
		client = true
	}
	if !client || strings.Contains(t.doc, "+genclient:onlyVerbs=create") || !hasMeta(st) {
		return ""
	}
	plural := strings.ToLower(kind)
	switch m := resourceName.FindStringSubmatch(t.doc); {
	case m != nil:
		plural = m[1]
	case kind == "Endpoints":
	case strings.HasSuffix(plural, "s"):
		plural += "es"
	case strings.HasSuffix(plural, "y"):
		plural = plural[:len(plural)-1] + "ies"
	default:
		plural += "s"
	}
	scope := "n"
	if strings.Contains(t.doc, "+genclient:nonNamespaced") {
		scope = "c"
	}
	return " " + plural + " " + scope
}

func hasMeta(st *ast.StructType) bool {
	for _, f := range st.Fields.List {
		if s, ok := f.Type.(*ast.SelectorExpr); ok && s.Sel.Name == "ObjectMeta" {
			return true
		}
	}
	return false
}

// message writes the fields of a struct and checks them against the message.
func (w *writer) message(p *apiPackage, name string, t *goType, st *ast.StructType) error {
	seen := map[int]bool{}
	for _, f := range st.Fields.List {
		if f.Tag == nil {
			continue
		}
		raw, _ := strconv.Unquote(f.Tag.Value) // the parser has seen to it
		tag := reflect.StructTag(raw)
		parts := strings.Split(tag.Get("protobuf"), ",")
		if len(parts) < 3 {
			continue
		}
		n, err := strconv.Atoi(parts[1])
		if err != nil {
			return err
		}
		if p.messages[name][n] == "" {
			return fmt.Errorf("field %d is not in generated.proto", n)
		}
		seen[n] = true
		if err := w.field(p, t, f, n, tag.Get("json")); err != nil {
			return fmt.Errorf("field %d: %w", n, err)
		}
	}
	for n, field := range p.messages[name] {
		if !seen[n] {
			return fmt.Errorf("field %d (%s) of generated.proto is not in the Go type", n, field)
		}
	}
	return nil
}

func (w *writer) field(p *apiPackage, t *goType, f *ast.Field, n int, tag string) error {
	opts := strings.Split(tag, ",")
	flags := ""
	for opt, letter := range map[string]string{"omitempty": "o", "omitzero": "z", "inline": "i"} {
		if slices.Contains(opts[1:], opt) {
			flags += letter
		}
	}
	name := opts[0]
	if name == "-" {
		name = ""
	}
	if len(f.Names) == 0 && name == "" {
		flags = "i"
	}
	shape, typ, err := w.resolve(p, t.imports, f.Type)
	if err != nil {
		return err
	}
	flags += shape
	if name == "" {
		if name = "-"; !strings.Contains(flags, "i") {
			return fmt.Errorf("it has no JSON name")
		}
	}
	letters := strings.Split(flags, "")
	slices.Sort(letters)
	if flags = strings.Join(letters, ""); flags == "" {
		flags = "-"
	}
	fmt.Fprintf(&w.out, "f %d %s %s %s\n", n, name, flags, typ)
	return nil
}

// resolve finds how a Go type is stored: its shape (r, m, p) and its letter
// or message.
func (w *writer) resolve(p *apiPackage, imports map[string]string, x ast.Expr) (shape, typ string, err error) {
	switch x := x.(type) {
	case *ast.StarExpr:
		shape, typ, err = w.resolve(p, imports, x.X)
		return "p" + shape, typ, err
	case *ast.ArrayType:
		if id, ok := x.Elt.(*ast.Ident); ok && id.Name == "byte" {
			return "", "y", nil
		}
		return w.inner("r", p, imports, x.Elt)
	case *ast.MapType:
		return w.inner("m", p, imports, x.Value)
	case *ast.SelectorExpr:
		at := imports[x.X.(*ast.Ident).Name]
		other := w.packages[at]
		if other == nil {
			return "", w.foreign(at, x.Sel.Name), nil
		}
		return w.named(other, x.Sel.Name)
	case *ast.Ident:
		if l := letters[x.Name]; l != "" && p.types[x.Name] == nil {
			return "", l, nil
		}
		return w.named(p, x.Name)
	}
	return "", "", fmt.Errorf("cannot resolve %T", x)
}

// foreign are types of packages that store nothing: all of them texts.
func (w *writer) foreign(string, string) string { return "s" }

func (w *writer) inner(shape string, p *apiPackage, imports map[string]string, x ast.Expr) (string, string, error) {
	more, typ, err := w.resolve(p, imports, x)
	if err == nil && strings.Trim(more, "p") != "" {
		err = fmt.Errorf("a list or map of lists or maps")
	}
	return shape, typ, err
}

// named resolves a declared type.
func (w *writer) named(p *apiPackage, name string) (shape, typ string, err error) {
	if s := special[p.id+"."+name]; s != "" {
		return "", s, nil
	}
	t := p.types[name]
	if t == nil {
		return "", "", fmt.Errorf("%s.%s is not declared", p.id, name)
	}
	if _, ok := t.expr.(*ast.StructType); ok {
		return "", "." + p.id + "." + name, nil
	}
	shape, typ, err = w.resolve(p, t.imports, t.expr)
	if _, wrapped := p.messages[name]; wrapped && shape == "r" && typ == "s" {
		return "", "L", err // a message whose field 1 is the list
	}
	return shape, typ, err
}
