package image

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/klustered/klustered/lab/engine"
	"github.com/klustered/klustered/lab/progress"
)

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

// Ready reports whether everything the recipe gives is there already.
func (r Recipe) Ready(ctx context.Context, e *engine.Engine) bool {
	i := r.Image()
	_, err := os.Stat(i.Archive)
	return err == nil && e.HasImage(ctx, i.Node)
}
