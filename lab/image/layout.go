package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// jsonBlob adds a document under its digest.
func (p *packer) jsonBlob(mediaType string, v any) (descriptor, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return descriptor{}, err
	}
	sum := sha256.Sum256(data)
	d := descriptor{MediaType: mediaType, Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: int64(len(data))}
	return d, p.blob(d, bytes.NewReader(data))
}

// json adds a document under a name.
func (p *packer) json(name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return p.write(name, int64(len(data)), bytes.NewReader(data))
}

// packer writes an OCI image layout as one tar.
type packer struct {
	out    *tar.Writer
	temp   string
	done   map[string]bool
	layers map[string]descriptor
}

// addLayer writes a layer to a temporary file first: its digest names it in the archive.
func (p *packer) addLayer(name string, write func(io.Writer) error) error {
	file, err := os.Create(filepath.Join(p.temp, name))
	if err != nil {
		return err
	}
	defer file.Close()
	sum := sha256.New()
	if err := write(io.MultiWriter(file, sum)); err != nil {
		return err
	}
	size, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	d := descriptor{MediaType: "application/vnd.oci.image.layer.v1.tar",
		Digest: "sha256:" + hex.EncodeToString(sum.Sum(nil)), Size: size}
	p.layers[name] = d
	return p.blob(d, file)
}

func (p *packer) blob(d descriptor, r io.Reader) error {
	if p.done[d.Digest] {
		return nil
	}
	p.done[d.Digest] = true
	return p.write("blobs/sha256/"+d.Digest[len("sha256:"):], d.Size, r)
}

func (p *packer) write(name string, size int64, r io.Reader) error {
	if err := p.out.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size, ModTime: epoch}); err != nil {
		return err
	}
	_, err := io.Copy(p.out, r)
	return err
}

func (p *packer) addImages(images []containerImage) error {
	var index []descriptor
	for _, i := range images {
		d, err := p.addImage(i)
		if err != nil {
			return fmt.Errorf("cannot make image %s: %w", i.name, err)
		}
		d.Annotations = map[string]string{"io.containerd.image.name": i.name}
		index = append(index, d)
	}
	if err := p.json("index.json", map[string]any{"schemaVersion": 2, "manifests": index}); err != nil {
		return err
	}
	return p.json("oci-layout", map[string]string{"imageLayoutVersion": "1.0.0"})
}

func (p *packer) addImage(i containerImage) (descriptor, error) {
	var parts []descriptor
	var diffs []string
	for _, name := range i.layers {
		parts = append(parts, p.layers[name])
		diffs = append(diffs, p.layers[name].Digest)
	}
	config, err := p.jsonBlob("application/vnd.oci.image.config.v1+json", map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Entrypoint": i.entrypoint,
			"Env": []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffs},
	})
	if err != nil {
		return config, err
	}
	return p.jsonBlob("application/vnd.oci.image.manifest.v1+json", map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": config, "layers": parts,
	})
}

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}
