package image

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klustered/klustered/lab/engine"
)

// imagesRecipe changes with the layout of the container images, which the other parts of
// the key do not show.
const imagesRecipe = "1"

// The tags of the images that do not carry the version of Kubernetes.
const (
	PauseTag   = "3.10.2"
	EtcdTag    = "3.7.3-0"
	CoreDNSTag = "v1.14.6"
	CanaryTag  = "v1"
)

// containerImage is an image of the cluster: layers by name, and what it runs.
type containerImage struct {
	name       string
	layers     []string
	entrypoint []string
}

func containerImages(kubernetes string) []containerImage {
	list := []containerImage{
		{Repository + "/pause:" + PauseTag, []string{"pause"}, []string{"/pause"}},
		{Repository + "/etcd:" + EtcdTag, []string{"etcd"}, nil},
		{Repository + "/coredns:" + CoreDNSTag, []string{"coredns"}, []string{"/coredns"}},
		{Repository + "/canary:" + CanaryTag, []string{"canary"}, []string{"/canary"}},
		{Repository + "/kube-proxy:" + kubernetes, []string{"kube", "netfilter"}, nil},
	}
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		list = append(list, containerImage{Repository + "/" + name + ":" + kubernetes, []string{"kube"}, nil})
	}
	return list
}

// layers gives the files of the layers that are made of our own programs.
func layers() map[string][]nodeFile {
	bin := func(name string) nodeFile {
		return nodeFile{name: "/usr/local/bin/" + name, mode: 0o755, program: name}
	}
	kube := []nodeFile{{name: "/usr/local/bin/kube-apiserver", mode: 0o755, program: "kube"}}
	for _, name := range []string{"kube-controller-manager", "kube-scheduler", "kube-proxy"} {
		kube = append(kube, nodeFile{name: "/usr/local/bin/" + name, mode: 0o755, hard: "/usr/local/bin/kube-apiserver"})
	}
	return map[string][]nodeFile{
		"kube":    kube,
		"etcd":    {bin("etcd"), bin("etcdctl"), bin("etcdutl")},
		"pause":   {{name: "/pause", mode: 0o755, program: "pause"}},
		"coredns": {{name: "/coredns", mode: 0o755, program: "coredns"}},
		"canary":  {{name: "/canary", mode: 0o755, program: "canary"}},
	}
}

// netfilterScript packs the programs that kube-proxy runs, with the libraries they need.
const netfilterScript = `set -e
cd /
tools=$(ls usr/sbin/*tables* usr/sbin/conntrack usr/sbin/ipset usr/sbin/nft usr/bin/kmod 2>/dev/null)
libs=$(ldd $(readlink -f $tools usr/lib/*/xtables/*.so | sort -u) 2>/dev/null |
	awk '$2 == "=>" { print $3 } $1 ~ /^\// && NF == 2 { sub(/:$/, "", $1); if ($1 ~ /ld-/) print $1 }' | sort -u)
libs=$(for l in $libs; do echo "$(readlink -f "${l%/*}")/${l##*/}"; readlink -f "$l"; done | cut -c2- | sort -u)
tar -cf - $(find lib lib64 bin sbin -maxdepth 0 -type l) $tools $libs usr/lib/*/xtables \
	etc/alternatives etc/protocols etc/services 2>/dev/null`

// packImages writes every container image of the cluster into one archive.
func (r Recipe) packImages(ctx context.Context, e *engine.Engine, bins programs, path string) error {
	temp, err := os.MkdirTemp(r.Cache, ".images-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	file, err := os.Create(filepath.Join(temp, "archive"))
	if err != nil {
		return err
	}
	defer file.Close()
	p := &packer{out: tar.NewWriter(file), temp: temp, done: map[string]bool{}, layers: map[string]descriptor{}}
	if err := p.addLayers(ctx, e, r.baseImage(), bins); err != nil {
		return err
	}
	if err := p.addImages(containerImages(r.Kubernetes)); err != nil {
		return err
	}
	if err := p.out.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

func (p *packer) addLayers(ctx context.Context, e *engine.Engine, base string, bins programs) error {
	for name, files := range layers() {
		err := p.addLayer(name, func(w io.Writer) error { return writeLayer(w, files, bins) })
		if err != nil {
			return fmt.Errorf("cannot make layer %q: %w", name, err)
		}
	}
	netfilter, err := e.Once(ctx, engine.Spec{Image: base, Argv: []string{"/bin/sh", "-c", netfilterScript}})
	if err != nil {
		return fmt.Errorf("cannot pack the netfilter tools: %w", err)
	}
	return p.addLayer("netfilter", func(w io.Writer) error { _, err := w.Write(netfilter); return err })
}

func writeLayer(w io.Writer, files []nodeFile, bins programs) error {
	out := tar.NewWriter(w)
	for _, f := range files {
		if err := writeEntry(out, f, bins); err != nil {
			return err
		}
	}
	return out.Close()
}
