package lab

import (
	"context"

	"github.com/klustered/klustered/lab/engine"
	"github.com/klustered/klustered/lab/image"
)

// CacheDir is where the lab keeps on the host what it has built.
func CacheDir() (string, error) { return image.CacheDir() }

// StopEngine stops the container engine's daemon if it was a lab that started it by hand
// and no lab is left. Otherwise it does nothing.
func StopEngine(ctx context.Context) error {
	labs, err := List(ctx)
	if err != nil || len(labs) > 0 {
		return err
	}
	return engine.StopDaemon(ctx)
}
