package loader

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

const (
	maxMapped    = 200
	maxProcesses = 400
	maxEnviron   = 256 << 10 // bytes
)

// look reads the environment and the mapped files of the node's own programs:
// those of containers have their own files under the same names.
func look(ctx context.Context, e *source.Env, p *snapshot.Processes, l *snapshot.Loader) {
	own := uint64(0)
	for _, x := range p.List {
		if x.PID == 1 {
			own = x.MntNS
		}
	}
	by := map[string]*snapshot.Mapping{}
	n := 0
	for _, x := range p.List {
		if x.Container != "" || x.Exe == "" || ctx.Err() != nil || n >= maxProcesses {
			continue
		}
		n++
		dir := "/proc/" + strconv.Itoa(x.PID)
		if data, err := e.ReadFile(dir + "/environ"); err == nil {
			environ(data[:min(len(data), maxEnviron)], dir+"/environ", x.PID, l)
		}
		if x.MntNS != own && own != 0 || x.State == "D" || e.Live && x.PID == os.Getpid() { // klustered itself runs from a file that is gone
			continue
		}
		if data, err := e.ReadFile(dir + "/maps"); err == nil {
			for _, m := range parseMaps(data) {
				if by[m.path] == nil {
					by[m.path] = &snapshot.Mapping{Path: m.path, Deleted: m.deleted, Name: x.Name}
				}
				by[m.path].PIDs = append(by[m.path].PIDs, x.PID)
			}
		}
	}
	exes := map[string]bool{}
	for _, x := range p.List {
		exes[x.Exe] = true
	}
	for name, m := range by {
		if b, err := e.Program(name); err == nil && !m.Deleted {
			m.Package, m.Sum = b.Package, b.PackageSum
		}
		if (m.Package == "" && !exes[name] || m.Sum == "differs" || m.Deleted) && len(l.Mapped) < maxMapped {
			l.Mapped = append(l.Mapped, *m)
		}
	}
	order.By(l.Mapped, func(a, b snapshot.Mapping) int { return strings.Compare(a.Path, b.Path) })
}

// environ takes the loader's variables of /proc/PID/environ.
func environ(data []byte, file string, pid int, l *snapshot.Loader) {
	for v := range strings.SplitSeq(string(data), "\x00") {
		name, _, ok := strings.Cut(v, "=")
		if ok && slices.Contains(loads, name) && len(l.Variables) < 200 {
			v = strings.ToValidUTF8(v[:min(len(v), 1024)], "\ufffd")
			l.Variables = append(l.Variables, snapshot.LoaderEntry{Value: secret.Scrub(v), Source: file, PID: pid})
		}
	}
}

// A mapped is a file of /proc/PID/maps that is mapped to run.
type mapped struct {
	path    string
	deleted bool
}

// parseMaps returns the distinct files that are mapped to run.
func parseMaps(data []byte) []mapped {
	var out []mapped
	seen := map[string]bool{}
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		w := strings.SplitN(strings.TrimRight(line, "\n"), " ", 6)
		if len(w) < 6 || len(w[1]) < 3 || w[1][2] != 'x' {
			continue
		}
		name := strings.TrimLeft(w[5], " ")
		if !strings.HasPrefix(name, "/") || seen[name] || strings.HasPrefix(name, "/SYSV") {
			continue
		}
		seen[name] = true
		m := mapped{path: name}
		m.path, m.deleted = strings.CutSuffix(name, " (deleted)")
		out = append(out, m)
	}
	return out
}
