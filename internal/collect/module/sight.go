package module

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// maxSymbols bounds what is read of /proc/kallsyms, in bytes.
const maxSymbols = 64 << 20

// A sighting is the modules that one source shows.
type sighting struct {
	source string
	names  map[string]bool
	part   bool // it shows only some: missing there means nothing
}

// sightings asks each source of the kernel.
func sightings(ctx context.Context, e *source.Env, loaded []snapshot.Module) []sighting {
	list := sighting{source: "/proc/modules", names: map[string]bool{}}
	for _, m := range loaded {
		list.names[canonical(m.Name)] = true
	}
	out := []sighting{list}
	sys := sighting{source: "/sys/module", names: map[string]bool{}}
	entries, err := e.ReadDir("/sys/module")
	e.Gap(snapshot.SectionModules, "/sys/module", err)
	for _, x := range entries {
		if e.Exists("/sys/module/" + x.Name() + "/initstate") {
			sys.names[canonical(x.Name())] = true
		}
	}
	if err == nil {
		out = append(out, sys)
	}
	f, err := e.Open("/proc/kallsyms")
	if err != nil {
		return out // a kernel without symbols
	}
	defer f.Close()
	names, err := symbolModules(ctx, io.LimitReader(f, maxSymbols))
	e.Gap(snapshot.SectionModules, "/proc/kallsyms", err)
	return append(out, sighting{source: "/proc/kallsyms", names: names, part: true})
}

// symbolModules are the modules that symbols are of: a line of one ends in its
// name in brackets. Programs of BPF and trampolines show in the same way.
func symbolModules(ctx context.Context, r io.Reader) (map[string]bool, error) {
	out := map[string]bool{}
	b := bufio.NewReaderSize(r, 256<<10)
	for n := 0; ; n++ {
		line, err := b.ReadSlice('\n')
		if i := bytes.LastIndexByte(line, '['); i > 0 {
			name := strings.TrimRight(strings.ToValidUTF8(string(line[i+1:]), "?"), "]\n")
			if len(name) < 64 && !strings.HasPrefix(name, "__builtin_") && name != "bpf" && len(out) < 5000 {
				out[canonical(name)] = true
			}
		}
		switch {
		case err == io.EOF:
			return out, nil
		case err != nil && err != bufio.ErrBufferFull:
			return out, err
		case n%4096 == 0 && ctx.Err() != nil:
			return out, ctx.Err()
		}
	}
}

// settled are the odd modules without those that the list has meanwhile: one
// that was just loaded is hidden by nobody.
func settled(all []snapshot.OddModule, now []snapshot.Module) []snapshot.OddModule {
	return slices.DeleteFunc(all, func(x snapshot.OddModule) bool {
		return slices.Contains(x.Missing, "/proc/modules") && slices.ContainsFunc(now, func(m snapshot.Module) bool { return canonical(m.Name) == x.Name })
	})
}

// odd are the modules that not all sources show. A module of which there is
// no symbol is usual.
func odd(all []sighting) []snapshot.OddModule {
	names := map[string]bool{}
	for _, s := range all {
		for n := range s.names {
			names[n] = true
		}
	}
	var out []snapshot.OddModule
	for n := range names {
		x := snapshot.OddModule{Name: n}
		for _, s := range all {
			if s.names[n] {
				x.Shown = append(x.Shown, s.source)
			} else if !s.part {
				x.Missing = append(x.Missing, s.source)
			}
		}
		if len(x.Missing) > 0 && len(out) < 200 {
			out = append(out, x)
		}
	}
	order.By(out, func(a, b snapshot.OddModule) int { return strings.Compare(a.Name, b.Name) })
	return out
}
