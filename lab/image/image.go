// Package image makes what a lab's nodes are made of, from the distribution's packages
// and Go modules alone: the node image, and the container images of the cluster.
package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/klustered/klustered/lab/engine"
	"github.com/klustered/klustered/lab/progress"
)

// KubernetesVersion is the Kubernetes that a lab runs unless another one is asked for.
const KubernetesVersion = "v1.37.2"

// Repository is the name before every image of the lab; no registry serves it.
const Repository = "klustered.dev"

// Recipe is everything that decides what comes out of a build.
type Recipe struct {
	// Kubernetes is a full version, as Resolve gives it.
	Kubernetes string
	// Release is the distribution release of the nodes.
	Release Release
	// Cache is the folder that keeps what was built.
	Cache string
}

// Image is what a build gives.
type Image struct {
	// Node is the name of the node image in the engine.
	Node string
	// Archive is a file of the cluster's container images, as `ctr images import` reads it.
	Archive string
	// Key changes whenever the recipe does.
	Key string
	// Kubernetes is the version inside.
	Kubernetes string
}

// NewRecipe fills a recipe for this host. kubernetes is "" for the default, or a version
// such as "v1.36" or "v1.36.1".
func NewRecipe(ctx context.Context, kubernetes string) (Recipe, error) {
	cache, err := CacheDir()
	if err != nil {
		return Recipe{}, err
	}
	release, err := HostRelease("/")
	if err != nil {
		return Recipe{}, err
	}
	version, err := Resolve(ctx, cache, kubernetes)
	return Recipe{Kubernetes: version, Release: release, Cache: cache}, err
}

// CacheDir is the folder that keeps what was built: $KLUSTERED_CACHE, or "klustered" in
// the user's cache folder.
func CacheDir() (string, error) {
	if dir := os.Getenv("KLUSTERED_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cannot find the cache folder: %w", err)
	}
	return filepath.Join(dir, "klustered"), nil
}

// Image names what the recipe gives, built or not.
func (r Recipe) Image() Image {
	key := r.key()
	return Image{
		Node:       Repository + "/node:" + key,
		Archive:    filepath.Join(r.Cache, "images-"+r.imagesKey()+".tar"),
		Key:        key,
		Kubernetes: r.Kubernetes,
	}
}

// imagesKey changes with what the container images hold.
func (r Recipe) imagesKey() string {
	parts := []string{r.baseKey(), imagesRecipe, netfilterScript}
	for _, c := range components(r.Kubernetes) {
		parts = append(parts, c.key())
	}
	return hash(parts...)
}

func (r Recipe) key() string {
	parts := []string{r.imagesKey()}
	for _, f := range nodeFiles() {
		parts = append(parts, f.name, f.text, f.link, fmt.Sprint(f.mode))
	}
	return hash(parts...)
}

// hash is a short name for a list of texts: it differs when any of them does.
func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// Ready reports whether everything the recipe gives is there already.
func (r Recipe) Ready(ctx context.Context, e *engine.Engine) bool {
	i := r.Image()
	_, err := os.Stat(i.Archive)
	return err == nil && e.HasImage(ctx, i.Node)
}

// Build makes what is not there yet. Everything made is kept in the recipe's cache under
// a name that holds a hash of its sources, so that nothing is made twice.
func Build(ctx context.Context, e *engine.Engine, r Recipe, p progress.Progress) (Image, error) {
	i := r.Image()
	if r.Ready(ctx, e) {
		return i, nil
	}
	if err := os.MkdirAll(r.Cache, 0o755); err != nil {
		return i, err
	}
	bins, err := r.buildParts(ctx, e, p)
	if err != nil {
		return i, err
	}
	if !exists(i.Archive) {
		err := progress.Do(p, "pack the cluster's container images", func() error {
			return r.packImages(ctx, e, bins, i.Archive)
		})
		if err != nil {
			return i, err
		}
	}
	err = progress.Do(p, "make the node image", func() error { return r.importNode(ctx, e, bins, i.Node) })
	return i, err
}

// buildParts builds the programs and, beside them, the root file system.
func (r Recipe) buildParts(ctx context.Context, e *engine.Engine, p progress.Progress) (programs, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	base := make(chan error, 1)
	go func() {
		err := r.buildBase(ctx, e, p)
		if err != nil {
			cancel()
		}
		base <- err
	}()
	bins, err := r.buildPrograms(ctx, p)
	if err != nil {
		cancel()
	}
	if baseErr := <-base; baseErr != nil && (err == nil || ctx.Err() != nil && !isContext(baseErr)) {
		return nil, baseErr
	}
	return bins, err
}

func isContext(err error) bool {
	return strings.Contains(err.Error(), context.Canceled.Error())
}

// Missing says in words what Build would have to make or install, one thing a line.
func (r Recipe) Missing(ctx context.Context, e *engine.Engine) []string {
	if e != nil && r.Ready(ctx, e) {
		return nil
	}
	var todo []string
	if need := rootfsPackages(); len(need) > 0 && !exists(r.basePath()) {
		todo = append(todo, "install the packages "+strings.Join(need, ", "))
	}
	if !exists(r.basePath()) {
		todo = append(todo, fmt.Sprintf("download and unpack a %s %s root file system (about 200 MB)", r.Release.ID, r.Release.Codename))
	}
	for _, c := range components(r.Kubernetes) {
		if !exists(c.dir(r.Cache)) {
			todo = append(todo, c.describe(runtime.NumCPU()))
		}
	}
	return append(todo, "make the node image and keep it in the engine; everything else is kept in "+r.Cache)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
