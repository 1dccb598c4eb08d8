// Package transport reaches a node: this machine, or a container that is a
// node, as docker://NAME or podman://NAME.
//
// What runs on the node is klustered's own static binary, put there for one
// run under a private name and removed by itself as soon as it has started.
//
// # Invariants
//
//   - Nothing of klustered stays on the node, however a run ends.
//   - A node's own file system cannot lead a write out of itself: paths are
//     resolved inside the node's root.
//   - Beside the lab this is the only package that starts a program, and the
//     programs are the container engine and klustered itself.
package transport

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// A Node runs klustered where it is.
type Node interface {
	// Spec is the address by which the node is reached again.
	Spec() string
	// Run runs klustered with args on the node and waits for it. A run that
	// ended with another code than 0 is an *ExecError.
	Run(ctx context.Context, s Streams, args ...string) error
}

// Streams are the standard streams of a run. A nil one is empty or dropped.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// An ExecError is a program that ended with another code than 0.
type ExecError struct {
	Argv   []string
	Status int // exit code, -1 when it was killed
	Stderr string
}

func (e *ExecError) Error() string {
	said := lastLine(e.Stderr)
	if said == "" {
		said = fmt.Sprintf("exit status %d", e.Status)
	}
	return fmt.Sprintf("cannot run %s: %s", Quote(e.Argv), said)
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+,-]+$`)

// Quote joins argv so that it can be pasted into a shell.
func Quote(argv []string) string {
	out := make([]string, len(argv))
	for i, a := range argv {
		if out[i] = a; !plain.MatchString(a) {
			out[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return strings.Join(out, " ")
}

// Open returns the node at spec: "local", docker://NAME or podman://NAME.
// binary is the klustered to run there; "" is the one that runs now. A
// container that does not exist or does not run is an error.
func Open(ctx context.Context, spec, binary string) (Node, error) {
	kind, name, err := parse(spec)
	if err != nil {
		return nil, err
	}
	if binary == "" {
		if binary, err = self(); err != nil {
			return nil, err
		}
	}
	if kind == "local" {
		return &local{binary}, nil
	}
	c := &container{engine: kind, name: name, binary: binary}
	return c, c.check(ctx)
}

// parse splits a spec.
func parse(spec string) (kind, name string, err error) {
	if spec == "local" {
		return "local", "", nil
	}
	kind, name, ok := strings.Cut(spec, "://")
	if !ok || kind != "docker" && kind != "podman" {
		return "", "", fmt.Errorf("cannot reach node %q: it is not local, docker://NAME or podman://NAME", spec)
	}
	if name == "" || strings.HasPrefix(name, "-") || !plain.MatchString(name) {
		return "", "", fmt.Errorf("cannot reach node %q: %q is not the name of a container", spec, name)
	}
	return kind, name, nil
}

// Check reports whether spec is one that Open understands, without reaching
// for anything.
func Check(spec string) error {
	_, _, err := parse(spec)
	return err
}
