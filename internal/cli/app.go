// Package cli is the command line: one file a command, one list of them in
// root.go.
//
// # Invariants
//
//   - Standard output carries the answer alone; progress goes to standard
//     error, and only when that is a terminal.
//   - An error is `klustered: error: ...` and `klustered: hint: ...`, what to
//     try; it changes nothing.
//   - Exit codes: 0 healthy or done, 1 the tool failed or was misused, 2 root
//     causes were found, 3 evidence incomplete and nothing found.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/internal/diagnose"
)

// An App is what the commands work with. Main fills it in; a test puts in
// what it likes.
type App struct {
	Faults []*fault.Fault
	// Lab returns the addresses of a lab's nodes, for --lab; nil where no lab
	// is built in.
	Lab func(ctx context.Context, name string) ([]string, error)

	// Self is how this program begins itself again; "" where it is not to.
	Self string

	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
	UID      int
	// Terminal reports whether standard output and standard error are one.
	OutTerminal, ErrTerminal bool
	// Plugin is set when kubectl runs klustered as its plug-in, and Completes
	// when it asks what could come next on the command line.
	Plugin, Completes bool
}

// New returns the App of this process.
func New(faults []*fault.Fault) *App {
	name := filepath.Base(os.Args[0])
	return &App{
		Faults: faults, Lab: LabSpecs, Self: "/proc/self/exe", In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, UID: os.Geteuid(),
		OutTerminal: terminal(os.Stdout), ErrTerminal: terminal(os.Stderr),
		Plugin: strings.HasPrefix(name, "kubectl-"), Completes: strings.HasPrefix(name, "kubectl_complete-"),
	}
}

// terminal reports whether f is a character device other than the null one.
func terminal(f *os.File) bool {
	st, err := f.Stat()
	if err != nil || st.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(st, null)
}

// Run runs the command line and returns the exit code.
func (a *App) Run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := a.root()
	if a.Completes {
		args = append([]string{cobra.ShellCompRequestCmd}, args...)
	}
	root.SetArgs(args)
	c, err := root.ExecuteContextC(ctx)
	return a.end(c.CommandPath(), err)
}

// end prints the error of a command and returns its exit code.
func (a *App) end(command string, err error) int {
	var code exitCode
	switch {
	case err == nil:
		return diagnose.ExitHealthy
	case errors.As(err, &code):
		return int(code)
	}
	if errors.Is(err, context.Canceled) {
		err = hint(errors.New("interrupted"), "klustered history shows whether a repair was cut short; klustered undo takes it back")
	}
	fmt.Fprintf(a.Err, "klustered: error: %s\n", oneLine(err.Error()))
	h := &hinted{hint: command + " --help says how it is used"}
	errors.As(err, &h)
	fmt.Fprintf(a.Err, "klustered: hint: %s\n", h.hint)
	return diagnose.ExitFailed
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// An exitCode ends the program without a word: what is to be said was said.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// A hinted is an error with something to try.
type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

// hint adds something to try to an error.
func hint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{err, fmt.Sprintf(format, args...)}
}
