package image

import "context"

// Module lays out in dir a Go module of the given files that is built against
// the packages of a Kubernetes release, a full version as [Resolve] gives it.
func Module(ctx context.Context, kubernetes, dir string, files map[string][]byte) error {
	if err := writeFiles(dir, files); err != nil {
		return err
	}
	if kubernetes != KubernetesVersion {
		return pinKubernetes(ctx, kubernetes, dir)
	}
	module := layout("kube")
	delete(module, "main.go")
	return writeFiles(dir, module)
}

// EtcdModule are the go.mod and go.sum of the etcd that a lab runs.
func EtcdModule() map[string][]byte { return layout("etcd") }

// Go runs the go command in a module's folder as the lab's own builds do: deaf
// to the caller's Go settings except for those that say where modules come from.
func Go(ctx context.Context, dir string, args ...string) ([]byte, error) {
	return goCommand(ctx, dir, args...)
}
