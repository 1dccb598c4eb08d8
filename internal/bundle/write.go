package bundle

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/klustered/klustered/snapshot"
)

// Options are what a bundle says of itself.
type Options struct {
	Created time.Time
	Tool    string
	Note    string
	Level   Level // what is taken out; the snapshots given are not changed
}

// Write writes a bundle of the snapshots.
func Write(w io.Writer, snaps []*snapshot.Snapshot, o Options) error {
	if o.Level == "" {
		o.Level = Secrets
	}
	snaps, err := Redact(snaps, o.Level)
	if err != nil {
		return err
	}
	m := Manifest{Format: format, Major: Major, Minor: Minor, Created: o.Created.UTC(), Tool: o.Tool, Redacted: o.Level, Note: o.Note}
	var bodies [][]byte
	for i, s := range snaps {
		body, err := json.Marshal(s)
		if err != nil {
			return fmt.Errorf("cannot encode the snapshot of %s: %w", s.Node, err)
		}
		sum := sha256.Sum256(body)
		m.Nodes = append(m.Nodes, Entry{Node: s.Node, Path: fmt.Sprintf("nodes/%03d/snapshot.json", i), Size: int64(len(body)),
			SHA256: hex.EncodeToString(sum[:]), At: s.At, Timings: s.Timing})
		bodies = append(bodies, body)
	}
	return pack(w, m, bodies)
}

// pack writes the archive.
func pack(w io.Writer, m Manifest, bodies [][]byte) error {
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
	for i, e := range m.Nodes {
		if err := put(t, e.Path, bodies[i], m.Created); err != nil {
			return err
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
