package source

import (
	"fmt"
	"runtime/debug"
	"strings"
)

// Caught runs f and turns a panic of it into an error that names the place. A
// collector that reads what others wrote in a goroutine of its own needs it
// there too: elsewhere a panic ends the program, and with it every collector.
func Caught(f func() error) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("the collector panicked: %v (%s)", x, site(debug.Stack()))
		}
	}()
	return f()
}

// site is the place in a stack where the panic was raised.
func site(stack []byte) string {
	_, after, _ := strings.Cut(string(stack), "panic(")
	lines := strings.Split(after, "\n")
	if len(lines) < 4 {
		return "unknown place"
	}
	at := strings.TrimSpace(lines[3])
	at, _, _ = strings.Cut(at, " ")
	return at[strings.LastIndex(at, "/")+1:]
}
