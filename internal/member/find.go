package member

import "path"

// ManifestDir is where kubeadm keeps the manifests of static pods.
const ManifestDir = "/etc/kubernetes/manifests"

// A Folder is files that can be listed too.
type Folder interface {
	Files
	Glob(pattern string) []string
}

// Find looks for the member in the manifests of dir ("" is [ManifestDir]).
func Find(files Folder, dir string) (Config, bool) {
	if dir == "" {
		dir = ManifestDir
	}
	texts := map[string][]byte{}
	names := files.Glob(path.Join(dir, "[^.]*"))
	for _, name := range names {
		if data, err := files.ReadFile(name); err == nil {
			texts[name] = data
		}
	}
	return FindIn(names, texts)
}

// FindIn looks for the member in the manifests called names.
func FindIn(names []string, texts map[string][]byte) (Config, bool) {
	for _, name := range names {
		c, ok := ParseManifest(name, texts[name])
		if !ok {
			continue
		}
		for _, other := range names {
			c.APIServer(texts[other])
		}
		return c, true
	}
	return Config{}, false
}
