// Command flagtable makes the tables of package component: what each component
// of each supported Kubernetes release, and each etcd, accepts. It builds a
// small program against the packages of each release and asks it.
//
// With -check it asks the releases that the lab runs alone, whose modules and
// programs are in the caches, and says what of the tables is not so.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
)

// The releases of the tables: the newest patch of each minor, and of each etcd
// that kubeadm pairs with one of them.
var (
	kubernetes = []string{"v1.33.13", "v1.34.4", "v1.35.4", "v1.36.3", "v1.37.2"}
	etcds      = []string{"v3.5.35", "v3.6.16", "v3.7.3"}
)

// components are the components of Kubernetes.
var components = []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet"}

func main() {
	check := flag.Bool("check", false, "compare the tables with the releases that the lab runs")
	only := flag.String("kubernetes", strings.Join(kubernetes, ","), "releases of Kubernetes, in order")
	dir := flag.String("dir", "component/table", "folder of the tables")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *dir, strings.Split(*only, ","), *check); err != nil {
		fmt.Fprintln(os.Stderr, "flagtable:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string, versions []string, check bool) error {
	if check {
		return compare(ctx)
	}
	kube, err := each(ctx, versions, askKubernetes)
	if err != nil {
		return err
	}
	etcd, err := each(ctx, etcds, askEtcd)
	if err != nil {
		return err
	}
	for name, text := range tables(kube, etcd) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// each asks the releases one after the other.
func each(ctx context.Context, versions []string, ask func(context.Context, string) (release, error)) ([]release, error) {
	var all []release
	for _, v := range versions {
		fmt.Fprintln(os.Stderr, "flagtable: asking", v)
		r, err := ask(ctx, v)
		if err != nil {
			return nil, fmt.Errorf("cannot ask %s: %w", v, err)
		}
		all = append(all, r)
	}
	return all, nil
}
