package image

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/klustered/klustered/internal/packed"
)

// archive holds the modules that a lab builds its programs from, the files of the
// folder source. Theirs are go.mod.in and go.sum.in: a folder with a go.mod would be
// another module of the project.
//
//go:embed source.zst
var archive []byte

var sources = sync.OnceValue(func() packed.Files {
	all, _ := packed.Unpack(archive) // a test reads it
	return all
})

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
		if data := sources()[name+"/"+f.embedded]; len(data) > 0 {
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
