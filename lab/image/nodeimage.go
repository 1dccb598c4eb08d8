package image

import (
	"archive/tar"
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klustered/klustered/lab/engine"
)

// importNode makes the node image: the base with the node's files behind it.
func (r Recipe) importNode(ctx context.Context, e *engine.Engine, bins programs, name string) error {
	base, err := os.Open(r.basePath())
	if err != nil {
		return err
	}
	defer base.Close()
	pipe, w := io.Pipe()
	go func() { w.CloseWithError(writeNode(w, bufio.NewReaderSize(base, 1<<20), bins)) }()
	err = e.Import(ctx, pipe, name, "ENV container=docker",
		"ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		`ENTRYPOINT ["/usr/local/sbin/node-entry"]`)
	pipe.CloseWithError(io.ErrClosedPipe)
	return err
}

func writeNode(w io.Writer, base io.Reader, bins programs) error {
	out := tar.NewWriter(w)
	files := nodeFiles()
	replaced := map[string]bool{}
	for _, f := range files {
		replaced[f.name] = true
	}
	if err := copyTar(out, tar.NewReader(base), replaced); err != nil {
		return fmt.Errorf("cannot copy the root file system: %w", err)
	}
	for _, f := range files {
		if err := writeEntry(out, f, bins); err != nil {
			return fmt.Errorf("cannot add %s to the node image: %w", f.name, err)
		}
	}
	return out.Close()
}

// copyTar passes entries on, but for those that come anew and the device nodes, which
// an engine makes itself.
func copyTar(out *tar.Writer, in *tar.Reader, replaced map[string]bool) error {
	for {
		h, err := in.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		name := "/" + strings.Trim(strings.TrimPrefix(h.Name, "."), "/")
		if replaced[name] || strings.HasPrefix(name, "/dev/") {
			continue
		}
		if err := out.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(out, in); err != nil {
			return err
		}
	}
}
