package image

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sort"

	"github.com/klustered/klustered/lab/progress"
)

// programs maps the name of a program to the file it was built as.
type programs map[string]string

// component is one module of Go programs.
type component struct {
	// name is its folder under source/.
	name string
	// title is what people call it, with its version.
	title         string
	tags, ldflags string
	// rename maps what go build calls a program to what it is called here.
	rename map[string]string
	// files overrides the embedded sources.
	files map[string][]byte
	// minutes is how long it takes to build from nothing on two cores, for the plan.
	minutes float64
}

// components lists what is built, short ones first and Kubernetes last.
func components(kubernetes string) []component {
	return []component{
		{name: "pause", title: "pause"},
		{name: "balancer", title: "API server balancer"},
		{name: "canary", title: "canary workload"},
		{name: "cni", title: "CNI plugins v1.9.1", minutes: 0.2},
		{name: "etcd", title: "etcd v3.7.3", minutes: 1, rename: map[string]string{"server": "etcd"}},
		{name: "containerd", title: "containerd v2.4.2", minutes: 1.5,
			tags:    "no_btrfs,no_devmapper,no_zfs",
			ldflags: "-X github.com/containerd/containerd/v2/version.Version=v2.4.2"},
		{name: "coredns", title: "CoreDNS v1.14.6", minutes: 2},
		kubernetesComponent(kubernetes),
	}
}

func kubernetesComponent(version string) component {
	c := component{name: "kube", title: "Kubernetes " + version, minutes: 9, ldflags: kubernetesStamp(version)}
	if version != KubernetesVersion {
		// The module file of another version is made when it is built; its version and
		// the program's source decide it.
		c.files = map[string][]byte{"main.go": layout("kube")["main.go"]}
	}
	return c
}

func (c component) sources() map[string][]byte {
	if c.files != nil {
		return c.files
	}
	return layout(c.name)
}

func (c component) key() string {
	parts := []string{c.title, c.tags, c.ldflags, runtime.GOARCH}
	files := c.sources()
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		parts = append(parts, name, string(files[name]))
	}
	return hash(parts...)
}

// dir is the folder in the cache that holds the component's programs.
func (c component) dir(cache string) string {
	return filepath.Join(cache, "bin", c.name+"-"+c.key())
}

func (c component) describe(cores int) string {
	if c.minutes < 1 {
		return "build " + c.title + " from its Go module"
	}
	about := c.minutes * 2 / float64(max(cores, 1))
	return fmt.Sprintf("build %s from its Go module (about %.0f min)", c.title, max(about, 1))
}

// buildPrograms builds every component that is not in the cache, one after the other:
// the go command uses all cores by itself.
func (r Recipe) buildPrograms(ctx context.Context, p progress.Progress) (programs, error) {
	all := programs{}
	for _, c := range components(r.Kubernetes) {
		dir := c.dir(r.Cache)
		if !exists(dir) {
			err := progress.Do(p, "build "+c.title, func() error { return c.build(ctx, r, dir) })
			if err != nil {
				return nil, err
			}
		}
		if err := all.add(dir); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (p programs) add(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		p[e.Name()] = filepath.Join(dir, e.Name())
	}
	return err
}
