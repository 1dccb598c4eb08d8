package podnet

import (
	"path"
	"slices"

	"github.com/klustered/klustered/snapshot"
)

// usual are the folders that a runtime looks in unless it is told otherwise,
// and where distributions put the same.
var usual = []string{"/etc/cni/net.d", "/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"}

// misled tells of a runtime that is told a folder of its own which holds
// nothing, while the configuration or the plugins lie where they belong.
func misled(s *snapshot.Snapshot) (Case, bool) {
	if s.Runtime == nil || s.Runtime.Settings == nil {
		return Case{}, false
	}
	if x, ok := told(s, "cni/conf_dir", "crio/network/network_dir"); ok && len(s.CNI.Files) == 0 && !slices.Contains(usual, path.Clean(x.Value)) {
		for _, f := range s.CNI.Elsewhere {
			if f.Error == "" {
				return Case{Kind: Misled, File: f, Setting: x, Place: path.Dir(f.Path), Why: "it holds no configuration"}, true
			}
		}
	}
	x, ok := told(s, "cni/bin_dirs", "cni/bin_dir", "crio/network/plugin_dirs")
	files := slices.Concat(s.CNI.Files, s.CNI.Elsewhere)
	if !ok || len(s.CNI.Plugins) > 0 || len(files) == 0 || slices.ContainsFunc(s.CNI.BinDirs, func(d string) bool { return slices.Contains(usual, path.Clean(d)) }) {
		return Case{}, false
	}
	place := ""
	for _, p := range files[0].Plugins {
		for _, t := range types(p) {
			b, found := Spare(s.CNI, t)
			if !found {
				return Case{}, false
			}
			if place == "" || slices.Contains(usual, path.Dir(b.Path)) {
				place = path.Dir(b.Path)
			}
		}
	}
	return Case{Kind: Misled, File: files[0], Setting: x, Place: place, Why: "it holds no plugin"}, place != ""
}

// told is the first of the settings that a file of the runtime makes.
func told(s *snapshot.Snapshot, keys ...string) (snapshot.ConfigSetting, bool) {
	for _, k := range keys {
		if x, ok := s.Runtime.Settings.Setting(k); ok && x.Path != "" {
			return x, true
		}
	}
	return snapshot.ConfigSetting{}, false
}
