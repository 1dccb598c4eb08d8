package access

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// The bounds of what is kept of kubectl's own.
const (
	maxPlugins   = 200
	maxCacheSeen = 3000
)

// tools sets the plugins of kubectl and its caches.
func tools(ctx context.Context, e *source.Env, k *snapshot.Kubeconfigs, p *snapshot.Processes, users []home) {
	k.Plugins = plugins(e, searchPath(ctx, e, p, users))
	for _, h := range users {
		for _, name := range e.Glob(path.Join(h.dir, ".krew/receipts/*.yaml")) {
			k.Krew = append(k.Krew, name)
		}
		if c, ok := cache(e, path.Join(h.dir, ".kube/cache")); ok {
			k.Caches = append(k.Caches, c)
		}
	}
}

// searchPath are the folders in which kubectl looks for plugins: those of the
// running shells, of a login, and those that users add.
func searchPath(ctx context.Context, e *source.Env, p *snapshot.Processes, users []home) []string {
	var out []string
	add := func(dir string) {
		if path.IsAbs(dir) && !slices.Contains(out, path.Clean(dir)) && len(out) < maxPlugins {
			out = append(out, path.Clean(dir))
		}
	}
	for _, value := range environments(ctx, e, p, "PATH") {
		for dir := range strings.SplitSeq(value, ":") {
			add(dir)
		}
	}
	for _, dir := range defaultPath {
		add(dir)
	}
	for _, h := range users {
		for _, dir := range []string{".krew/bin", ".local/bin", "bin"} {
			add(path.Join(h.dir, dir))
		}
	}
	return out
}

// plugins lists the programs of the folders that kubectl takes as plugins.
func plugins(e *source.Env, dirs []string) []snapshot.KubectlPlugin {
	var out []snapshot.KubectlPlugin
	first, seen := map[string]string{}, map[string]bool{}
	for _, dir := range dirs {
		if real := e.Resolve(dir); seen[real] {
			continue // /bin is /usr/bin
		} else {
			seen[real] = true
		}
		list, err := e.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, x := range list {
			command, kind, ok := PluginOf(x.Name())
			name := path.Join(dir, x.Name())
			i, err := e.Stat(name)
			if !ok || err != nil || !i.IsRegular() || len(out) == maxPlugins {
				continue
			}
			b, _ := e.Program(name)
			out = append(out, snapshot.KubectlPlugin{Command: command, Kind: kind, Binary: &b, Behind: first[x.Name()], Krew: strings.Contains(dir, "/.krew/")})
			if first[x.Name()] == "" && i.Mode&0o111 != 0 {
				first[x.Name()] = name
			}
		}
	}
	return out
}

// PluginOf tells what a program of that name is to kubectl: dashes part the
// words of a command, underscores are dashes of a word.
func PluginOf(name string) (command, kind string, ok bool) {
	words := func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "-", " "), "_", "-") }
	if rest, ok := strings.CutPrefix(name, "kubectl_complete-"); ok && rest != "" {
		return "kubectl " + words(rest), "completion", true
	}
	rest, ok := strings.CutPrefix(name, "kubectl-")
	if !ok || rest == "" {
		return "", "", false
	}
	kind = "plugin"
	if strings.HasPrefix(rest, "create-") {
		kind = "create"
	}
	return "kubectl " + words(rest), kind, true
}

// cache describes kubectl's cache of a user.
func cache(e *source.Env, dir string) (snapshot.KubeCache, bool) {
	c := snapshot.KubeCache{Dir: dir}
	hosts, err := e.ReadDir(path.Join(dir, "discovery"))
	if err == nil {
		for _, x := range hosts[:min(len(hosts), maxPlugins)] {
			c.Hosts = append(c.Hosts, x.Name())
		}
	}
	seen := 0
	var walk func(dir string, depth int) bool
	walk = func(dir string, depth int) bool {
		list, err := e.ReadDir(dir)
		if err != nil {
			return false
		}
		for _, x := range list {
			if seen++; seen > maxCacheSeen {
				break
			}
			name := path.Join(dir, x.Name())
			if x.IsDir() && depth < maxSeek {
				walk(name, depth+1)
			} else if i, err := e.Lstat(name); err == nil && i.IsRegular() {
				c.Files++
				c.Bytes += i.Size
				if i.Modified.After(c.Newest) {
					c.Newest = i.Modified
				}
			}
		}
		return true
	}
	return c, walk(dir, 0)
}

// credentials adds what the files that a user names hold: the token by its
// fingerprint, and whether the key belongs to the certificate.
func credentials(e *source.Env, u *snapshot.KubeconfigUser) {
	if u.TokenFile != "" {
		if data, err := e.ReadFile(u.TokenFile); err == nil {
			u.TokenSHA256 = secret.Fingerprint([]byte(strings.TrimSpace(string(data))))
		}
	}
	if u.Pair != "" || u.KeyFile == "" || u.Cert == nil || u.Cert.SPKI == "" {
		return
	}
	data, err := e.ReadFile(u.KeyFile)
	if err != nil {
		return
	}
	if _, keys := ParsePEM(u.KeyFile, data, 0); len(keys) > 0 && keys[0].SPKI != "" {
		u.Pair = snapshot.Answered(keys[0].SPKI == u.Cert.SPKI)
	}
}
