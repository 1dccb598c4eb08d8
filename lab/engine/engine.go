// Package engine drives a container engine, Docker or Podman, through its command line.
package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// Engine is a container engine that answers.
type Engine struct {
	// Name is "docker" or "podman", which is also the program that is run.
	Name string
}

// CommandError is a command that ran and failed. Argv is what was run, Stderr what it
// said (both streams where it said nothing on the error stream), Code its exit code.
type CommandError struct {
	Argv   []string
	Stderr string
	Code   int
	Cause  error
}

func (e *CommandError) Error() string {
	said := strings.TrimSpace(e.Stderr)
	if said == "" {
		said = e.Cause.Error()
	}
	return fmt.Sprintf("cannot run %q: %s", strings.Join(e.Argv, " "), said)
}

// Unwrap gives the error of the process, so that a cancelled context can be told apart.
func (e *CommandError) Unwrap() error { return e.Cause }

// Command runs a program of the host with stdin (or none) and gives what it wrote.
func Command(ctx context.Context, stdin io.Reader, argv ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	if err := cmd.Run(); err != nil {
		return out.Bytes(), failure(ctx, argv, out.String(), errs.String(), err, cmd)
	}
	return out.Bytes(), nil
}

func failure(ctx context.Context, argv []string, out, errs string, err error, cmd *exec.Cmd) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if strings.TrimSpace(errs) == "" {
		errs = out
	}
	code := -1
	if cmd.ProcessState != nil {
		code = cmd.ProcessState.ExitCode()
	}
	return &CommandError{Argv: argv, Stderr: errs, Code: code, Cause: err}
}

func (e *Engine) run(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	out, err := Command(ctx, stdin, append([]string{e.Name}, args...)...)
	return strings.TrimSpace(string(out)), err
}

// Exec runs argv in a running container and gives its standard output. A failure is a
// *CommandError whose Argv is the command inside, without the engine's own words.
func (e *Engine) Exec(ctx context.Context, container string, stdin io.Reader, argv ...string) ([]byte, error) {
	out, err := Command(ctx, stdin, e.ExecArgv(container, stdin != nil, argv...)...)
	if failed, ok := err.(*CommandError); ok {
		failed.Argv = argv
		return out, fmt.Errorf("%s: %w", container, failed)
	}
	return out, err
}

// ExecArgv is the command of the host that runs argv in a container; interactive keeps
// its standard input open.
func (e *Engine) ExecArgv(container string, interactive bool, argv ...string) []string {
	full := []string{e.Name, "exec"}
	if interactive {
		full = append(full, "-i")
	}
	return append(append(full, container), argv...)
}

// lines asks the engine for a list, one item a line.
func (e *Engine) lines(ctx context.Context, args ...string) ([]string, error) {
	out, err := e.run(ctx, nil, args...)
	if err != nil || out == "" {
		return nil, err
	}
	return strings.Split(out, "\n"), nil
}

// decodeEach reads JSON documents that follow each other or stand in one array: Docker
// prints the first form and Podman the second for the same request.
func decodeEach[T any](data []byte) ([]T, error) {
	data = bytes.TrimSpace(data)
	if len(data) > 0 && data[0] == '[' {
		var all []T
		err := json.Unmarshal(data, &all)
		return all, err
	}
	var all []T
	dec := json.NewDecoder(bytes.NewReader(data))
	for dec.More() {
		var one T
		if err := dec.Decode(&one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}
