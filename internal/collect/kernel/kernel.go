// Package kernel collects what the running kernel is, what it forbids, which
// programs it runs by itself, and what its clock is kept by.
package kernel

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// Collectors are those of this package.
func Collectors() []source.Collector {
	after := []snapshot.Section{snapshot.SectionProcesses}
	return []source.Collector{
		{Section: snapshot.SectionKernel, After: after, Collect: collect},
		{Section: snapshot.SectionClock, After: after, Collect: collectClock},
	}
}

// collect reads another root's files too: what its kernel would be started
// with, and its profiles.
func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	k := &snapshot.Kernel{Taints: parseTaints(read(e, "/proc/sys/kernel/tainted"))}
	k.BootID = text(read(e, "/proc/sys/kernel/random/boot_id"))
	running := text(read(e, "/proc/cmdline"))
	k.Cmdline = secret.Scrub(running)
	if e.Live {
		var u unix.Utsname
		if unix.Uname(&u) == nil {
			k.Release, k.Version = unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Version[:])
			k.Machine = unix.ByteSliceToString(u.Machine[:])
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { k.LSM = modules(e, s.Processes) })
	wg.Go(func() { k.Invoked = invoked(e) })
	k.Boot = bootArgs(e, k.Release, running)
	wg.Wait()
	s.Kernel = k
	return ctx.Err()
}

// read returns a file's bytes, nil when it is not there; what cannot be read
// is a gap.
func read(e *source.Env, name string) []byte {
	data, err := e.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ESRCH) {
		e.Gap(snapshot.SectionKernel, name, err)
	}
	return data
}

func text(data []byte) string {
	return strings.ToValidUTF8(strings.Trim(string(data[:min(len(data), 16<<10)]), " \t\r\n\x00"), "?")
}

// taints are the letters and reasons of the bits, from 0.
var taints = []struct{ letter, reason string }{
	{"P", "proprietary module was loaded"}, {"F", "module was force loaded"}, {"S", "kernel runs on an out of specification system"},
	{"R", "module was force unloaded"}, {"M", "processor reported a machine check"}, {"B", "bad page was referenced"},
	{"U", "taint was asked for by user space"}, {"D", "kernel died: an oops or a bug"}, {"A", "ACPI table was overridden"},
	{"W", "kernel issued a warning"}, {"C", "staging driver was loaded"}, {"I", "workaround for a bug in firmware"},
	{"O", "module from outside the kernel's tree was loaded"}, {"E", "unsigned module was loaded"}, {"L", "soft lockup happened"},
	{"K", "kernel was live patched"}, {"X", "taint of the distribution"}, {"T", "built with the struct randomization plugin"},
	{"N", "an in-kernel test was run"}, {"J", "fwctl's mutating debug operation was used"},
}

// parseTaints decodes the bits of the kernel's taint.
func parseTaints(data []byte) []snapshot.Taint {
	bits, _ := strconv.ParseUint(text(data), 10, 64)
	var out []snapshot.Taint
	for i := range 64 {
		if bits&(1<<i) == 0 {
			continue
		}
		t := snapshot.Taint{Bit: i, Letter: "?", Reason: "unknown"}
		if i < len(taints) {
			t.Letter, t.Reason = taints[i].letter, taints[i].reason
		}
		out = append(out, t)
	}
	return out
}
