package cri

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// The bounds of what is read.
const (
	maxConf   = 1 << 20 // bytes of one configuration file
	maxConfs  = 100     // files of the folder
	maxCached = 2000    // attachments
)

// defaultConfDirs are the folders that runtimes read unless they are told
// otherwise.
var defaultConfDirs = []string{defaultConfDir, "/var/lib/rancher/k3s/agent/etc/cni/net.d"}

// cacheDir is where libcni keeps what it attached.
const cacheDir = "/var/lib/cni/results"

// errNoCNI says why the section stays empty.
var errNoCNI = errors.New("neither a container runtime nor a folder of CNI configurations is there")

// collectCNI sets s.CNI. It stays nil on a machine where nothing would read
// such a configuration.
func collectCNI(_ context.Context, e *source.Env, s *snapshot.Snapshot) error {
	c := &snapshot.CNI{ConfDir: defaultConfDir, BinDirs: []string{defaultBinDir}}
	if r := s.Runtime; r != nil && r.CNIConfDir != "" {
		c.ConfDir, c.BinDirs = r.CNIConfDir, r.CNIBinDirs
	}
	if err := readConfs(e, c); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if s.Runtime == nil && s.Kubelet == nil {
			return errNoCNI
		}
	}
	for _, dir := range defaultConfDirs {
		if x := (&snapshot.CNI{ConfDir: dir}); e.Resolve(dir) != e.Resolve(c.ConfDir) && readConfs(e, x) == nil {
			c.Elsewhere = append(c.Elsewhere, x.Files...)
		}
	}
	cached, err := readCached(e)
	if !errors.Is(err, fs.ErrNotExist) {
		e.Gap(snapshot.SectionCNI, cacheDir, err)
	}
	c.Cached = cached
	readIPAM(e, c, sandboxes(s))
	readPrograms(e, c)
	s.CNI = c
	return nil
}

// readConfs reads the folder of configurations. Like libcni it takes a file
// by its ending alone, so that hidden files count too.
func readConfs(e *source.Env, c *snapshot.CNI) error {
	list, err := e.ReadDir(c.ConfDir)
	if err != nil {
		return err
	}
	for _, x := range list {
		if x.IsDir() {
			continue
		}
		if len(c.Files)+len(c.Others) == maxConfs {
			e.Gap(snapshot.SectionCNI, c.ConfDir, fmt.Errorf("more than %d files", maxConfs))
			break
		}
		name := path.Join(c.ConfDir, x.Name())
		t, err := e.Text(name, maxConf)
		t.Content = secret.Scrub(t.Content)
		if !loadable(name) {
			if err == nil {
				c.Others = append(c.Others, t)
			}
			continue
		}
		f := snapshot.CNIFile{Text: t}
		if err != nil {
			f.Error = "cannot be read: " + err.Error()
		} else {
			f = parse(e, t)
		}
		c.Files = append(c.Files, f)
	}
	return nil
}

// loadable reports whether libcni looks at a file of that name.
func loadable(name string) bool {
	return slices.Contains([]string{".conf", ".conflist", ".json"}, path.Ext(name))
}

// parse reads a configuration, with the files of its network's folder when it
// has no plugins of its own.
func parse(e *source.Env, t snapshot.Text) snapshot.CNIFile {
	f := snapshot.ParseCNI(t)
	if f.Error == "" || f.Name == "" || strings.Contains(f.Name, "/") || len(f.Plugins) > 0 {
		return f
	}
	var parts []snapshot.Text
	for _, p := range e.Glob(path.Join(path.Dir(t.Path), f.Name, "*.conf")) {
		if x, err := e.Text(p, maxConf); err == nil {
			parts = append(parts, x)
		}
	}
	if len(parts) == 0 {
		return f
	}
	return snapshot.ParseCNI(t, parts...)
}

// readCached reads what pods were attached with, newest first.
func readCached(e *source.Env) ([]snapshot.CNICached, error) {
	list, err := e.ReadDir(cacheDir)
	if err != nil {
		return nil, err
	}
	var out []snapshot.CNICached
	byConfig := map[string]int{}
	for _, x := range list[:min(len(list), maxCached)] {
		name := path.Join(cacheDir, x.Name())
		i, err := e.Stat(name)
		if err != nil {
			continue
		}
		data, err := e.ReadFile(name)
		if err != nil {
			continue
		}
		a, ok := parseCached(data)
		if !ok {
			continue
		}
		a.Path, a.Modified = name, i.Modified
		n, seen := byConfig[a.Config]
		if !seen {
			byConfig[a.Config] = len(out)
			out = append(out, a)
			continue
		}
		a.Pods = out[n].Pods + 1
		if out[n].Modified.After(a.Modified) {
			a.Path, a.ContainerID, a.Modified = out[n].Path, out[n].ContainerID, out[n].Modified
		}
		out[n] = a
	}
	order.By(out, func(a, b snapshot.CNICached) int {
		return cmp.Or(b.Modified.Compare(a.Modified), strings.Compare(a.Path, b.Path))
	})
	return out, nil
}

// parseCached reads one file of libcni's cache.
func parseCached(data []byte) (snapshot.CNICached, bool) {
	var x struct {
		Kind        string `json:"kind"`
		ContainerID string `json:"containerId"`
		Config      []byte `json:"config"`
		Network     string `json:"networkName"`
	}
	if err := json.Unmarshal(data, &x); err != nil || x.Kind != "cniCacheV1" || len(x.Config) == 0 || len(x.Config) > maxConf {
		return snapshot.CNICached{}, false
	}
	config := secret.Scrub(strings.ToValidUTF8(string(x.Config), "\ufffd"))
	return snapshot.CNICached{Network: x.Network, ContainerID: x.ContainerID, Config: config, Pods: 1}, true
}
