// Package pod restarts static pods over the runtime's own socket.
package pod

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	// callTime is the time for one answer of the runtime.
	callTime = 10 * time.Second
	// grace is how many seconds a container has to end.
	grace = 10
	// again is the time between two attempts to remove a container.
	again = 300 * time.Millisecond
)

// The marks that the kubelet puts on what it makes.
const (
	sourceKey    = "kubernetes.io/config.source"  // annotation of a pod: file for a static one
	containerKey = "io.kubernetes.container.name" // label of a container
)

// Pods are the pods of this node.
type Pods struct{}

// RestartStatic stops and removes the containers of that name in static pods.
// A container that is gone has no back-off: the kubelet makes another at once.
func (Pods) RestartStatic(ctx context.Context, socket, container string) error {
	return over(ctx, socket, container, func([]*v1.Container) bool { return true })
}

// ReviveStatic removes them where all have ended.
func (Pods) ReviveStatic(ctx context.Context, socket, container string) error {
	return over(ctx, socket, container, func(list []*v1.Container) bool {
		return !slices.ContainsFunc(list, func(x *v1.Container) bool { return x.State != v1.ContainerState_CONTAINER_EXITED })
	})
}

// over removes the containers of that name in static pods if they are ripe.
func over(ctx context.Context, socket, container string, ripe func([]*v1.Container) bool) error {
	socket = strings.TrimPrefix(socket, "unix://")
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		return fmt.Errorf("cannot use %s: %w", socket, err)
	}
	defer conn.Close()
	c := v1.NewRuntimeServiceClient(conn)
	list, err := static(ctx, c, container)
	if err == nil && ripe(list) {
		for _, x := range list {
			err = errors.Join(err, remove(ctx, c, x.Id))
		}
	}
	if err != nil {
		return fmt.Errorf("cannot restart the container %s: %w", container, err)
	}
	return nil
}

// static are the containers of that name in static pods.
func static(ctx context.Context, c v1.RuntimeServiceClient, container string) ([]*v1.Container, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	pods, err := c.ListPodSandbox(ctx, &v1.ListPodSandboxRequest{})
	if err != nil {
		return nil, err
	}
	of := map[string]bool{}
	for _, p := range pods.Items {
		of[p.Id] = p.Annotations[sourceKey] == "file" || p.Annotations[sourceKey] == "http"
	}
	list, err := c.ListContainers(ctx, &v1.ListContainersRequest{Filter: &v1.ContainerFilter{LabelSelector: map[string]string{containerKey: container}}})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list.Containers, func(x *v1.Container) bool { return !of[x.PodSandboxId] }), nil
}

// remove ends a container and takes it away. One that the kubelet has just made
// is being started, and cannot be removed at that moment: it is tried again.
func remove(ctx context.Context, c v1.RuntimeServiceClient, id string) error {
	ctx, cancel := context.WithTimeout(ctx, callTime+grace*time.Second)
	defer cancel()
	var refused error // the last refusal to remove it
	for over := time.Now().Add(callTime); ; {
		if _, err := c.StopContainer(ctx, &v1.StopContainerRequest{ContainerId: id, Timeout: grace}); err != nil {
			return cmp.Or(refused, err)
		}
		_, err := c.RemoveContainer(ctx, &v1.RemoveContainerRequest{ContainerId: id})
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			refused = err
		}
		select {
		case <-ctx.Done():
			return cmp.Or(refused, err)
		case <-time.After(again):
		}
		if time.Now().After(over) {
			return refused
		}
	}
}
