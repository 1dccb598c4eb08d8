package podnet

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// pluginMain begins the main package path of the reference plugins.
const pluginMain = "github.com/containernetworking/plugins/plugins/"

// Provider is the file that libcni runs for plugin t: the first of that name.
func Provider(c *snapshot.CNI, t string) (snapshot.Binary, bool) {
	for _, b := range c.Plugins {
		if path.Base(b.Path) == t && slices.Contains(c.BinDirs, path.Dir(b.Path)) {
			return b, true
		}
	}
	return snapshot.Binary{}, false
}

// Damage says why a program cannot be what its name says, or "".
func Damage(b snapshot.Binary) string {
	t := path.Base(b.Path)
	switch {
	case b.Size == 0:
		return "it is empty"
	case !b.ELF && b.Script == "":
		return "it is neither a program nor a script"
	case strings.HasPrefix(b.GoMain, pluginMain) && path.Base(b.GoMain) != t:
		return fmt.Sprintf("it is the plugin %q", path.Base(b.GoMain))
	case !b.Executable():
		return fmt.Sprintf("its mode is %04o: nobody may run it", b.Mode)
	}
	return ""
}

// Spare is a copy of plugin t that could take its place: by the build
// information of the program, else by its name with what was appended to it
// left out.
func Spare(c *snapshot.CNI, t string) (snapshot.Binary, bool) {
	for _, sure := range []bool{true, false} {
		for _, b := range append(slices.Clone(c.Spares), c.Plugins...) {
			if provider, ok := Provider(c, t); ok && provider.Path == b.Path || !b.ELF || b.SHA256 == "" {
				continue
			}
			built := strings.HasPrefix(b.GoMain, pluginMain)
			name, _, _ := strings.Cut(path.Base(b.Path), ".")
			if sure && built && path.Base(b.GoMain) == t || !sure && b.GoMain == "" && strings.TrimRight(name, "~") == t {
				return b, true
			}
		}
	}
	return snapshot.Binary{}, false
}
