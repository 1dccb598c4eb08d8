// Command gen writes what is generated: from the folders below faults/ the list
// of every fault, and docs/faults.md; and the archives of what is embedded.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	check := flag.Bool("check", false, "write nothing; fail when a file is not what it should be")
	root := flag.String("root", ".", "the folder of the project")
	flag.Parse()
	if err := run(*root, *check); err != nil {
		fmt.Fprintf(os.Stderr, "gen: error: %v\n", err)
		os.Exit(1)
	}
}

// run writes, or checks, every generated file below root.
func run(root string, check bool) error {
	faults, err := list(filepath.Join(root, "faults"))
	if err != nil {
		return err
	}
	source, err := goList(faults)
	if err != nil {
		return err
	}
	for name, want := range map[string][]byte{"faults/all/all.go": source, "docs/faults.md": catalogue(faults)} {
		path := filepath.Join(root, name)
		got, err := os.ReadFile(path)
		switch {
		case err == nil && bytes.Equal(got, want):
			continue
		case check:
			return fmt.Errorf("%s is not what the runbooks say: run go generate", name)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, want, 0o644); err != nil {
			return err
		}
	}
	return archives(root, check)
}
