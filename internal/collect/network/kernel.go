package network

import (
	"errors"
	"io/fs"
	"strings"
	"sync"

	"github.com/klustered/klustered/internal/collect/source"
)

// A Kernel tells which modules the running kernel has loaded or built in.
// Asking a part of netlink whose module is neither would load it.
type Kernel struct {
	env *source.Env

	once           sync.Once
	modules, built string
	withoutModules bool
}

// NewKernel returns the kernel of a live node. It reads nothing yet.
func NewKernel(e *source.Env) *Kernel { return &Kernel{env: e} }

// Loaded reports whether a module is loaded or built in. A kernel without
// modules has what it has: asking it loads nothing.
func (k *Kernel) Loaded(module string) bool {
	k.once.Do(k.read)
	return k.withoutModules || strings.Contains(k.modules, "\n"+module+" ") || strings.Contains(k.built, "/"+module+".ko") || k.env.Exists("/sys/module/"+module)
}

// read takes /proc/modules and modules.builtin of the running release.
func (k *Kernel) read() {
	list, err := k.env.ReadFile("/proc/modules")
	k.withoutModules = errors.Is(err, fs.ErrNotExist)
	k.modules = "\n" + string(list)
	release, _ := k.env.ReadFile("/proc/sys/kernel/osrelease")
	built, _ := k.env.ReadFile("/lib/modules/" + strings.TrimSpace(string(release)) + "/modules.builtin")
	k.built = string(built)
}
