package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// Attach runs argv with these streams, as a shell would, and returns its exit
// code. Where in and out are a terminal's files, the program has the terminal.
func Attach(ctx context.Context, argv []string, in io.Reader, out, errs io.Writer) (int, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, errs
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return 0, fmt.Errorf("cannot run %s: %w", Quote(argv), err)
	}
	return 0, nil
}
