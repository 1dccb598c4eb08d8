package lab

import (
	"context"

	"github.com/klustered/klustered/lab/engine"
	"github.com/klustered/klustered/lab/image"
)

// CacheDir is where the lab keeps on the host what it has built.
func CacheDir() (string, error) { return image.CacheDir() }

// StopEngine stops the container engine's daemon if it was a lab that started it by hand
// and nothing is left of any lab. Otherwise it does nothing. A lab that is being reset has
// no nodes for a moment, but its network.
func StopEngine(ctx context.Context) error {
	e, err := engine.Find(ctx)
	if err != nil && err != engine.ErrNone {
		return err
	}
	if e != nil {
		names, err := labNames(ctx, e)
		if err != nil || len(names) > 0 {
			return err
		}
	}
	return engine.StopDaemon(ctx)
}
