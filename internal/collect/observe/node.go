package observe

import (
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// kindOf tells a kind from the name of a container in the system's namespace.
func kindOf(container string) Kind {
	switch container {
	case "etcd":
		return Etcd
	case "kube-apiserver":
		return APIServer
	case "coredns":
		return DNS
	}
	return Component
}

// uptime is the time since boot by the clock of the kernel's messages, which
// stands still while the machine sleeps.
func uptime() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// tailLine is a line as it is kept for quoting: the first of a message that
// has several.
func tailLine(at time.Time, text string) string {
	text, _, _ = strings.Cut(text, "\n")
	return clip(at.UTC().Format(time.RFC3339) + " " + text)
}
