package member

import (
	"path"
	"strings"
)

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

// defaultDirs are where members keep their data that no manifest tells of:
// etcd's packages, RKE2 and K3s.
var defaultDirs = []string{"/var/lib/etcd", "/var/lib/rancher/rke2/server/db/etcd", "/var/lib/rancher/k3s/server/db/etcd"}

// Default is a member that no manifest tells of, where exists finds its data.
func Default(exists func(path string) bool) (Config, bool) {
	for _, dir := range defaultDirs {
		c := FromArgs([]string{"etcd", "--data-dir=" + dir})
		if server, ok := strings.CutSuffix(dir, "/db/etcd"); ok {
			c.ofServer(server)
		}
		if exists(c.DB()) {
			return c, true
		}
	}
	return Config{}, false
}

// ofServer adds how the member of an RKE2 or K3s server in dir is reached, as
// their documentation has it for etcdctl.
func (c *Config) ofServer(dir string) {
	tls := path.Join(dir, "tls", "etcd")
	c.Clients = []string{"https://127.0.0.1:2379"}
	c.CA = path.Join(tls, "server-ca.crt")
	c.Pairs = []Pair{{path.Join(tls, "client.crt"), path.Join(tls, "client.key")}, {path.Join(tls, "server-client.crt"), path.Join(tls, "server-client.key")}}
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
