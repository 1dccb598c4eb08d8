package transport

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// tailSize is how much of what a program complained about is kept.
const tailSize = 8 << 10

// run runs argv.
func run(ctx context.Context, s Streams, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	said := &tail{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.In, s.Out, said
	if s.Err != nil {
		cmd.Stderr = io.MultiWriter(s.Err, said)
	}
	// An interrupt of the terminal is this program's to answer, not the engine's.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		return fmt.Errorf("cannot run %s: %w", Quote(argv), context.Cause(ctx))
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return &ExecError{Argv: argv, Status: exit.ExitCode(), Stderr: said.String()}
	}
	if err != nil {
		return fmt.Errorf("cannot run %s: %w", Quote(argv), err)
	}
	return nil
}

// output runs argv and returns what it wrote.
func output(ctx context.Context, argv ...string) (string, error) {
	var out bytes.Buffer
	err := run(ctx, Streams{Out: &out}, argv...)
	return out.String(), err
}

// A tail keeps the end of what is written to it.
type tail struct{ bytes.Buffer }

// Write keeps p, dropping what is older than tailSize.
func (t *tail) Write(p []byte) (int, error) {
	n, err := t.Buffer.Write(p)
	if extra := t.Len() - tailSize; extra > 0 {
		t.Next(extra)
	}
	return n, err
}

// A local runs klustered on this machine.
type local struct{ binary string }

func (l *local) Spec() string { return "local" }

func (l *local) Run(ctx context.Context, s Streams, args ...string) error {
	return run(ctx, s, append([]string{l.binary}, args...)...)
}

// self is the path of the klustered that runs now.
func self() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("cannot find klustered's own program: %w", err)
	}
	return path, nil
}

// static reports, as an error, why the program at path would not run on
// another machine of the same kind.
func static(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("cannot send %s to a node: %w", path, err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("cannot send %s to a node: it is linked to libraries that the node may not have; build it with CGO_ENABLED=0", path)
		}
	}
	return nil
}
