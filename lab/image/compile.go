package image

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/klustered/klustered/lab/engine"
)

// build compiles into a folder beside dir and renames it, so that dir is whole or absent.
func (c component) build(ctx context.Context, r Recipe, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), ".build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	src, out := filepath.Join(work, "src"), filepath.Join(work, "out")
	if err := writeFiles(src, c.sources()); err != nil {
		return err
	}
	if c.files != nil {
		if err := pinKubernetes(ctx, r.Kubernetes, src); err != nil {
			return err
		}
	}
	if err := c.compile(ctx, src, out); err != nil {
		return err
	}
	return os.Rename(out, dir)
}

func (c component) compile(ctx context.Context, src, out string) error {
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	target := "tool"
	if exists(filepath.Join(src, "main.go")) {
		target = "."
	}
	args := []string{"build", "-trimpath", "-ldflags", strings.TrimSpace("-s -w " + c.ldflags)}
	if c.tags != "" {
		args = append(args, "-tags", c.tags)
	}
	if _, err := goCommand(ctx, src, append(args, "-o", out+"/", target)...); err != nil {
		return fmt.Errorf("cannot build %s: %w", c.title, err)
	}
	for from, to := range c.rename {
		if err := os.Rename(filepath.Join(out, from), filepath.Join(out, to)); err != nil {
			return err
		}
	}
	return nil
}

// goCommand runs the go command in a module's folder, deaf to the caller's Go settings
// except for those that say where modules come from.
func goCommand(ctx context.Context, dir string, args ...string) ([]byte, error) {
	if _, err := exec.LookPath("go"); err != nil {
		return nil, fmt.Errorf("cannot find the go command, which the lab is built with: %w", err)
	}
	argv := append([]string{"env", "-C", dir, "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOWORK=off",
		"GOOS=linux", "GOARCH=" + runtime.GOARCH, "GO111MODULE=on", "go"}, args...)
	return engine.Command(ctx, nil, argv...)
}
