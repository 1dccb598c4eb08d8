package program

import (
	"runtime/debug"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// goBuild takes what tells where a Go program comes from.
func goBuild(info *debug.BuildInfo) *snapshot.GoBuild {
	if info == nil {
		return nil
	}
	b := &snapshot.GoBuild{Version: info.GoVersion, Path: info.Path, Module: info.Main.Path, Release: info.Main.Version, Sum: info.Main.Sum}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		case "vcs.time":
			b.Time = s.Value
		case "-ldflags":
			b.Vars = linked(s.Value)
		}
	}
	return b
}

// maxVars bounds how many variables are kept of one program.
const maxVars = 16

// linked are the variables that tell a version, of -X flags of the linker such
// as -X 'k8s.io/component-base/version.gitVersion=v1.30.0'. Programs that were
// built with -trimpath do not tell them.
func linked(flags string) map[string]string {
	out := map[string]string{}
	for _, w := range strings.Fields(flags) {
		w = strings.TrimPrefix(strings.Trim(w, `'"`), "-X=")
		name, value, ok := strings.Cut(strings.Trim(w, `'"`), "=")
		last := strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
		if !ok || !strings.Contains(name, ".") || strings.HasPrefix(name, "-") || len(value) > 128 || len(out) >= maxVars {
			continue
		}
		for _, x := range []string{"version", "commit", "revision", "treestate", "gitsha"} {
			if strings.Contains(last, x) {
				out[name] = strings.Trim(value, `'"`)
				break
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
