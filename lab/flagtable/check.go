package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/component"
	"github.com/klustered/klustered/lab/image"
)

// compare says how the tables differ from the releases that the lab runs.
func compare(ctx context.Context) error {
	kube, err := askKubernetes(ctx, image.KubernetesVersion)
	if err != nil {
		return err
	}
	etcd, err := askEtcd(ctx, etcds[len(etcds)-1])
	if err != nil {
		return err
	}
	var wrong []string
	for name, want := range tables([]release{kube}, []release{etcd}) {
		version := kube.Version
		if name == "etcd.txt" {
			version = etcd.Version
		}
		wrong = append(wrong, differences(name, component.Lines(name, minor(version)), strings.Split(strings.TrimSpace(want), "\n")[1:])...)
	}
	if len(wrong) > 0 {
		return errors.New("the tables are not what the releases say; go generate ./component makes them anew:\n" + strings.Join(wrong, "\n"))
	}
	return nil
}

func differences(name string, got, want []string) []string {
	var out []string
	for _, l := range want {
		if !slices.Contains(got, l) {
			out = append(out, fmt.Sprintf("%s: missing: %s", name, l))
		}
	}
	for _, l := range got {
		if !slices.Contains(want, l) {
			out = append(out, fmt.Sprintf("%s: too much: %s", name, l))
		}
	}
	slices.Sort(out)
	return out
}
