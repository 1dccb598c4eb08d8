package image

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// epoch is the time of everything made here, so that the same input gives the same bytes.
var epoch = time.Unix(0, 0).UTC()

// writeEntry adds one entry to a tar, taking programs from the cache.
func writeEntry(out *tar.Writer, f nodeFile, bins programs) error {
	name := strings.TrimPrefix(f.name, "/")
	h := &tar.Header{Name: name, Mode: f.mode, ModTime: epoch, Typeflag: tar.TypeReg, Size: int64(len(f.text))}
	switch {
	case f.dir:
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
	case f.link != "":
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, f.link, 0o777
	case f.hard != "":
		h.Typeflag, h.Linkname = tar.TypeLink, strings.TrimPrefix(f.hard, "/")
	case f.program != "":
		return writeProgram(out, h, f.program, bins)
	}
	if err := out.WriteHeader(h); err != nil {
		return err
	}
	_, err := io.WriteString(out, f.text)
	return err
}

func writeProgram(out *tar.Writer, h *tar.Header, name string, bins programs) error {
	path, ok := bins[name]
	if !ok {
		return fmt.Errorf("no program %q was built", name)
	}
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	h.Size = info.Size()
	if err := out.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return err
}
