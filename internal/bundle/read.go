package bundle

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/klustered/klustered/internal/collect/raw"
	"github.com/klustered/klustered/snapshot"
)

// The bounds of what is read from a bundle.
const (
	maxTotal   = 1 << 30   // bytes, decompressed
	maxEntry   = 128 << 20 // bytes of one entry
	maxEntries = 1 << 16
	maxWindow  = 128 << 20 // bytes that the decompressor may hold
)

// A Key opens bundles. The zero value opens those that are not encrypted, and
// leaves their raw evidence unread but checked.
type Key struct {
	Identities []age.Identity
	Raw        bool // keep the raw evidence
}

// Open reads a bundle. An encrypted one needs an identity of the key: the error
// is [ErrLocked] without any and [ErrWrongKey] when none fits.
func (k Key) Open(r io.Reader) (*Bundle, error) {
	b, err := k.open(r)
	if err != nil {
		return nil, fmt.Errorf("cannot read the bundle: %w", err)
	}
	return b, nil
}

// Open reads a bundle that is not encrypted, without its raw evidence.
func Open(r io.Reader) (*Bundle, error) { return Key{}.Open(r) }

func (k Key) open(r io.Reader) (*Bundle, error) {
	r, encrypted, err := unseal(r, k.Identities)
	if err != nil {
		return nil, err
	}
	z, err := zstd.NewReader(r, zstd.WithDecoderMaxMemory(maxWindow), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	b, err := k.bare(z)
	if b != nil {
		b.Encrypted = encrypted
	}
	return b, err
}

// Bare gives what a bundle that is not encrypted has within its compression:
// several compress better together.
func Bare(r io.Reader) ([]byte, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderMaxMemory(maxWindow), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the bundle: %w", err)
	}
	defer z.Close()
	return io.ReadAll(io.LimitReader(z, maxTotal))
}

// OpenBare is [Open] of what [Bare] gives.
func OpenBare(r io.Reader) (*Bundle, error) {
	b, err := Key{}.bare(r)
	if err != nil {
		return nil, fmt.Errorf("cannot read the bundle: %w", err)
	}
	return b, nil
}

func (k Key) bare(r io.Reader) (*Bundle, error) {
	t := tar.NewReader(io.LimitReader(r, maxTotal))
	m, err := manifest(t)
	if err != nil {
		return nil, err
	}
	files, err := unpack(t, m, k.Raw)
	if err != nil {
		return nil, err
	}
	return assemble(m, files, k.Raw)
}

// manifest reads the first entry.
func manifest(t *tar.Reader) (Manifest, error) {
	var m Manifest
	h, err := t.Next()
	switch {
	case errors.Is(err, zstd.ErrMagicMismatch):
		return m, errors.New("it is not compressed with zstd: this is not a klustered bundle")
	case errors.Is(err, io.EOF) || err == nil && h.Name != manifestName:
		return m, fmt.Errorf("it has no %s in its first place: this is not a klustered bundle", manifestName)
	case err != nil:
		return m, err
	}
	head, err := content(t, h)
	if err != nil {
		return m, err
	}
	if err := decode(head, &m); err != nil {
		return m, fmt.Errorf("%s: %w", manifestName, err)
	}
	if m.Format != format {
		return m, fmt.Errorf("its format is %q, not %q", m.Format, format)
	}
	if m.Major > Major {
		return m, fmt.Errorf("it was written by a newer klustered (%s), format %d; this one reads up to format %d", m.Tool, m.Major, Major)
	}
	return m, nil
}

// content reads an entry.
func content(t *tar.Reader, h *tar.Header) ([]byte, error) {
	if h.Size < 0 || h.Size > maxEntry {
		return nil, fmt.Errorf("entry %q is more than a bundle may hold", h.Name)
	}
	data, err := io.ReadAll(io.LimitReader(t, h.Size))
	if err != nil {
		return nil, fmt.Errorf("entry %q: %w", h.Name, err)
	}
	return data, nil
}

// unpack reads the entries that the manifest names and checks them. Those of
// raw evidence are kept when keepRaw says so; what else there is is passed over.
func unpack(t *tar.Reader, m Manifest, keepRaw bool) (map[string][]byte, error) {
	sums, keep := map[string]string{}, map[string]bool{}
	for _, e := range m.Nodes {
		sums[e.Path], keep[e.Path] = e.SHA256, true
		for _, r := range e.Raw {
			sums[r.Path], keep[r.Path] = r.SHA256, keepRaw
		}
	}
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
		want, known := sums[h.Name]
		if h.Typeflag != tar.TypeReg || !known {
			continue
		}
		if total += h.Size; total > maxTotal || len(files) == maxEntries {
			return nil, fmt.Errorf("entry %q is more than a bundle may hold", h.Name)
		}
		data, err := content(t, h)
		if err != nil {
			return nil, err
		}
		if sumOf(data) != want {
			return nil, fmt.Errorf("entry %q is damaged: its SHA-256 is not the manifest's", h.Name)
		}
		if !keep[h.Name] {
			data = nil
		}
		files[h.Name] = data
	}
}

// assemble decodes the entries.
func assemble(m Manifest, files map[string][]byte, keep bool) (*Bundle, error) {
	b := &Bundle{Manifest: m}
	for _, e := range m.Nodes {
		p := Part{Snapshot: &snapshot.Snapshot{}, Clock: e.Clock}
		data, ok := files[e.Path]
		if !ok {
			return nil, fmt.Errorf("entry %q of the manifest is missing", e.Path)
		}
		if err := decode(data, p.Snapshot); err != nil {
			return nil, fmt.Errorf("entry %q: %w", e.Path, err)
		}
		for _, r := range e.Raw {
			data, ok := files[r.Path]
			if !ok {
				return nil, fmt.Errorf("entry %q of the manifest is missing", r.Path)
			}
			if keep {
				p.Raw = append(p.Raw, raw.File{Source: r.Source, Data: data, Cut: r.Cut, Error: r.Error})
			}
		}
		b.Parts = append(b.Parts, p)
	}
	return b, nil
}
