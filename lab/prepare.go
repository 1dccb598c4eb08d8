package lab

import (
	"context"
	"os"
	"path/filepath"

	"github.com/klustered/klustered/lab/engine"
	"github.com/klustered/klustered/lab/image"
	"github.com/klustered/klustered/lab/progress"
)

// cgroupDriver is what the kubelet and containerd use to make control groups: systemd
// where the host has the unified hierarchy alone.
func cgroupDriver(root string) string {
	if _, err := os.Stat(filepath.Join(root, "sys/fs/cgroup/cgroup.controllers")); err == nil {
		return "systemd"
	}
	return "cgroupfs"
}

// prepare makes the engine and the node image.
func prepare(ctx context.Context, kubernetes string, p Progress) (*engine.Engine, image.Image, error) {
	r, err := image.NewRecipe(ctx, kubernetes)
	if err != nil {
		return nil, image.Image{}, err
	}
	e, err := engine.Prepare(ctx, p, r.Cache)
	if err != nil {
		return nil, image.Image{}, err
	}
	built, err := image.Build(ctx, e, r, p)
	return e, built, err
}

// Prepare does what Plan lists: it makes an engine answer and builds the node image of a
// Kubernetes version ("" for the default), and boots nothing.
func Prepare(ctx context.Context, kubernetes string, p Progress) error {
	_, _, err := prepare(ctx, kubernetes, progress.Or(p))
	return err
}

// Plan says what Prepare would install, start and build, one thing an entry; nothing
// where all is there. It changes nothing.
func Plan(ctx context.Context, kubernetes string) ([]string, error) {
	r, err := image.NewRecipe(ctx, kubernetes)
	if err != nil {
		return nil, err
	}
	e, err := engine.Find(ctx)
	if err != nil && err != engine.ErrNone {
		return nil, err
	}
	var todo []string
	for _, name := range engine.Packages(ctx) {
		todo = append(todo, "install the package "+name)
	}
	if e == nil {
		todo = append(todo, "start the container engine")
	}
	return append(todo, r.Missing(ctx, e)...), nil
}
