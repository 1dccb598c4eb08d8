package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
