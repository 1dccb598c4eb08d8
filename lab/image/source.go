package image

import (
	"bytes"
	"embed"
	"fmt"
	"os"
	"path/filepath"
)

// sources are the modules that a lab builds its programs from. A folder that holds a
// go.mod cannot be embedded, hence go.mod.in and go.sum.in.
//
//go:embed source/*/main.go source/*/go.mod.in source/*/go.sum.in
var sources embed.FS

var sourceFiles = []struct{ embedded, laid string }{
	{"go.mod.in", "go.mod"}, {"go.sum.in", "go.sum"}, {"main.go", "main.go"},
}

// ignoreLine keeps the tool's own module from compiling a source of another module.
const ignoreLine = "//go:build ignore\n"

// layout gives the files of one embedded module by the names the go command wants.
// A module without a main.go builds the tools its go.mod names.
func layout(name string) map[string][]byte {
	files := map[string][]byte{}
	for _, f := range sourceFiles {
		data, err := sources.ReadFile("source/" + name + "/" + f.embedded)
		if err == nil && len(data) > 0 {
			files[f.laid] = bytes.TrimPrefix(data, []byte(ignoreLine))
		}
	}
	return files
}

func writeFiles(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return fmt.Errorf("cannot lay out sources: %w", err)
		}
	}
	return nil
}
