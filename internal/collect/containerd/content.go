package containerd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// The bounds of what is read of the content store.
const (
	maxChecked  = 300     // digests whose manifest is read
	maxManifest = 1 << 20 // bytes
)

// contentDir holds blobs by the name of their sum.
const contentDir = "io.containerd.content.v1.content/blobs"

// A checked digest is what the content store says of it.
type checked struct {
	manifest, sound, configIs snapshot.Answer
	config                    string
	layers, missing           int
}

// readContent looks whether what the images lead to lies in the content store.
func readContent(ctx context.Context, e *source.Env, c *snapshot.Containerd) {
	known := map[string]checked{}
	for n := range c.Namespaces {
		for i := range c.Namespaces[n].Images {
			x := &c.Namespaces[n].Images[i]
			if ctx.Err() != nil {
				return
			}
			k, done := known[x.Digest]
			if !done && len(known) == maxChecked {
				e.Gap(snapshot.SectionContainerd, path.Join(c.Root, contentDir), fmt.Errorf("more than %d images", maxChecked))
				return
			}
			if !done {
				k = check(e, c.Root, x.Digest)
				known[x.Digest] = k
			}
			x.Manifest, x.Sound, x.Config, x.ConfigIs, x.Layers, x.Missing = k.manifest, k.sound, k.config, k.configIs, k.layers, k.missing
		}
	}
}

// blob is the path of a digest's bytes, or "" for what is no digest.
func blob(root, digest string) string {
	kind, sum, ok := strings.Cut(digest, ":")
	if !ok || kind == "" || sum == "" || strings.ContainsAny(digest, "/.\x00") {
		return ""
	}
	return path.Join(root, contentDir, kind, sum)
}

// check follows one digest: to the manifest, and from it to the configuration
// and the layers.
func check(e *source.Env, root, digest string) checked {
	var k checked
	data, ok := readBlob(e, root, digest)
	if k.manifest = snapshot.Answered(ok); !ok {
		return k
	}
	k.sound = snapshot.Answered(sums(digest, data))
	config, layers := ParseManifest(data)
	if k.config = config; config != "" {
		raw, ok := readBlob(e, root, config)
		if k.configIs = snapshot.Answered(ok); ok && !sums(config, raw) {
			k.sound = snapshot.No
		}
	}
	k.layers = len(layers)
	for _, l := range layers {
		if name := blob(root, l); name == "" || !e.Exists(name) {
			k.missing++
		}
	}
	return k
}

func readBlob(e *source.Env, root, digest string) ([]byte, bool) {
	name := blob(root, digest)
	if name == "" {
		return nil, false
	}
	f, err := e.Open(name)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxManifest))
	return data, err == nil
}

// sums reports whether data has the sum that it is named by. One of another
// kind than SHA-256 is taken as it is.
func sums(digest string, data []byte) bool {
	want, ok := strings.CutPrefix(digest, "sha256:")
	sum := sha256.Sum256(data)
	return !ok || want == hex.EncodeToString(sum[:])
}

// maxLayers bounds the layers of a manifest that are looked for.
const maxLayers = 200

// ParseManifest reads the digests of a manifest's configuration and layers. An
// index of several platforms has neither.
func ParseManifest(data []byte) (config string, layers []string) {
	var x struct {
		Config struct {
			Digest string `json:"digest"`
		} `json:"config"`
		Layers []struct {
			Digest string `json:"digest"`
		} `json:"layers"`
	}
	if json.Unmarshal(data, &x) != nil {
		return "", nil
	}
	for _, l := range x.Layers[:min(len(x.Layers), maxLayers)] {
		layers = append(layers, l.Digest)
	}
	return x.Config.Digest, layers
}
