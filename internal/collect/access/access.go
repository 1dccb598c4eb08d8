// Package access reads who may enter the cluster from this node:
// certificates and keys, kubeconfigs, and kubectl's preferences. Programs
// that a kubeconfig names are described and never run.
package access

import (
	"context"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// Collectors are the collectors of this package.
func Collectors() []source.Collector {
	return []source.Collector{
		{
			Section: snapshot.SectionPKI,
			After:   []snapshot.Section{snapshot.SectionStatic, snapshot.SectionKubelet},
			Collect: collectPKI,
		},
		{
			Section: snapshot.SectionKubeconfigs,
			After:   []snapshot.Section{snapshot.SectionProcesses},
			Collect: collectKubeconfigs,
		},
	}
}

// The bounds of what is read.
const (
	maxFiles     = 300
	maxFileBytes = 256 << 10
	maxHomes     = 500
	maxCerts     = 500 // whose signatures are checked against one another
)

// A home is a user's home folder.
type home struct {
	user string
	dir  string
}

// homes returns the home folders of /etc/passwd, root's first. Those of
// services, which lie outside /root and /home, are left out.
func homes(e *source.Env) []home {
	data, _ := e.ReadFile("/etc/passwd")
	return parseHomes(string(data))
}

func parseHomes(data string) []home {
	list := []home{{"root", "/root"}}
	for line := range strings.Lines(data) {
		if len(list) == maxHomes {
			break
		}
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 7 || !path.IsAbs(f[5]) {
			continue
		}
		uid, err := strconv.Atoi(f[2])
		h := home{f[0], path.Clean(f[5])}
		if err != nil || h.dir == "/" || uid != 0 && !strings.HasPrefix(h.dir, "/home/") && (uid < 1000 || uid >= 65534) {
			continue
		}
		if !slices.ContainsFunc(list, func(x home) bool { return x.dir == h.dir }) {
			list = append(list, h)
		}
	}
	return list
}

// shells are the programs whose environment tells what an operator uses.
var shells = []string{"bash", "sh", "dash", "zsh", "fish", "ksh", "tmux", "screen"}

// environments returns the values that the running shells have for a
// variable.
func environments(ctx context.Context, e *source.Env, p *snapshot.Processes, name string) []string {
	if p == nil || !e.Live {
		return nil
	}
	var out []string
	for _, x := range p.List {
		if !slices.Contains(shells, strings.TrimPrefix(x.Name, "-")) || x.Container != "" || ctx.Err() != nil {
			continue
		}
		data, err := os.ReadFile(e.Abs("/proc/" + strconv.Itoa(x.PID) + "/environ"))
		if err != nil {
			continue // it ended meanwhile
		}
		for v := range strings.SplitSeq(string(data), "\x00") {
			if value, ok := strings.CutPrefix(v, name+"="); ok && value != "" && !slices.Contains(out, value) {
				out = append(out, value)
			}
		}
	}
	return out
}
