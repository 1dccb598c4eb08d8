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
