// Package pod restarts static pods over the runtime's own socket.
package pod

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
	socket = strings.TrimPrefix(socket, "unix://")
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		return fmt.Errorf("cannot use %s: %w", socket, err)
	}
	defer conn.Close()
	if err := restart(ctx, v1.NewRuntimeServiceClient(conn), container); err != nil {
		return fmt.Errorf("cannot restart the container %s: %w", container, err)
	}
	return nil
}

func restart(ctx context.Context, c v1.RuntimeServiceClient, container string) error {
	ask, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	pods, err := c.ListPodSandbox(ask, &v1.ListPodSandboxRequest{})
	if err != nil {
		return err
	}
	static := map[string]bool{}
	for _, p := range pods.Items {
		static[p.Id] = p.Annotations[sourceKey] == "file" || p.Annotations[sourceKey] == "http"
	}
	list, err := c.ListContainers(ask, &v1.ListContainersRequest{Filter: &v1.ContainerFilter{LabelSelector: map[string]string{containerKey: container}}})
	if err != nil {
		return err
	}
	var errs []error
	for _, x := range list.Containers {
		if static[x.PodSandboxId] {
			errs = append(errs, remove(ctx, c, x.Id))
		}
	}
	return errors.Join(errs...)
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
