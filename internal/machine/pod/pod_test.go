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
	states   [3]v1.ContainerState // of c1, c0 and the look-alike's c2
	gone     []string
	starting int // how often a removal is refused
}

func (*runtime) ListPodSandbox(context.Context, *v1.ListPodSandboxRequest) (*v1.ListPodSandboxResponse, error) {
	return &v1.ListPodSandboxResponse{Items: []*v1.PodSandbox{
		{Id: "p1", Annotations: map[string]string{sourceKey: "file"}}, {Id: "p2", Annotations: map[string]string{sourceKey: "api"}},
	}}, nil
}

func (t *runtime) ListContainers(_ context.Context, r *v1.ListContainersRequest) (*v1.ListContainersResponse, error) {
	if r.Filter.LabelSelector[containerKey] != "etcd" {
		return &v1.ListContainersResponse{}, nil
	}
	return &v1.ListContainersResponse{Containers: []*v1.Container{
		{Id: "c1", PodSandboxId: "p1", State: t.states[0]}, {Id: "c0", PodSandboxId: "p1", State: t.states[1]}, {Id: "c2", PodSandboxId: "p2", State: t.states[2]}}}, nil
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

// serve has the runtime listen, at a socket.
func serve(t *testing.T, r *runtime) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	v1.RegisterRuntimeServiceServer(server, r)
	go server.Serve(l)
	t.Cleanup(server.Stop)
	return socket
}

// What runs, or is just made, is left alone.
func TestReviveStatic(t *testing.T) {
	const exited, running, created = v1.ContainerState_CONTAINER_EXITED, v1.ContainerState_CONTAINER_RUNNING, v1.ContainerState_CONTAINER_CREATED
	for _, tt := range []struct {
		states [3]v1.ContainerState
		want   []string
	}{
		{[3]v1.ContainerState{exited, exited, running}, []string{"stop c1", "remove c1", "stop c0", "remove c0"}},
		{[3]v1.ContainerState{running, exited, exited}, nil},
		{[3]v1.ContainerState{created, exited, exited}, nil},
	} {
		r := &runtime{states: tt.states}
		if err := (Pods{}).ReviveStatic(t.Context(), serve(t, r), "etcd"); err != nil || !slices.Equal(r.gone, tt.want) {
			t.Errorf("%v: got %v, %v, want %v", tt.states, r.gone, err, tt.want)
		}
	}
}

func TestRestartStatic(t *testing.T) {
	r := &runtime{}
	socket := serve(t, r)
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
