package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klustered/klustered/lab/engine"
	"github.com/klustered/klustered/lab/image"
)

// sources are the programs that are asked. They belong to other modules.
//
//go:embed source/*/*.go
var sources embed.FS

// A release is what one release said.
type release struct {
	Version string
	Flags   map[string][]flagSpec // component to its flags
	common
}

// A flagSpec is a flag of a component.
type flagSpec struct {
	Name       string `json:"name"`
	Short      string `json:"short"`
	Type       string `json:"type"`
	Default    string `json:"default"`
	NoOpt      string `json:"noOpt"`
	Deprecated bool   `json:"deprecated"`
	Hidden     bool   `json:"hidden"`
}

// common is what the components of a Kubernetes release have in common.
type common struct {
	Gates []struct {
		Name    string `json:"name"`
		Stage   string `json:"stage"`
		Default bool   `json:"default"`
		Locked  bool   `json:"locked"`
	} `json:"gates"`
	Plugins     []named                      `json:"plugins"`
	Controllers []named                      `json:"controllers"`
	Types       map[string]map[string]string `json:"types"`
	Defaults    map[string]map[string]string `json:"defaults"`
	Bindings    map[string]string            `json:"bindings"`
}

// named is an admission plugin or a controller.
type named struct {
	Name  string `json:"name"`
	On    bool   `json:"on"`
	Alias string `json:"alias"`
}

// files are the files of one program.
func files(name string) (map[string][]byte, error) {
	all := map[string][]byte{}
	list, err := fs.ReadDir(sources, "source/"+name)
	for _, f := range list {
		data, err := sources.ReadFile(path.Join("source", name, f.Name()))
		if err != nil {
			return nil, err
		}
		all[f.Name()] = bytes.TrimPrefix(data, []byte("//go:build ignore\n"))
	}
	return all, err
}

// inFolder runs f in a new folder of the lab's cache. A folder's name is no
// part of what is built, so that the build cache serves the next time.
func inFolder(f func(dir string) error) error {
	cache, err := image.CacheDir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(cache, ".flagtable-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return f(dir)
}

// build compiles the program in dir. What the lab does not run itself is
// compiled without being made fast: that takes half the time.
func build(ctx context.Context, dir string, fast bool) error {
	args := []string{"build", "-mod=mod", "-trimpath", "-ldflags", "-s -w", "-o", "dump"}
	if !fast {
		args = append(args, "-gcflags=all=-N -l -dwarf=false")
	}
	_, err := image.Go(ctx, dir, append(args, ".")...)
	return err
}

// ask has the program in dir print one thing.
func ask(ctx context.Context, dir, what string, into any) error {
	out, err := engine.Command(ctx, nil, filepath.Join(dir, "dump"), what)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, into); err != nil {
		return fmt.Errorf("cannot read what was said of %q: %w", what, err)
	}
	return nil
}

func askKubernetes(ctx context.Context, version string) (release, error) {
	r := release{Version: version, Flags: map[string][]flagSpec{}}
	src, err := files("kube")
	if err != nil {
		return r, err
	}
	return r, inFolder(func(dir string) error {
		if err := image.Module(ctx, version, dir, src); err != nil {
			return err
		}
		if err := build(ctx, dir, version == image.KubernetesVersion); err != nil {
			return err
		}
		for _, name := range components {
			var flags []flagSpec
			if err := ask(ctx, dir, name, &flags); err != nil {
				return err
			}
			r.Flags[name] = flags
		}
		return ask(ctx, dir, "release", &r.common)
	})
}

// etcdServer is the module whose package etcdmain keeps etcd's flags to itself.
const etcdServer = "go.etcd.io/etcd/server/v3"

func askEtcd(ctx context.Context, version string) (release, error) {
	r := release{Version: version, Flags: map[string][]flagSpec{}}
	src, err := files("etcd")
	if err != nil {
		return r, err
	}
	over := src["etcdmain.go"]
	delete(src, "etcdmain.go")
	src["go.mod"] = []byte("module klustered.dev/lab/etcd\n\ngo 1.26.0\n\nrequire " + etcdServer + " " + version + "\n")
	if module := image.EtcdModule(); bytes.Contains(module["go.mod"], []byte(etcdServer+" "+version)) {
		src["go.mod"], src["go.sum"] = module["go.mod"], module["go.sum"]
	}
	return r, inFolder(func(dir string) error {
		if err := lay(ctx, dir, src, over); err != nil {
			return err
		}
		if err := build(ctx, dir, true); err != nil {
			return err
		}
		var flags []flagSpec
		err := ask(ctx, dir, "flags", &flags)
		r.Flags["etcd"] = flags
		return err
	})
}

// lay writes the program and a copy of etcd's server, with one file more in it.
func lay(ctx context.Context, dir string, src map[string][]byte, over []byte) error {
	for name, data := range src {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	if src["go.sum"] == nil {
		if _, err := image.Go(ctx, dir, "mod", "tidy"); err != nil {
			return err
		}
	}
	out, err := image.Go(ctx, dir, "list", "-mod=mod", "-m", "-f", "{{.Dir}}", etcdServer)
	if err != nil {
		return err
	}
	server := filepath.Join(dir, "server")
	if err := os.CopyFS(server, os.DirFS(strings.TrimSpace(string(out)))); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(server, "etcdmain", "klustered.go"), over, 0o644); err != nil {
		return err
	}
	_, err = image.Go(ctx, dir, "mod", "edit", "-replace", etcdServer+"=./server")
	return err
}
