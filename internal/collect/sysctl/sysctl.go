// Package sysctl collects the kernel's settings: what is in force, and which
// file and line sets it at boot.
package sysctl

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// Collectors are those of this package.
func Collectors() []source.Collector {
	return []source.Collector{{Section: snapshot.SectionSysctls, Collect: collect}}
}

// maxKeys bounds the settings that are kept.
const maxKeys = 800

// collect reads the files first, since they name further keys.
func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	files, lines := readFiles(e)
	lines = append(parseCmdline(read(e, "/proc/cmdline")), lines...)
	k := keys{env: e, lines: lines, byKey: map[string]*snapshot.Sysctl{}}
	for _, key := range needed {
		for _, name := range k.expand(key) {
			k.at(name)
		}
	}
	all := &snapshot.Sysctls{Files: files, Loose: k.assign()}
	for _, x := range k.byKey {
		if ctx.Err() == nil {
			k.value(x)
		}
		all.Keys = append(all.Keys, *x)
	}
	order.By(all.Keys, func(a, b snapshot.Sysctl) int { return strings.Compare(a.Key, b.Key) })
	if k.more > 0 {
		e.Gap(snapshot.SectionSysctls, "/proc/sys", fmt.Errorf("%d more settings than the %d that are kept", k.more, maxKeys))
	}
	s.Sysctls = all
	return ctx.Err()
}

// read returns a file's bytes, nil when it cannot be read.
func read(e *source.Env, name string) []byte {
	data, _ := e.ReadFile(name)
	return data
}

// keys joins settings and the lines that set them.
type keys struct {
	env   *source.Env
	lines []snapshot.SysctlLine
	byKey map[string]*snapshot.Sysctl
	more  int // keys beyond maxKeys
}

// at is the setting of a key, made when it is new; nil when there are too many.
func (k *keys) at(key string) *snapshot.Sysctl {
	x := k.byKey[key]
	if x == nil && len(k.byKey) >= maxKeys {
		k.more++
		return nil
	}
	if x == nil {
		x = &snapshot.Sysctl{Key: key, Path: filePath(key)}
		k.byKey[key] = x
	}
	return x
}

// expand are the keys that exist for a pattern; a key without wildcards is
// itself. As in systemd-sysctl, "*" does not cross a slash.
func (k *keys) expand(key string) []string {
	if !wild(key) {
		return []string{key}
	}
	var out []string
	for _, file := range k.env.Glob(filePath(key)) {
		if len(out) < maxKeys {
			out = append(out, keyOf(strings.TrimPrefix(file, procSys)))
		}
	}
	return out
}

// assign gives each line to the keys that it sets, says which line wins, and
// returns the lines that set nothing.
func (k *keys) assign() (loose []snapshot.SysctlLine) {
	for _, l := range k.lines {
		found := false
		for _, key := range k.expand(l.Key) {
			if x := k.at(key); x != nil {
				x.Set, found = append(x.Set, l), true
			}
		}
		if !found {
			loose = append(loose, l)
		}
	}
	for _, x := range k.byKey {
		choose(x.Set)
	}
	return loose
}

// choose marks the line that wins.
func choose(set []snapshot.SysctlLine) {
	wins := -1
	for i, l := range set {
		if l.Procps {
			continue
		}
		if wins < 0 || !l.Pattern || set[wins].Pattern || set[wins].File == cmdline {
			wins = i
		}
	}
	if wins >= 0 && !set[wins].Excludes {
		set[wins].Wins = true
		return
	}
	for i := len(set) - 1; i >= 0; i-- { // what the kernel was started with stays
		if set[i].File == cmdline {
			set[i].Wins = true
			return
		}
	}
}

// acts are files whose reading does something.
var acts = []string{"vm.stat_refresh"}

// value reads what is in force.
func (k *keys) value(x *snapshot.Sysctl) {
	if slices.Contains(acts, x.Key) {
		return
	}
	data, err := k.env.ReadFile(x.Path)
	if err != nil {
		return
	}
	x.There = true
	x.Value = strings.ToValidUTF8(strings.Join(strings.Fields(string(data[:min(len(data), 4096)])), " "), "?")
	if private(x.Key) && x.Value != "" {
		x.Value = secret.Mark(x.Value)
	}
}

// private reports whether the value of a key is a secret: the seed of stable
// addresses, the key of TCP Fast Open.
func private(key string) bool {
	base := path.Base(strings.ReplaceAll(key, ".", "/"))
	return base == "stable_secret" || strings.HasSuffix(base, "fastopen_key")
}
