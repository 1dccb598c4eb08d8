package bundle

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/klustered/klustered/snapshot"
)

// The bounds of what is read from a bundle.
const (
	maxTotal   = 1 << 30   // bytes, decompressed
	maxEntry   = 128 << 20 // bytes of one entry
	maxEntries = 4096
	maxWindow  = 128 << 20 // bytes that the decompressor may hold
)

// Open reads a bundle.
func Open(r io.Reader) (*Bundle, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderMaxMemory(maxWindow), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the bundle: %w", err)
	}
	defer z.Close()
	files, err := unpack(tar.NewReader(io.LimitReader(z, maxTotal)))
	if err != nil {
		return nil, fmt.Errorf("cannot read the bundle: %w", err)
	}
	b, err := assemble(files)
	if err != nil {
		return nil, fmt.Errorf("cannot read the bundle: %w", err)
	}
	return b, nil
}

// unpack reads the regular entries of an archive.
func unpack(t *tar.Reader) (map[string][]byte, error) {
	files := map[string][]byte{}
	total := int64(0)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		total += h.Size
		if h.Size < 0 || h.Size > maxEntry || total > maxTotal || len(files) == maxEntries {
			return nil, fmt.Errorf("entry %q is more than a bundle may hold", h.Name)
		}
		data, err := io.ReadAll(io.LimitReader(t, h.Size))
		if err != nil {
			return nil, fmt.Errorf("entry %q: %w", h.Name, err)
		}
		files[h.Name] = data
	}
}

// assemble checks the entries against the manifest and decodes them.
func assemble(files map[string][]byte) (*Bundle, error) {
	head, ok := files[manifestName]
	if !ok {
		return nil, fmt.Errorf("it has no %s: this is not a klustered bundle", manifestName)
	}
	b := &Bundle{}
	if err := json.Unmarshal(head, &b.Manifest); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestName, err)
	}
	if b.Manifest.Format != format {
		return nil, fmt.Errorf("its format is %q, not %q", b.Manifest.Format, format)
	}
	if b.Manifest.Major > Major {
		return nil, fmt.Errorf("it was written by a newer klustered (%s), format %d; this one reads up to format %d", b.Manifest.Tool, b.Manifest.Major, Major)
	}
	for _, e := range b.Manifest.Nodes {
		s, err := entry(e, files)
		if err != nil {
			return nil, err
		}
		b.Snapshots = append(b.Snapshots, s)
	}
	return b, nil
}

func entry(e Entry, files map[string][]byte) (*snapshot.Snapshot, error) {
	data, ok := files[e.Path]
	if !ok {
		return nil, fmt.Errorf("entry %q of the manifest is missing", e.Path)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != e.SHA256 {
		return nil, fmt.Errorf("entry %q is damaged: its SHA-256 is not the manifest's", e.Path)
	}
	s := &snapshot.Snapshot{}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("entry %q: %w", e.Path, err)
	}
	return s, nil
}
