package bundle

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
)

// Options are what a bundle says of itself.
type Options struct {
	Created time.Time
	Tool    string
	Note    string
	Level   Level // what is taken out; the parts given are not changed
	// Recipients are whom the bundle is encrypted to; none leaves it open.
	Recipients []age.Recipient
}

// Write writes a bundle of the parts.
func Write(w io.Writer, parts []Part, o Options) error {
	if o.Level == "" {
		o.Level = Secrets
	}
	parts, err := Redact(parts, o.Level)
	if err != nil {
		return err
	}
	m := Manifest{Format: format, Major: Major, Minor: Minor, Created: o.Created.UTC(), Tool: o.Tool, Redacted: o.Level, Note: o.Note}
	bodies := map[string][]byte{}
	for i, p := range parts {
		e, err := entryOf(p, fmt.Sprintf("nodes/%03d/", i), bodies)
		if err != nil {
			return err
		}
		m.Nodes = append(m.Nodes, e)
	}
	sealed, err := seal(w, o.Recipients)
	if err != nil {
		return err
	}
	if err := pack(sealed, m, bodies); err != nil {
		return err
	}
	if err := sealed.Close(); err != nil {
		return fmt.Errorf("cannot write the bundle: %w", err)
	}
	return nil
}

// entryOf describes a part and adds its bodies by their names below dir.
func entryOf(p Part, dir string, bodies map[string][]byte) (Entry, error) {
	s := p.Snapshot
	body, err := json.Marshal(s)
	if err != nil {
		return Entry{}, fmt.Errorf("cannot encode the snapshot of %s: %w", s.Node, err)
	}
	e := Entry{Node: s.Node, Path: dir + "snapshot.json", Size: int64(len(body)), SHA256: sumOf(body), At: s.At, Timings: s.Timing, Clock: p.Clock}
	bodies[e.Path] = body
	for _, f := range p.Raw {
		name := dir + "raw" + rawName(f.Source)
		for bodies[name] != nil {
			name += "~"
		}
		bodies[name] = append([]byte{}, f.Data...)
		e.Raw = append(e.Raw, RawEntry{Source: f.Source, Path: name, Size: int64(len(f.Data)), SHA256: sumOf(f.Data), Cut: f.Cut, Error: f.Error})
	}
	return e, nil
}

// rawName is the place of a source below raw/: a path is itself, a log such as
// journal:kubelet.service lies in a folder of its kind. It never leads out.
func rawName(source string) string {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == '\\' || r == 0x7f {
			return '_'
		}
		return r
	}, source)
	if kind, rest, ok := strings.Cut(clean, ":"); ok && !strings.Contains(kind, "/") {
		clean = kind + "/" + rest
	}
	return path.Clean("/" + clean)
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// pack writes the archive.
func pack(w io.Writer, m Manifest, bodies map[string][]byte) error {
	head, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode the manifest: %w", err)
	}
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	if err != nil {
		return fmt.Errorf("cannot compress the bundle: %w", err)
	}
	t := tar.NewWriter(z)
	if err := put(t, manifestName, head, m.Created); err != nil {
		return err
	}
	for _, e := range m.Nodes {
		if err := put(t, e.Path, bodies[e.Path], m.Created); err != nil {
			return err
		}
		for _, r := range e.Raw {
			if err := put(t, r.Path, bodies[r.Path], m.Created); err != nil {
				return err
			}
		}
	}
	if err := t.Close(); err != nil {
		return fmt.Errorf("cannot write the bundle: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("cannot write the bundle: %w", err)
	}
	return nil
}

func put(t *tar.Writer, name string, data []byte, at time.Time) error {
	h := &tar.Header{Name: name, Mode: 0o600, Size: int64(len(data)), ModTime: at, Format: tar.FormatPAX}
	if err := t.WriteHeader(h); err != nil {
		return fmt.Errorf("cannot write %s of the bundle: %w", name, err)
	}
	if _, err := t.Write(data); err != nil {
		return fmt.Errorf("cannot write %s of the bundle: %w", name, err)
	}
	return nil
}
