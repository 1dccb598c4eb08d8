package pod

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/grpc"
	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// A runtime has the pods etcd, from a file, and a look-alike, from the API.
type runtime struct {
	v1.UnimplementedRuntimeServiceServer
	gone     []string
	starting int // how often a removal is refused
}

func (*runtime) ListPodSandbox(context.Context, *v1.ListPodSandboxRequest) (*v1.ListPodSandboxResponse, error) {
	return &v1.ListPodSandboxResponse{Items: []*v1.PodSandbox{
		{Id: "p1", Annotations: map[string]string{sourceKey: "file"}}, {Id: "p2", Annotations: map[string]string{sourceKey: "api"}},
	}}, nil
}

func (*runtime) ListContainers(_ context.Context, r *v1.ListContainersRequest) (*v1.ListContainersResponse, error) {
	if r.Filter.LabelSelector[containerKey] != "etcd" {
		return &v1.ListContainersResponse{}, nil
	}
	return &v1.ListContainersResponse{Containers: []*v1.Container{{Id: "c1", PodSandboxId: "p1"}, {Id: "c0", PodSandboxId: "p1"}, {Id: "c2", PodSandboxId: "p2"}}}, nil
}

func (r *runtime) StopContainer(_ context.Context, x *v1.StopContainerRequest) (*v1.StopContainerResponse, error) {
	r.gone = append(r.gone, "stop "+x.ContainerId)
	return &v1.StopContainerResponse{}, nil
}

func (r *runtime) RemoveContainer(_ context.Context, x *v1.RemoveContainerRequest) (*v1.RemoveContainerResponse, error) {
	if r.starting--; r.starting >= 0 {
		return nil, errors.New("container is in starting state, can't be removed")
	}
	r.gone = append(r.gone, "remove "+x.ContainerId)
	return &v1.RemoveContainerResponse{}, nil
}

func TestRestartStatic(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	r, server := &runtime{}, grpc.NewServer()
	v1.RegisterRuntimeServiceServer(server, r)
	go server.Serve(l)
	defer server.Stop()
	if err := (Pods{}).RestartStatic(t.Context(), "unix://"+socket, "etcd"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"stop c1", "remove c1", "stop c0", "remove c0"}; !slices.Equal(r.gone, want) {
		t.Errorf("got %v, want %v", r.gone, want)
	}
	r.gone, r.starting = nil, 2
	if err := (Pods{}).RestartStatic(t.Context(), socket, "etcd"); err != nil || !slices.Equal(r.gone, []string{"stop c1", "stop c1", "stop c1", "remove c1", "stop c0", "remove c0"}) {
		t.Errorf("one that is being started: %v, %v", r.gone, err)
	}
	if err := (Pods{}).RestartStatic(t.Context(), socket, "none"); err != nil {
		t.Errorf("a container that does not run: %v", err)
	}
	if err := (Pods{}).RestartStatic(t.Context(), socket+"x", "etcd"); err == nil {
		t.Error("no runtime, and no error")
	}
}
