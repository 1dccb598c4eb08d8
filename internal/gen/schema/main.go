// Command schema writes the schema by which stored Kubernetes objects are
// decoded, from the sources of the modules that define them.
//
// Its arguments are the folders of k8s.io/api, k8s.io/apimachinery,
// k8s.io/apiextensions-apiserver and k8s.io/kube-aggregator. The Go types say
// how a field is written as JSON, and the generated.proto files beside them
// how it is stored; where the two disagree nothing is written.
// scripts/schema runs it with the folders of the versions in go.mod.
package main

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	out := flag.String("out", "internal/collect/object/schema/schema.gz", "the file to write")
	text := flag.Bool("text", false, "write the text to standard output instead")
	flag.Parse()
	schema, err := generate(flag.Args())
	switch {
	case err != nil:
	case *text:
		_, err = os.Stdout.Write(schema)
	default:
		err = write(*out, schema)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "schema: error: %v\n", err)
		os.Exit(1)
	}
}

func write(name string, schema []byte) error {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(schema); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}

// generate reads every API package below the folders.
func generate(modules []string) ([]byte, error) {
	var all []*apiPackage
	for _, dir := range modules {
		list, err := packagesBelow(dir)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	slices.SortFunc(all, func(a, b *apiPackage) int { return strings.Compare(a.id, b.id) })
	byPath := map[string]*apiPackage{}
	for _, p := range all {
		byPath[p.path] = p
	}
	w := &writer{packages: byPath}
	for _, p := range all {
		if err := w.pkg(p); err != nil {
			return nil, fmt.Errorf("%s: %w", p.path, err)
		}
	}
	return w.out.Bytes(), nil
}

// packagesBelow reads the packages of one module that have a generated.proto.
func packagesBelow(dir string) ([]*apiPackage, error) {
	var out []*apiPackage
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "testapigroup") {
			return fs.SkipDir
		}
		if d.Name() != "generated.proto" {
			return nil
		}
		p, err := readPackage(filepath.Dir(name))
		if err == nil && p != nil {
			out = append(out, p)
		}
		return err
	})
	return out, err
}
