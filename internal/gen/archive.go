package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/klustered/klustered/internal/bundle"
	"github.com/klustered/klustered/internal/packed"
)

// packs are the archives that are embedded, and what is in them: the files of a
// folder that match, by their names below it.
var packs = []struct{ archive, folder, match string }{
	{"fault/runbook.zst", "faults", "*/*/README.md"},
	{"component/table.zst", "component/table", "*.txt"},
	{"lab/image/source.zst", "lab/image/source", "*/*"},
	{"internal/demo/bundles.zst", "internal/demo/bundles", "*.bundle"},
}

// archives writes those whose files have changed, or checks that none has. What
// an archive holds is compared, and not its bytes: another release of the
// compressor may make others.
func archives(root string, check bool) error {
	for _, p := range packs {
		want, err := members(filepath.Join(root, p.folder), p.match)
		if err != nil {
			return err
		}
		name := filepath.Join(root, p.archive)
		if data, err := os.ReadFile(name); err == nil {
			if got, err := packed.Unpack(data); err == nil && maps.EqualFunc(got, want, bytes.Equal) {
				continue
			}
		}
		if check {
			return fmt.Errorf("%s is not what %s holds: run go generate", p.archive, p.folder)
		}
		data, err := packed.Pack(want)
		if err != nil {
			return err
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// members reads the files; of a bundle, by its name alone, what is in it; a
// README by the name of its folder.
func members(folder, match string) (packed.Files, error) {
	names, err := filepath.Glob(filepath.Join(folder, match))
	if err != nil {
		return nil, err
	}
	files := packed.Files{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		at, err := filepath.Rel(folder, name)
		if err != nil {
			return nil, err
		}
		if folder, base := filepath.Split(at); base == "README.md" { // of a fault: its ID
			at = filepath.Clean(folder)
		}
		if stem, ok := strings.CutSuffix(at, ".bundle"); ok {
			if data, err = bundle.Bare(bytes.NewReader(data)); err != nil {
				return nil, fmt.Errorf("cannot pack %s: %w", name, err)
			}
			at = stem
		}
		files[filepath.ToSlash(at)] = data
	}
	return files, nil
}
