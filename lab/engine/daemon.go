package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/klustered/klustered/lab/progress"
)

// PIDFile names the daemon that Prepare started; it is there only while that daemon is ours.
const PIDFile = "/run/klustered-dockerd.pid"

// ErrNone says that no container engine answers on this host.
var ErrNone = errors.New("cannot find a container engine: neither docker nor podman answers")

// Find gives the engine that answers, Docker before Podman, or ErrNone.
func Find(ctx context.Context) (*Engine, error) {
	for _, name := range []string{"docker", "podman"} {
		e := &Engine{Name: name}
		if e.answers(ctx) {
			return e, nil
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, ErrNone
}

func (e *Engine) answers(ctx context.Context) bool {
	if _, err := exec.LookPath(e.Name); err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	// "ps" needs the daemon where there is one, and works without one in Podman.
	_, err := e.run(ctx, nil, "ps", "-q")
	return err == nil
}

// Packages are the Debian packages that Prepare would install now, none where an engine is there.
func Packages(ctx context.Context) []string {
	if _, err := Find(ctx); err == nil {
		return nil
	}
	if _, err := exec.LookPath("dockerd"); err == nil {
		return nil
	}
	return []string{"docker.io"}
}

// Prepare makes an engine answer: it installs the one of the distribution where there is
// none and starts its daemon, under systemd or by hand where there is no systemd.
// logDir is where a daemon started by hand writes its log.
func Prepare(ctx context.Context, p progress.Progress, logDir string) (*Engine, error) {
	if e, err := Find(ctx); err == nil || ctx.Err() != nil {
		return e, err
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("cannot install or start a container engine: not root")
	}
	if need := Packages(ctx); len(need) > 0 {
		if err := Install(ctx, p, need...); err != nil {
			return nil, err
		}
	}
	err := progress.Do(p, "start the container engine", func() error { return startDaemon(ctx, logDir) })
	if err != nil {
		return nil, err
	}
	return Find(ctx)
}

// Install installs Debian packages, with the package list brought up to date first.
func Install(ctx context.Context, p progress.Progress, names ...string) error {
	return progress.Do(p, "install "+strings.Join(names, ", "), func() error {
		if _, err := exec.LookPath("apt-get"); err != nil {
			return fmt.Errorf("cannot install %s: no apt-get on this host", strings.Join(names, ", "))
		}
		if _, err := apt(ctx, "update", "-q"); err != nil {
			return err
		}
		_, err := apt(ctx, append([]string{"install", "-y", "-q", "--no-install-recommends"}, names...)...)
		return err
	})
}

func apt(ctx context.Context, args ...string) ([]byte, error) {
	argv := append([]string{"env", "DEBIAN_FRONTEND=noninteractive", "apt-get"}, args...)
	return Command(ctx, nil, argv...)
}
