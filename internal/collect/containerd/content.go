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
	config, platform          string
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
			x.Platform = k.platform
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

// check follows one digest: to the manifest, of an index of several platforms
// to the one that was fetched, and from it to the configuration and the layers.
func check(e *source.Env, root, digest string) checked {
	var k checked
	data, sound, ok := readBlob(e, root, digest)
	if k.manifest = snapshot.Answered(ok); !ok {
		return k
	}
	k.sound = sound
	config, layers := ParseManifest(data)
	platforms := ParseIndex(data)
	if len(platforms) > 0 {
		k.configIs = snapshot.No // until one is found
	}
	for _, d := range platforms {
		data, sound, ok := readBlob(e, root, d)
		if !ok {
			continue // of another platform
		}
		k.sound = worse(k.sound, sound)
		if config, layers = ParseManifest(data); config != "" {
			break
		}
	}
	if k.config = config; config != "" {
		data, sound, ok := readBlob(e, root, config)
		k.platform = ParsePlatform(data)
		if k.configIs = snapshot.Answered(ok); ok {
			k.sound = worse(k.sound, sound)
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

// ParsePlatform reads what an image's configuration says it is for, as
// os/architecture, or "".
func ParsePlatform(data []byte) string {
	var x struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
	}
	if json.Unmarshal(data, &x) != nil || x.OS == "" || x.Architecture == "" || len(x.OS)+len(x.Architecture) > 100 {
		return ""
	}
	return strings.ToValidUTF8(x.OS+"/"+x.Architecture, "?")
}

// readBlob reads a blob, and says whether it has the sum that it is named by;
// "" of one that is too large, or of another kind of sum than SHA-256.
func readBlob(e *source.Env, root, digest string) (data []byte, sound snapshot.Answer, ok bool) {
	name := blob(root, digest)
	if name == "" {
		return nil, "", false
	}
	f, err := e.Open(name)
	if err != nil {
		return nil, "", false
	}
	defer f.Close()
	data, err = io.ReadAll(io.LimitReader(f, maxManifest+1))
	want, known := strings.CutPrefix(digest, "sha256:")
	if known && len(data) <= maxManifest {
		sum := sha256.Sum256(data)
		sound = snapshot.Answered(want == hex.EncodeToString(sum[:]))
	}
	return data, sound, err == nil
}

// worse is what holds of two together: no before unknown before yes.
func worse(a, b snapshot.Answer) snapshot.Answer {
	if a == snapshot.No || b == snapshot.Yes {
		return a
	}
	return b
}

// maxLayers bounds the layers of a manifest that are looked for.
const maxLayers = 200

// ParseIndex reads the digests of the manifests of an index, but for those that
// are of no platform: what attests to the others.
func ParseIndex(data []byte) []string {
	var x struct {
		Manifests []struct {
			Digest   string `json:"digest"`
			Platform struct {
				OS string `json:"os"`
			} `json:"platform"`
		} `json:"manifests"`
	}
	if json.Unmarshal(data, &x) != nil {
		return nil
	}
	var out []string
	for _, m := range x.Manifests[:min(len(x.Manifests), maxLayers)] {
		if m.Platform.OS != "unknown" {
			out = append(out, m.Digest)
		}
	}
	return out
}

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
